"""Template filters of the removals app."""
