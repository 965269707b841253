"""A key nobody may see, a picture, and what a good answer to it looks like."""

import io
from datetime import UTC, datetime

import pytest
from PIL import Image

from dashboard.rembg.breaker import Breakers
from dashboard.rembg.client import Client, open_session
from dashboard.rembg.wire import Timeouts
from tests.waiting import WAIT

CANARY = "c4n4ry-9f86d081-8884c7d6+59a2/feaa0c55"
NOON = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
LONG = 5 * WAIT  # Seconds: a limit that is not meant.
QUICK = Timeouts(connect=0.3, read=0.3, answer=0.5, total=LONG)
BRIEF = Timeouts(connect=LONG, read=LONG, answer=LONG, total=3)
# Where no limit is met: however busy the machine is, what comes is heard.
ROOMY = Timeouts(connect=LONG, read=LONG, answer=LONG, total=LONG)


def drawn(width: int, height: int, kind: str) -> bytes:
    """Return a picture in one colour."""
    file = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(file, kind)
    return file.getvalue()


@pytest.fixture(scope="session")
def photo() -> bytes:
    """A JPEG of 640 x 480."""
    return drawn(640, 480, "JPEG")


@pytest.fixture(scope="session")
def cutout() -> bytes:
    """A WebP of the same size."""
    return drawn(640, 480, "WEBP")


@pytest.fixture(scope="session")
def session():
    """One session for all clients."""
    with open_session() as session:
        yield session


@pytest.fixture
def client_of(session):
    """Make clients of a server, each with breakers of its own."""

    def make(url: str, key: str = CANARY, timeouts: Timeouts = ROOMY, **options) -> Client:
        options.setdefault("breakers", Breakers())
        options.setdefault("session", session)
        options.setdefault("now", lambda: NOON)
        return Client(key, api_url=url, site_url=url, timeouts=timeouts, **options)

    return make
