"""Removals from a command line: which picture goes where, and a round over them. No Django."""
