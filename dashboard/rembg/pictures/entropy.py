"""Where a JPEG's coded data ends, found by counting its blocks (ITU-T T.81, annexes F and B).

Huffman codes are followed one by one, and no coefficient is kept. This takes about half a second a
megabyte, so it is done only where the marker that ends a picture is missing.
"""

from __future__ import annotations

import re
import struct
import threading
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from dashboard.rembg import errors
from dashboard.rembg.pictures.source import ByteSource

SEQUENTIAL = (0xC0, 0xC1)  # Huffman-coded frames whose scans hold whole blocks
DHT, DRI = 0xC4, 0xDD
MARKER = re.compile(rb"\xff[\x01-\xfe]")
RESTART = re.compile(rb"\xff+[\xd0-\xd7]")
STUFFED = b"\xff\x00"
MAX_DATA = 16 << 20
ONE_AT_A_TIME = threading.Lock()  # It takes a processor, which other calls of a web want, too.
CHUNK = 32 * 1024
PADDING = (0xFFFFFFFF, 0xFFFFFFFF)  # words that may be looked at behind the end

# An entry of a table: how many coefficients a code stands for, and below that 5 bits for how many
# bits it takes with the number that follows it. A block has 64, or an end-of-block.
WINDOW = 16
BLOCK, END_OF_BLOCK, NO_CODE = 64, 1024, 4096

Table = list[int]
Plan = list[tuple[Table, Table]]  # the DC and AC table of each block of an MCU


@dataclass(frozen=True)
class Component:
    """One colour of a frame, sampled `h` by `v` times in an MCU."""

    h: int
    v: int


@dataclass(frozen=True)
class JpegFrame:
    """The sides of a picture in pixels, and its colours by number."""

    width: int
    height: int
    components: dict[int, Component]


class Reader:
    """Reads the tables of a picture as they come, and finds where its scans end."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._codes: dict[int, tuple[bytes, bytes]] = {}
        self._frame: JpegFrame | None = None
        self._interval = 0
        self._scanned: set[int] = set()

    @property
    def is_complete(self) -> bool:
        """Whether each colour of the frame has had its scan."""
        return self._frame is not None and self._scanned == set(self._frame.components)

    def read(self, marker: int, payload: bytes) -> None:
        """Take note of what a segment says about the scans to come; raise Damaged."""
        if marker == DHT:
            self._read_codes(payload)
        elif marker == DRI:
            self._interval = int.from_bytes(payload[:2], "big")
        elif marker in SEQUENTIAL:
            self._frame = _frame(payload)

    def end_of_scan(self, header: bytes, start: int) -> int:
        """Return where the data that starts there ends; raise Truncated or Damaged."""
        plan, left = self._plan(header)
        while True:
            count = min(self._interval or left, left)
            data = _Data(self._source, start)
            with ONE_AT_A_TIME:
                end = data.place(_bits(data.words(), plan, count))
            left -= count
            if not left:
                return end
            restart = RESTART.match(self._source.at(end, 256))
            if restart is None:
                raise errors.Truncated
            start = end + restart.end()

    def _read_codes(self, payload: bytes) -> None:
        while payload:
            counts = payload[1:17]
            behind = 17 + sum(counts)
            if len(payload) < behind:
                raise errors.Damaged
            self._codes[payload[0]] = counts, payload[17:behind]
            payload = payload[behind:]

    def _plan(self, header: bytes) -> tuple[Plan, int]:
        """Return the tables for the blocks of an MCU, and how many MCUs the scan has."""
        chosen = dict(zip(header[1:-3:2], header[2:-3:2], strict=False))
        frame = self._frame
        if frame is None or not chosen.keys() <= frame.components.keys() - self._scanned:
            raise errors.Damaged
        self._scanned |= chosen.keys()
        plan: Plan = []
        for number, tables in chosen.items():
            part = frame.components[number]
            blocks = part.h * part.v if len(chosen) > 1 else 1
            plan += [(self._table(tables >> 4), self._table(16 | tables & 15))] * blocks
        return plan, _units(frame, list(chosen))

    def _table(self, number: int) -> Table:
        if number not in self._codes:
            raise errors.Damaged
        return _table(*self._codes[number], is_ac=number >= 16)


def _frame(payload: bytes) -> JpegFrame:
    height, width = struct.unpack_from(">HH", payload, 1)
    components = {
        number: Component(sampling >> 4, sampling & 15)
        for number, sampling in zip(payload[6::3], payload[7::3], strict=False)
    }
    if not all(1 <= part.h <= 4 and 1 <= part.v <= 4 for part in components.values()):
        raise errors.Damaged
    return JpegFrame(width, height, components)


def _units(frame: JpegFrame, chosen: list[int]) -> int:
    """Return how many MCUs a scan of these colours has (T.81, A.2)."""
    most_h = max(part.h for part in frame.components.values())
    most_v = max(part.v for part in frame.components.values())
    if len(chosen) > 1:
        return -(-frame.width // (8 * most_h)) * -(-frame.height // (8 * most_v))
    part = frame.components[chosen[0]]
    width, height = -(-frame.width * part.h // most_h), -(-frame.height * part.v // most_v)
    return -(-width // 8) * -(-height // 8)


def _table(counts: bytes, values: bytes, *, is_ac: bool) -> Table:
    """Return what each 16 bits begin with; raise Damaged for more codes than there can be."""
    table: Table = []
    place = 0
    for length, count in enumerate(counts, 1):
        for value in values[place : place + count]:
            table += [_entry(length, value, is_ac=is_ac)] * (1 << WINDOW - length)
        place += count
        if len(table) > 1 << WINDOW:
            raise errors.Damaged
    return table + [NO_CODE << 5 | 1] * ((1 << WINDOW) - len(table))


def _entry(length: int, value: int, *, is_ac: bool) -> int:
    run, size = value >> 4, value & 15
    if not is_ac:
        return 1 << 5 | length + size
    if size:
        return run + 1 << 5 | length + size
    return (16 if run == 15 else END_OF_BLOCK) << 5 | length


def _bits(words: Iterator[int], plan: Plan, count: int) -> int:
    """Return how many bits so many MCUs take; raise Truncated or Damaged."""
    bits = left = taken = 0
    try:
        for _ in range(count):
            for dc, ac in plan:
                table, place = dc, 0
                while place < BLOCK:
                    if left < 32:  # An entry takes at most 31.
                        bits = (bits & (1 << left) - 1) << 32 | next(words)
                        left += 32
                        taken += 32
                    entry = table[bits >> left - WINDOW & 0xFFFF]
                    left -= entry & 31
                    place += entry >> 5
                    table = ac
                if place != BLOCK and not END_OF_BLOCK <= place < END_OF_BLOCK + BLOCK:
                    raise errors.Damaged
    except StopIteration:
        raise errors.Truncated from None
    return taken - left


class _Data:
    """Coded data up to the next marker, without the zeros that are stuffed into it."""

    def __init__(self, source: ByteSource, start: int) -> None:
        self._source = source
        limit = source.search(MARKER, start)
        self._limit = source.size if limit is None else limit
        self._starts = [start]
        self._sizes = [0]  # bytes without zeros in front of each start
        if self._limit - start > MAX_DATA:
            raise errors.Truncated

    def words(self) -> Iterator[int]:
        """Yield it in 32 bits each."""
        rest = b""
        while self._starts[-1] < self._limit:
            raw = self._raw(self._starts[-1])
            data = raw.replace(STUFFED, b"\xff")
            self._starts.append(self._starts[-1] + len(raw))
            self._sizes.append(self._sizes[-1] + len(data))
            rest += data
            count = len(rest) // 4
            yield from struct.unpack_from(f">{count}I", rest)
            rest = rest[4 * count :]
        yield int.from_bytes(rest.ljust(4, b"\xff"), "big")
        yield from PADDING

    def place(self, bits: int) -> int:
        """Return the offset in the file behind so many bits; raise Truncated."""
        size = -(-bits // 8)
        if size > self._sizes[-1]:
            raise errors.Truncated
        number = bisect_right(self._sizes, max(size - 1, 0)) - 1
        raw, size = self._raw(self._starts[number]), size - self._sizes[number]
        end = size
        while end - (stuffed := raw.count(STUFFED, 0, end)) < size:
            end = size + stuffed
        return self._starts[number] + end + (raw[end - 1 : end + 1] == STUFFED)

    def _raw(self, start: int) -> bytes:
        """Return bytes as they are in the file, a stuffed zero with the FF in front of it."""
        raw = self._source.at(start, min(CHUNK, self._limit - start))
        ends_in_two = raw.endswith(b"\xff") and start + len(raw) < self._limit
        return raw + self._source.at(start + len(raw), 1) if ends_in_two else raw
