"""The team at a glance."""

from django.apps import AppConfig


class OverviewConfig(AppConfig):
    """The team at a glance."""

    name = "dashboard.overview"
