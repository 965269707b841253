"""What goes wrong for the keys `sandbox-fault-<id>`."""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import replace

from dashboard.sandbox import errors, exchange, profiles
from dashboard.sandbox.errors import Problem, Refusal
from dashboard.sandbox.exchange import Response
from dashboard.sandbox.parameters import Parameters
from dashboard.sandbox.pictures import Picture
from dashboard.sandbox.profiles import Key
from dashboard.sandbox.settings import Settings

# Rows that a service answers before it looks at the request's content, for every call.
AT_THE_DOOR = ("bad_key", "unverified", "rate_short", "rate_daily", "rate_monthly")
# A result like this from a larger source means that an account has run out (contract, 1).
DEGRADED_SIDE, DEGRADED_FROM = 460, 468
QUIET = 60.0
HTML = (
    b"<!doctype html><html><head><title>Just a moment...</title></head>"
    b"<body><h1>Bad gateway</h1></body></html>"
)
REDIRECT = "https://redirected.invalid/"


class Faults:
    """The faults that keys ask for; `flaky` remembers when it last failed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._flaky: dict[tuple[str, str], float] = {}

    def at_the_door(self, key: Key) -> None:
        """Raise the Refusal of keys that no call gets past."""
        if key.fault in AT_THE_DOOR:
            row = errors.TABLE[key.fault]
            wait = (("Retry-After", self._settings.retry_after),)
            headers = wait if key.fault == "rate_short" else ()
            raise Refusal(row.status, [Problem(row.sentence)], headers=headers)

    def instead(self, key: Key, call: str) -> Response | None:
        """The answer given in place of the true one; None where there is no such fault."""
        if key.fault == profiles.HTML:
            return Response(200, "text/html; charset=utf-8", HTML)
        if key.fault == profiles.REDIRECT:
            return Response(302, "text/html", b"", (("Location", REDIRECT),))
        if key.fault == profiles.GARBAGE and call == "rmbg":
            return Response(200, "image/webp", hashlib.shake_256(b"garbage").digest(4096))
        if key.fault == profiles.GARBAGE:
            return Response(200, "application/json", b'{"membership": "Premium-20000", "cred')
        if key.fault == profiles.RESET:
            return Response(200, "text/plain", b"", delivery=exchange.RESET)
        if key.fault == profiles.FLAKY and self._fails(key.text, call):
            raise errors.busy("The service is temporarily unavailable. Please try again.")
        return None

    def _fails(self, key: str, call: str) -> bool:
        """The first call fails, the following work, until a minute passes without any."""
        now = time.monotonic()
        with self._lock:
            last = self._flaky.get((key, call))
            self._flaky[key, call] = now
        return last is None or now - last > QUIET

    def of_the_table(self, key: Key) -> None:
        """Raise the Refusal of a key that stands for a row about the request's content."""
        if key.fault in errors.TABLE:
            raise errors.TABLE[key.fault].refusal()

    def parameters(self, key: Key, parameters: Parameters, picture: Picture) -> Parameters:
        """What is really made: for `degraded` a small picture, unless a size was asked for."""
        sized = parameters.w or parameters.h
        if key.fault != profiles.DEGRADED or sized:
            return parameters
        if max(picture.width, picture.height) <= DEGRADED_FROM:
            return parameters
        # Turned, a square needs 1.42 times its side.
        side = DEGRADED_SIDE if not parameters.angle else DEGRADED_SIDE * 7 // 10
        return replace(parameters, w=side, h=side, exact_resize=False)

    def on_the_way(self, key: Key, response: Response) -> Response:
        """The true answer, as it reaches the caller; waits for `slow`."""
        if key.fault == profiles.TRUNCATED:
            return replace(response, delivery=exchange.CUT)
        if key.fault == profiles.SLOW:
            time.sleep(self._settings.slow)
            return replace(response, delivery=exchange.DRIPPING)
        return response

    def forget(self) -> None:
        with self._lock:
            self._flaky.clear()
