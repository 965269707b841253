"""What was done."""

from django.apps import AppConfig


class RemovalsConfig(AppConfig):
    """What was done."""

    name = "dashboard.removals"
