"""SQLite with a queue in front of its one writer: the database backend of this product."""
