"""What goes wrong: the faults of the keys `sandbox-fault-<id>`, and the short-term limit."""

import hashlib
import threading
import time
from collections import deque
from dataclasses import replace

from dashboard.sandbox import errors, messages
from dashboard.sandbox.messages import Response
from dashboard.sandbox.parameters import Parameters
from dashboard.sandbox.pictures import Picture
from dashboard.sandbox.profiles import Key
from dashboard.sandbox.settings import Settings

# Rows that a service answers before it looks at the request's content, for every call.
AT_ONCE = ("bad_key", "unverified", "rate_short", "rate_daily", "rate_monthly")
# A result like this from a larger source means that an account has run out (contract, 1).
DEGRADED_SIDE, DEGRADED_FROM = 460, 468
# Seconds: how long `flaky` remembers, and the span of the short-term limit.
QUIET, SPAN = 60.0, 10.0
HTML = (
    b"<!doctype html><html><head><title>Just a moment...</title></head>"
    b"<body><h1>Bad gateway</h1></body></html>"
)
# The answers in place of the true one, and the one to the question for usage that differs.
INSTEAD = {
    "html": Response(200, "text/html; charset=utf-8", HTML),
    "redirect": Response(302, "text/html", b"", (("Location", "https://redirected.invalid/"),)),
    "garbage": Response(200, "image/webp", hashlib.shake_256(b"garbage").digest(4096)),
    "reset": Response(200, "text/plain", b"", delivery=messages.RESET),
}
GARBAGE = Response(200, "application/json", b'{"membership": "Premium-20000", "cred')


class Faults:
    """The faults that keys ask for, and how many removals each key asked for lately."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._flaky: dict[tuple[str, str], float] = {}
        self._calls: dict[str, deque[float]] = {}

    def forget(self) -> None:
        with self._lock:
            self._flaky.clear()
            self._calls.clear()

    def limit(self, key: Key) -> None:
        """Count a removal; raises Refusal with the seconds to wait when it is one too many."""
        most, now = self._settings.rate_limit, time.monotonic()
        with self._lock:
            calls = self._calls.setdefault(key.text, deque())
            while calls and calls[0] <= now - SPAN:
                calls.popleft()
            if most and len(calls) >= most:
                wait = str(max(1, round(calls[0] + SPAN - now)))
                raise errors.row("rate_short", headers=(("Retry-After", wait),))
            calls.append(now)

    def at_once(self, key: Key) -> None:
        """Raise the Refusal of keys that no call gets past."""
        if key.fault in AT_ONCE:
            wait = (("Retry-After", self._settings.retry_after),)
            raise errors.row(key.fault, headers=wait if key.fault == "rate_short" else ())

    def instead(self, key: Key, call: str) -> Response | None:
        """The answer given in place of the true one; None where there is no such fault."""
        if call == "rmbg" and key.fault in errors.TABLE:
            raise errors.row(key.fault)
        if key.fault == "flaky" and self._fails(key.text, call):
            raise errors.busy("The service is temporarily unavailable. Please try again.")
        if key.fault == "garbage" and call == "usage":
            return GARBAGE
        return INSTEAD.get(key.fault)

    def _fails(self, key: str, call: str) -> bool:
        """The first call fails, the following work, until a minute passes without any."""
        now = time.monotonic()
        with self._lock:
            last = self._flaky.get((key, call))
            self._flaky[key, call] = now
        return last is None or now - last > QUIET

    def parameters(self, key: Key, parameters: Parameters, picture: Picture) -> Parameters:
        """What is really made: for `degraded` a small picture, unless a size was asked for."""
        sized = parameters.w or parameters.h
        is_small = max(picture.width, picture.height) <= DEGRADED_FROM
        if key.fault != "degraded" or sized or is_small:
            return parameters
        # Turned, a square needs 1.42 times its side.
        side = DEGRADED_SIDE if not parameters.angle else DEGRADED_SIDE * 7 // 10
        return replace(parameters, w=side, h=side, exact_resize=False)

    def on_the_way(self, key: Key, response: Response) -> Response:
        """The true answer, as it reaches the caller; waits for `slow`."""
        if key.fault == "truncated":
            return replace(response, delivery=messages.CUT)
        if key.fault == "slow":
            time.sleep(self._settings.slow)
            return replace(response, delivery=messages.DRIPPING)
        return response
