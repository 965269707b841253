"""Pages of accounts and keys: the views, with what they show."""
