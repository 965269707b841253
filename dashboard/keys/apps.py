"""RemBG accounts, and the keys to them."""

from importlib import import_module

from django.apps import AppConfig


class KeysConfig(AppConfig):
    """RemBG accounts, and the keys to them."""

    name = "dashboard.keys"

    def ready(self) -> None:
        """Register the system checks; they need models, which are only there now."""
        import_module("dashboard.keys.checks")
