"""People, teams, roles, the audit trail."""

from django.apps import AppConfig


class TeamsConfig(AppConfig):
    """People, teams, roles, the audit trail."""

    name = "dashboard.teams"
