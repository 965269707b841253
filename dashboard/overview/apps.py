"""The team at a glance."""

from importlib import import_module

from django.apps import AppConfig


class OverviewConfig(AppConfig):
    """The team at a glance."""

    name = "dashboard.overview"

    def ready(self) -> None:
        """Register the system checks; they need models, which are only there now."""
        import_module("dashboard.overview.checks")
