"""`python manage.py demo`: web, worker and sandbox with sample data on this machine."""

import signal
import time
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from dashboard.overview.processes import (
    DidNotStart,
    Processes,
    check_free,
    manage,
    run,
    sandbox_url,
    web_command,
)
from dashboard.overview.seeding import PASSWORD, PEOPLE, TEAM

BANNER = """
  The dashboard is at  {url}
  The sandbox is at    {sandbox}

  Sign in as  {people}
  password    {password}

  What web, worker and sandbox say is in {logs}.
  Ctrl-C stops everything.
"""


ANOTHER_HOST = (
    "The demo speaks to its own sandbox: unset REMBG_API_URL and REMBG_SITE_URL, "
    "or use `manage.py setup`, granian and `manage.py runworker` (docs/operations.md)."
)


class Stopped(Exception):
    """Somebody asked us to stop."""


class Command(BaseCommand):
    """Set up, seed and run everything on 127.0.0.1 until Ctrl-C."""

    help = "Run web, worker and sandbox with sample data on 127.0.0.1; Ctrl-C stops all."

    def handle(self, *args: Any, **options: Any) -> None:
        """Start the children, seed, print the logins, wait; raise CommandError when one ends."""
        if sandbox_url() != settings.REMBG_API_URL or sandbox_url() != settings.REMBG_SITE_URL:
            raise CommandError(ANOTHER_HOST)
        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        processes = Processes(settings.DATA_DIR / "logs")
        try:
            self.start(processes)
            self.say_where(processes)
            while (name := processes.first_to_end()) is None:
                time.sleep(0.5)
            raise CommandError(f"The {name} process ended: see {processes.logs / name}.log")
        except DidNotStart as exc:
            raise CommandError(str(exc)) from exc
        except Stopped:
            self.stdout.write("\nstopping")
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            processes.stop()

    def start(self, processes: Processes) -> None:
        """Bring everything up; the web server first of those that people see."""
        check_free(settings.PORT, settings.SANDBOX_PORT)
        run(manage("setup"))
        processes.start("sandbox", manage("sandbox"))
        processes.start(
            "web", web_command(settings.PORT, workers=settings.WEB_WORKERS), DEMO="True"
        )
        processes.wait_for("sandbox", f"{sandbox_url()}/healthz")
        processes.wait_for("web", f"http://127.0.0.1:{settings.PORT}/healthz")
        # The worker last: while seeding moves the sandbox's clock, a poll would read the past.
        run(manage("seeddemo"))
        processes.start("worker", manage("runworker"), DEMO="True")

    def say_where(self, processes: Processes) -> None:
        """Print the address and the logins."""
        people = ", ".join(f"{name}@{TEAM}.example" for name in PEOPLE)
        self.stdout.write(
            BANNER.format(
                url=f"http://127.0.0.1:{settings.PORT}",
                sandbox=sandbox_url(),
                people=people,
                password=PASSWORD,
                logs=processes.logs,
            )
        )
        self.stdout.flush()


def stop(number: int, frame: FrameType | None) -> None:
    """Turn a signal into the end of the wait."""
    raise Stopped
