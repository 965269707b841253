"""The gateway behind a real socket, in this process: a caller, and what there is to see afterwards.

What holds for every answer is looked at for every answer (promises N).
"""

import base64
import io
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from PIL import Image

from dashboard.gateway.models import VirtualKey
from dashboard.keys.models import ApiKey
from dashboard.removals.models import Removal, Spending
from dashboard.wsgi import application

SECRET = "c4n4ry-9f86d081-8884c7d6+59a2/feaa0c55"
CREDITS = {"yes": "1", "no": "0", "unknown": "unknown"}
STATES = {"yes": "done", "no": "failed", "unknown": "unknown"}
SECONDS = 120


def drawn(kind: str, size: tuple[int, int] = (64, 48)) -> bytes:
    """Return a picture in one colour, without metadata."""
    file = io.BytesIO()
    Image.new("RGB", size, "teal").save(file, kind)
    return file.getvalue()


class Server(ThreadedWSGIServer):
    """Waits for its threads at the end, so that a test looks at what is over."""

    daemon_threads = False


class Quiet(WSGIRequestHandler):
    """Writes no line of its own: the product's log is looked at."""

    def log_message(self, format, *args) -> None:
        pass


@contextmanager
def serving() -> Iterator[str]:
    """Serve the product, as `dashboard.wsgi` has it, on a free port."""
    server = Server(("127.0.0.1", 0), Quiet)
    server.set_app(application)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Gate:
    """A program with a virtual key, and the rows that its calls leave."""

    url: str
    key: VirtualKey
    secret: str
    upstream: ApiKey
    answers: list[requests.Response] = field(default_factory=list)

    def call(
        self, picture: bytes | None = None, *, name: str = "cat.png", **fields: object
    ) -> requests.Response:
        """Send a picture as any program does."""
        answer = requests.post(
            f"{self.url}/rmbg",
            headers={"x-api-key": self.secret, "Connection": "close"},
            files={"image": (name, picture or drawn("PNG"))},
            data=fields,
            timeout=SECONDS,
        )
        self.answers.append(answer)
        return answer

    def failed(
        self,
        answer: requests.Response,
        status: int,
        code: str,
        *,
        charged: str,
        retry_after: range | None = None,
    ) -> Removal:
        """Check a failure: the answer, the row of its call, and that they say the same."""
        told = answer.json()
        assert (answer.status_code, told["status"], told["code"]) == (status, status, code)
        assert answer.headers["X-Credits-Charged"] == CREDITS[charged]
        assert answer.headers["Content-Type"] == "application/json"
        pause = answer.headers.get("Retry-After")
        assert (pause and int(pause)) in (retry_after or {None}), pause
        row = Removal.objects.get(request_id=told["request_id"])
        assert told["request_id"] == answer.headers["X-Request-Id"]
        assert (row.state, row.charged, row.error) == (STATES[charged], charged, code)
        assert (row.message, row.result, row.finished_at is None) == (told["error"], "", False)
        return row

    def taken(self) -> int:
        """Return the credits that the key's cap has given out in this cycle."""
        return Spending.objects.get(budget=self.key.budget).taken

    def rows(self) -> int:
        """Return how many calls have a row."""
        return Removal.objects.count()

    def seen(self) -> ApiKey:
        """Return RemBG's key as it is now."""
        self.upstream.refresh_from_db()
        return self.upstream


def forms_of(secret: str) -> set[str]:
    """Return the shapes in which a careless text would show it."""
    data = secret.encode()
    return {
        secret,
        secret[::-1],
        data.hex(),
        base64.b64encode(data).decode().rstrip("="),
        requests.utils.quote(secret, safe=""),
    }


def leaks(answers: list[requests.Response], records: list[logging.LogRecord]) -> list[str]:
    """Return what of answers and log lines holds RemBG's key."""
    lines = logging.Formatter()
    texts = [f"{answer.headers}\n{answer.content.decode('latin-1')}" for answer in answers]
    texts += [f"{lines.format(record)} {record.args} {vars(record)}" for record in records]
    return [text for text in texts for form in forms_of(SECRET) if form in text]


def left_in(folder: Path) -> list[str]:
    """Return the files that are in a folder, with those that have lost their name but are open."""
    found = [str(path) for path in folder.rglob("*") if path.is_file()]
    for handle in Path("/proc/self/fd").iterdir():
        try:
            target = os.readlink(handle)
        except OSError:
            continue
        if target.startswith(f"{folder}/"):
            found.append(target)
    return found
