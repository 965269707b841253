"""A small RemBG of our own, for demos, tests and teams' own CI; it imports nothing of the house."""
