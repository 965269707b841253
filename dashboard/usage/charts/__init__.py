"""Charts as pure functions: rows in, the shape that chart.js draws out, its table and sentence."""
