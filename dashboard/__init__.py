"""A self-hosted dashboard for teams that use the RemBG API."""
