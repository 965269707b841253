"""The disk fills at each step of a removal from the queue (R19): nothing is paid for twice."""

from contextlib import suppress
from datetime import timedelta

import pytest

from dashboard.removals.models import Removal
from tests import disks
from tests.disks import KB, fill
from tests.rembg.conftest import drawn
from tests.rembg.hostile import hostile, http
from tests.removals.conftest import subject

LARGE = drawn(640, 480, "BMP")  # 900 KB


@pytest.fixture
def small_disk(tmp_path, settings):
    """A disk of one megabyte where pictures and results are kept."""
    with disks.small_disk(tmp_path / "disk") as place:
        settings.STORAGES["default"]["OPTIONS"]["location"] = place
        settings.STORAGES = {**settings.STORAGES}
        settings.ROOM_BYTES = 0  # The room goes between the check and the writing.
        yield place


@pytest.fixture
def upstream(settings, small_disk):
    """What takes a picture, fills the disk but for so much, and answers; `paid` counts."""

    class Upstream:
        leaving, paid = 0, 0

    def script(line):
        line.request()
        fill(small_disk, leaving=Upstream.leaving)
        Upstream.paid += 1
        with suppress(OSError):
            line.send(http(200, LARGE, Content_Type="image/bmp"))

    with hostile(script) as server:
        settings.REMBG_API_URL = server.url
        yield Upstream


@pytest.mark.parametrize("leaving", [0, 1, 4 * KB, 60 * KB, 300 * KB, 800 * KB])
def test_r19_the_disk_fills_while_the_answer_comes(desk, upstream, small_disk, leaving):
    upstream.leaving = leaving
    removal = desk.queue(subject(size=(640, 480)), format="bmp")

    desk.work(removal, rounds=3)

    assert upstream.paid == 1
    assert (removal.state, removal.error, removal.charged) == ("failed", "not_stored", "yes")
    assert not list(small_disk.rglob("*.draft"))
    assert not list(small_disk.rglob("results/*/*.*"))


def test_r19_no_file_can_be_made_for_the_result(desk, upstream, small_disk):
    removal = desk.queue(subject(size=(640, 480)), format="bmp")
    # The folder's place is taken, as it is where a disk has no inode left.
    (small_disk / "results").write_bytes(b"")

    desk.work(removal)
    assert (removal.state, removal.error, removal.charged) == ("queued", "no_space", "no")
    assert upstream.paid == 0

    (small_disk / "results").unlink()
    upstream.leaving = 1000 * KB
    desk.work(removal, later=timedelta(minutes=5))
    assert (removal.state, upstream.paid) == ("done", 1)


def test_r19_there_is_room_for_the_answer_and_none_for_its_preview(desk, upstream, small_disk):
    upstream.leaving = 904 * KB  # To the page.
    removal = desk.queue(subject(size=(640, 480)), format="bmp")

    desk.work(removal, rounds=3)

    assert (removal.state, removal.charged, removal.thumbnail) == ("done", "yes", "")
    assert (upstream.paid, Removal.objects.count()) == (1, 1)
