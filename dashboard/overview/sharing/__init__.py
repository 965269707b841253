"""Links that show a chart, the overview or a badge to people without an account here."""
