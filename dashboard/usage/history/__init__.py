"""History finer than upstream's: what readings in a row say about hours and days.

Pure values and functions: `values`, `differences`, `tallies`, `buckets`, `window_readings`. From
rows: `queries`.
"""
