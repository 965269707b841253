"""People, teams, roles, the audit trail."""
