"""That a worker is alive, told through the shared cache."""

from datetime import datetime

from django.core.cache import cache

NAME = "worker-heard-at"
KEPT_SECONDS = 7 * 24 * 3600


def beat(*, at: datetime) -> None:
    """Note that a worker was alive at this moment."""
    cache.set(NAME, at, KEPT_SECONDS)


def last_beat() -> datetime | None:
    """Return when a worker was last heard from, None if never within a week."""
    moment: datetime | None = cache.get(NAME)
    return moment
