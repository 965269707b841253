"""What was used."""

from django.apps import AppConfig


class UsageConfig(AppConfig):
    """What was used."""

    name = "dashboard.usage"
