"""RemBG accounts, and the keys to them."""
