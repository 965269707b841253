"""One key a person; RemBG's wire, served by us."""

from django.apps import AppConfig


class GatewayConfig(AppConfig):
    """One key a person; RemBG's wire, served by us."""

    name = "dashboard.gateway"
