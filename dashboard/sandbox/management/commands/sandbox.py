"""`manage.py sandbox`: the sandbox alone, in this process."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import replace
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from dashboard.sandbox.server import run
from dashboard.sandbox.settings import BadSetting, Settings


class Command(BaseCommand):
    help = "Run the sandbox, a small RemBG for demos and tests."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host")
        parser.add_argument("--port", type=int, help="0 takes a free one")

    def handle(self, *args: Any, host: str | None, port: int | None, **options: Any) -> None:
        try:
            settings = Settings.from_environment()
        except BadSetting as exc:
            raise CommandError(str(exc)) from None
        settings = replace(
            settings,
            host=settings.host if host is None else host,
            port=settings.port if port is None else port,
        )
        try:
            run(settings)
        except OSError as exc:
            raise CommandError(f"Cannot listen: {exc.strerror}.") from exc
