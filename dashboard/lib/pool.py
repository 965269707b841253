"""Connections to PostgreSQL, of which there are fewer than threads."""

from django.db import connection


def let_go() -> None:
    """Give this thread's connection back to the pool, for a long wait is ahead; not within atomic.

    SQLite has no pool, and closing its last connection would cost a checkpoint.
    """
    if connection.vendor == "postgresql" and not connection.in_atomic_block:
        connection.close()
