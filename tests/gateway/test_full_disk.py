"""A disk that is full, or fills up (promises R5, U41): nothing spent, or the picture answered."""

import contextlib
import io
import os

import pytest
from django.db import connection
from PIL import Image

from dashboard.gateway.answer_file import AnswerFile
from dashboard.removals.models import Removal, Spending
from tests import disks
from tests.disks import KB, fill
from tests.gateway.conftest import issued
from tests.removals.conftest import subject

LARGE = subject("BMP", size=(700, 700))  # 1.4 MB


@pytest.fixture
def small_disk(tmp_path, settings, files_here):
    """A disk of one megabyte where temporary files go."""
    with disks.small_disk(tmp_path / "disk") as place:
        settings.FILE_UPLOAD_TEMP_DIR = place
        settings.ROOM_BYTES = 0  # The room goes between the check and the writing.
        yield place
        left = [path.name for path in place.iterdir() if path.name != "filling"]
    assert left == []


@pytest.fixture
def send(client, stage, mine, key, settings, files_here):
    """Send a picture with a key that has a cap; its 1 or 2 MB answer comes from the stage."""
    settings.REMBG_API_URL = stage.url
    _, secret = issued(mine, hard=3)

    def post(image):
        named = io.BytesIO(image)
        named.name = "cat.bmp"
        return client.post("/rmbg", {"image": named}, headers={"x-api-key": secret})

    return post


def assert_refused(answer, stage):
    assert (answer.status_code, answer.json()["code"]) == (507, "no_space")
    assert answer["X-Credits-Charged"] == "0"
    assert not stage.bodies
    assert not Removal.objects.exists()
    assert not Spending.objects.filter(taken__gt=0).exists()


def test_r5_without_room_for_a_result_nothing_is_spent(db, stage, send, settings):
    settings.ROOM_BYTES = 1 << 60

    assert_refused(send(LARGE), stage)


@pytest.mark.parametrize("leaving", [0, 4 * KB, 300 * KB, 1020 * KB])
def test_u41_a_disk_that_fills_up_under_an_upload_is_507(db, small_disk, stage, send, leaving):
    fill(small_disk, leaving=leaving)

    assert_refused(send(LARGE), stage)


def test_u41_a_picture_is_stripped_without_room_for_a_second_copy(db, small_disk, stage, send):
    picture = noise(600 * KB, "PNG")

    answer = send(picture + bytes(80 * KB))

    assert (answer.status_code, answer["X-Credits-Charged"]) == (200, "1")
    assert picture in stage.bodies[0]


def test_u41_a_disk_that_fills_up_under_the_kept_picture_is_507(
    db, small_disk, stage, send, settings, acme
):
    options = {"location": small_disk}
    backend = "django.core.files.storage.FileSystemStorage"
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": backend, "OPTIONS": options},
    }
    acme.keeps_api_pictures = True
    acme.save()
    picture = subject("BMP", size=(480, 400))
    fill(small_disk, leaving=len(picture) + 8 * KB)

    answer = send(picture)

    assert_refused(answer, stage)
    assert not list(small_disk.rglob("*.draft"))
    with contextlib.suppress(OSError):
        (small_disk / "pictures" / str(acme.pk)).rmdir()
        (small_disk / "pictures").rmdir()


@pytest.mark.parametrize("leaving", [0, 4 * KB, 100 * KB, 300 * KB])
def test_r5_a_disk_that_fills_up_under_the_answer_costs_nobody_the_picture(
    db, small_disk, stage, send, leaving
):
    big = noise(900 * KB)

    def play(scene):
        scene.take()
        fill(small_disk, leaving=leaving)
        scene.give(big)

    stage.play = play
    answer = send(subject("PNG", size=(60, 45)))

    assert answer.status_code == 200, answer.content[:300]
    assert b"".join(answer.streaming_content) == big
    assert answer["X-Credits-Charged"] == "1"
    assert Removal.objects.get().charged == "yes"


@pytest.mark.parametrize("leaving", [0, 1, 4 * KB, 60 * KB, 300 * KB, 900 * KB])
def test_r5_what_is_written_to_an_answer_is_read_again(small_disk, leaving):
    content = os.urandom(1536 * KB)
    fill(small_disk, leaving=leaving)

    with contextlib.closing(AnswerFile()) as file:
        for start in range(0, len(content), 100_000):
            assert file.write(content[start : start + 100_000]) == len(
                content[start : start + 100_000]
            )
        file.seek(0)
        assert file.read() == content


@pytest.fixture
def no_ends(db):
    """A database that takes no end of a removal, as one on a full disk does not."""
    if connection.vendor != "sqlite":
        pytest.skip("the trigger is written for SQLite")
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TRIGGER no_ends BEFORE UPDATE ON main.removals_removal"
            " WHEN NEW.finished_at IS NOT NULL BEGIN SELECT RAISE(ABORT, 'full'); END"
        )


@pytest.mark.parametrize(
    ("play", "charged"),
    [(lambda scene: scene.take(), "unknown"), (None, "1")],
    ids=["cut", "answered"],
)
def test_r19_an_end_that_cannot_be_written_is_told_as_it_was(no_ends, stage, send, play, charged):
    if play:
        stage.play = play

    answer = send(subject("PNG", size=(60, 45)))

    assert answer["X-Credits-Charged"] == charged
    row = Removal.objects.get()
    assert (row.state, row.charged) == ("sending", "unknown")


def noise(size, kind="WEBP"):
    """A picture of about so many bytes, for noise does not get smaller."""
    side = round((size / 3) ** 0.5)
    picture = Image.frombytes("RGB", (side, side), os.urandom(side * side * 3))
    target = io.BytesIO()
    picture.save(target, kind, lossless=True)
    return target.getvalue()
