"""`manage.py sandbox`: the sandbox alone, in this process."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from dashboard.sandbox.server import add_arguments, run


class Command(BaseCommand):
    help = "Run the sandbox, a small RemBG for demos and tests."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_arguments(parser)

    def handle(self, *args: Any, host: str | None, port: int | None, **options: Any) -> None:
        sys.exit(run(host, port))
