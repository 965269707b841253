"""What we measure, against whom: ratios and medians within one run."""
