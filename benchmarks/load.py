"""A closed loop of clients: each sends a picture, hears the whole answer, and sends the next.

`python -m benchmarks.load JOB` (JSON) is a process of its own, so that it does not take turns with
what it measures; `run` starts it. Each client has an address of its own (127.0.0.2 and up).
"""

import json
import selectors
import socket
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

CHUNK = 256 * 1024
LONGEST = 60.0  # seconds until a client gives up


@dataclass(frozen=True)
class Job:
    """What is sent where, how often and for how long; `rate` is in bytes a second and client."""

    port: int
    body: str
    content_type: str
    answer: str
    clients: int
    seconds: float = 3.0
    warm_up: float = 0.5
    key: str = ""
    keep_alive: bool = True
    once: bool = False
    rate: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """How many right answers came within `seconds`, and how long each took, sorted."""

    seconds: float
    latencies: list[float]
    sent: int
    wrong: dict[str, int]

    @property
    def throughput(self) -> float:
        """Return pictures a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """Return a latency in milliseconds."""
        if not self.latencies:
            return float("nan")
        return self.latencies[min(len(self.latencies) - 1, int(len(self.latencies) * share))] * 1000


@dataclass
class Talker:
    """One client, and where it is in its exchange."""

    number: int
    sock: socket.socket | None = None
    began: float = 0.0
    sent: int = 0
    heard: bytearray = field(default_factory=bytearray)
    is_done: bool = False


class Loop:
    """All clients in one thread."""

    def __init__(self, job: Job) -> None:
        self.job = job
        body = Path(job.body).read_bytes()
        self.request = memoryview(head(job, len(body)) + body)
        self.answer = Path(job.answer).read_bytes()
        self.selector = selectors.DefaultSelector()
        self.talkers = [Talker(number) for number in range(job.clients)]
        self.latencies: list[float] = []
        self.wrong: Counter[str] = Counter()
        self.count = 0

    def run(self) -> Outcome:
        began = time.perf_counter()
        self.opens, self.closes = began + self.job.warm_up, began + self.job.warm_up
        self.closes += LONGEST if self.job.once else self.job.seconds
        for talker in self.talkers:
            self._begin(talker)
        while any(not talker.is_done for talker in self.talkers):
            for key, events in self.selector.select(0.5):
                self._go_on(key.data, events)
            if self.job.rate:
                time.sleep(0.01)
            self._give_up()
        seconds = time.perf_counter() - began if self.job.once else self.job.seconds
        return Outcome(seconds, sorted(self.latencies), self.count, dict(self.wrong))

    def _begin(self, talker: Talker) -> None:
        if time.perf_counter() >= self.closes:
            talker.is_done = True
            self._hang_up(talker)
            return
        talker.began, talker.sent = time.perf_counter(), 0
        talker.heard.clear()
        self.count += 1
        if talker.sock is None:
            sock = socket.socket()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.bind((f"127.0.0.{2 + talker.number}", 0))
            sock.connect(("127.0.0.1", self.job.port))
            sock.setblocking(False)
            talker.sock = sock
            self.selector.register(sock, selectors.EVENT_READ, talker)
        both = selectors.EVENT_READ | selectors.EVENT_WRITE
        self.selector.modify(talker.sock, both, talker)

    def _go_on(self, talker: Talker, events: int) -> None:
        try:
            if events & selectors.EVENT_READ:
                self._hear(talker)
            if events & selectors.EVENT_WRITE and talker.sock is not None:
                self._send(talker)
        except OSError as exc:
            self._end(talker, f"{type(exc).__name__} after {talker.sent} bytes", stays=False)

    def _send(self, talker: Talker) -> None:
        allowed = len(self.request)
        if self.job.rate:
            elapsed = time.perf_counter() - talker.began
            allowed = min(allowed, int(self.job.rate * elapsed), talker.sent + CHUNK)
        if allowed > talker.sent:
            talker.sent += talker.sock.send(self.request[talker.sent : allowed])
        if talker.sent == len(self.request):
            self.selector.modify(talker.sock, selectors.EVENT_READ, talker)

    def _hear(self, talker: Talker) -> None:
        data = talker.sock.recv(CHUNK)
        talker.heard += data
        found = parse(talker.heard, at_end=not data)
        if found is None and data:
            return
        if found is None:
            self._end(talker, "closed without an answer", stays=False)
            return
        status, body, stays = found
        right = status == 200 and body == self.answer and talker.sent == len(self.request)
        reason = "" if right else f"{status} {bytes(body[:120])!r}"
        self._end(talker, reason, stays=stays and right and self.job.keep_alive)

    def _end(self, talker: Talker, wrong: str, *, stays: bool) -> None:
        now = time.perf_counter()
        if wrong:
            self.wrong[wrong] += 1
        elif self.opens <= now < self.closes:
            self.latencies.append(now - talker.began)
        if not stays:
            self._hang_up(talker)
        if self.job.once:
            talker.is_done = True
            self._hang_up(talker)
        else:
            self._begin(talker)

    def _give_up(self) -> None:
        late = time.perf_counter() - LONGEST
        for talker in self.talkers:
            if not talker.is_done and talker.began < late:
                self._end(talker, f"no answer within {LONGEST:g} s", stays=False)

    def _hang_up(self, talker: Talker) -> None:
        if talker.sock is not None:
            self.selector.unregister(talker.sock)
            talker.sock.close()
            talker.sock = None


def head(job: Job, length: int) -> bytes:
    """Return the request's head; `Connection` is said only where it is to be closed."""
    lines = [
        "POST /rmbg HTTP/1.1",
        f"Host: 127.0.0.1:{job.port}",
        f"x-api-key: {job.key}",
        f"Content-Type: {job.content_type}",
        f"Content-Length: {length}",
        "Accept: */*",
    ]
    lines += [] if job.keep_alive else ["Connection: close"]
    return "\r\n".join([*lines, "", ""]).encode()


def parse(heard: bytearray, *, at_end: bool) -> tuple[int, bytes, bool] | None:
    """Return status, body and whether the connection stays; None while the answer is incomplete."""
    end = heard.find(b"\r\n\r\n")
    if end < 0:
        return None
    first, *lines = bytes(heard[:end]).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    status, body = int(first.split()[1]), heard[end + 4 :]
    stays = headers.get("connection", "").lower() != "close" and not at_end
    if "content-length" in headers:
        return (status, bytes(body), stays) if len(body) == int(headers["content-length"]) else None
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return (status, dechunked(bytes(body)), stays) if body.endswith(b"0\r\n\r\n") else None
    return (status, bytes(body), False) if at_end else None


def dechunked(body: bytes) -> bytes:
    """Return what the chunks of a whole body hold."""
    pieces = []
    while True:
        size, _, body = body.partition(b"\r\n")
        length = int(size.split(b";")[0], 16)
        if not length:
            return b"".join(pieces)
        pieces.append(body[:length])
        body = body[length + 2 :]


def run(job: Job) -> Outcome:
    """Do a job in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.load", json.dumps(asdict(job))]
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, timeout=job.seconds + 3 * LONGEST
    )
    return Outcome(**json.loads(done.stdout))


if __name__ == "__main__":
    print(json.dumps(asdict(Loop(Job(**json.loads(sys.argv[1]))).run())))
