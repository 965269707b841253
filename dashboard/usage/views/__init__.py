"""Pages of accounts and what they used, and the way a key comes in."""
