"""The sandbox as a Django app, for its command only."""

from django.apps import AppConfig


class SandboxConfig(AppConfig):
    """Brings `manage.py sandbox`; there are no models and no views."""

    name = "dashboard.sandbox"
