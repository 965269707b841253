"""The removals' part of the world: a picture with a clear subject, and a desk to send it from."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from PIL import Image, ImageDraw

from dashboard.removals.models import Removal
from dashboard.removals.tasks import work_one
from dashboard.teams.models import User
from tests.conftest import MODEL, Sandbox, running_sandbox

JSON = {"Accept": "application/json"}
REMOVALS = "/teams/acme/removals/"


def subject(kind: str = "PNG", size: tuple[int, int] = (480, 360), **options: object) -> bytes:
    """A picture that any model cuts out: a dark figure on an even, light ground."""
    picture = Image.new("RGB", size, "#e8edf2")
    draw = ImageDraw.Draw(picture)
    width, height = size
    draw.ellipse((width * 0.3, height * 0.2, width * 0.7, height * 0.95), fill="#8a1f2b")
    draw.ellipse((width * 0.4, height * 0.08, width * 0.6, height * 0.38), fill="#5a3a22")
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


@dataclass
class Desk:
    """A browser of one person, and the worker behind the wall."""

    browser: Client

    def send(self, content: bytes | None = None, name: str = "cat.png", **fields: object):
        """Post a picture as the page's script does; answer the response."""
        image = {} if content is None else {"image": SimpleUploadedFile(name, content)}
        return self.browser.post(REMOVALS, {**image, **fields}, headers=JSON)

    def queue(self, content: bytes | None = None, name: str = "cat.png", **fields: object):
        """Send a picture that is accepted; return its row."""
        answer = self.send(content or subject(), name, **fields)
        assert answer.status_code == 201, answer.content
        return Removal.objects.get(pk=answer.json()["id"])

    def work(self, removal: Removal, *, rounds: int = 1, later: timedelta = timedelta()):
        """Let the worker look once a minute for what is due; return the row as it is then."""
        for minute in range(rounds):
            passed = later + timedelta(minutes=minute)
            work_one(clock=lambda passed=passed: timezone.now() + passed)
        removal.refresh_from_db()
        return removal

    def remove(self, content: bytes | None = None, name: str = "cat.png", **fields: object):
        """Send a picture and let the worker do it."""
        return self.work(self.queue(content, name, **fields))

    def result(self, removal: Removal) -> Image.Image:
        """Open what came back."""
        answer = self.browser.get(f"{REMOVALS}{removal.pk}/result")
        return Image.open(io.BytesIO(b"".join(answer.streaming_content)))

    def status(self, removal: Removal) -> dict:
        """Ask what the page's script asks."""
        return self.browser.get(f"{REMOVALS}{removal.pk}/status.json", headers=JSON).json()


def desk_of(user: User) -> Desk:
    """A desk with this person signed in."""
    browser = Client()
    browser.force_login(user)
    return Desk(browser)


@pytest.fixture
def cutting_sandbox(tmp_path, settings) -> Iterator[Sandbox]:
    """A sandbox with its real model."""
    with running_sandbox(tmp_path, model=MODEL) as sandbox:
        settings.REMBG_API_URL = settings.REMBG_SITE_URL = sandbox.url
        yield sandbox


@pytest.fixture(autouse=True)
def _own_files(settings, tmp_path) -> None:
    """Keep each test's pictures apart."""
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {
                "location": tmp_path / "files",
                "file_permissions_mode": 0o600,
                "directory_permissions_mode": 0o700,
            },
        },
    }
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path / "tmp"
    settings.FILE_UPLOAD_TEMP_DIR.mkdir()


@pytest.fixture
def desk(mel, key) -> Desk:
    """Mel's desk, in a team with one key."""
    return desk_of(mel)
