"""Removals from a command line: what to do (plan), doing it (round), telling of it. No Django."""
