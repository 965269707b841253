"""The API reference as a Django app."""

from django.apps import AppConfig


class ReferenceConfig(AppConfig):
    """The attic: it shows what the floors below serve."""

    name = "dashboard.reference"
