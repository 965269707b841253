"""Asking RemBG, writing rows, when, and growing old."""
