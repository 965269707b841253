"""`manage.py sandbox`: the sandbox alone, in this process."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from dashboard.sandbox.server import add_arguments, run
from dashboard.sandbox.settings import BadSetting


class Command(BaseCommand):
    help = "Run the sandbox, a small RemBG for demos and tests."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_arguments(parser)

    def handle(self, *args: Any, host: str | None, port: int | None, **options: Any) -> None:
        try:
            run(host, port)
        except BadSetting as exc:
            raise CommandError(str(exc)) from None
        except OSError as exc:
            raise CommandError(f"Cannot listen: {exc.strerror}.") from exc
