"""Tools; they know nothing of the house."""
