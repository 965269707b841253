"""`python manage.py setup`: bring an installation up to date; running it twice does no harm."""

from io import StringIO
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from dashboard.keys.locks import locked
from dashboard.keys.models import ApiKey


class Command(BaseCommand):
    """Migrate, make the cache's table, gather static files, make the first encryption key."""

    help = "Bring the database, the cache, static files and the encryption key up to date."

    def handle(self, *args: Any, **options: Any) -> None:
        """Do each step; a key is never made where something is sealed already (promises K16)."""
        call_command("migrate", verbosity=0, interactive=False)
        call_command("createcachetable", verbosity=0)
        call_command("collectstatic", verbosity=0, interactive=False)
        if not settings.ENCRYPTION_KEYS and not ApiKey.objects.exists():
            # The next process reads it; nothing of this one seals.
            call_command("makekey", stdout=StringIO())
            self.stdout.write(f"made an encryption key in {settings.DATA_DIR / 'secrets'}")
        if not locked():
            for key in ApiKey.objects.without_fingerprint():
                key.note_fingerprint()
        self.stdout.write("set up")
