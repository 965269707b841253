"""The formula and the operands behind a number, one module a family of numbers."""
