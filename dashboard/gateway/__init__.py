"""One key a person; RemBG's wire, served by us."""
