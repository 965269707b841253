"""Template filters of the reference app."""
