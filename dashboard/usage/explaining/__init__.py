"""How the numbers that we compute from readings come about."""
