"""The gateway beside nginx `proxy_pass` to the same upstream (README.md; promises R11).

Both are asked in turns, one picture size and number of clients after the other. Clients and
upstream are on the same machine, and take their part of its processors from both alike.
"""

import argparse
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks import load, servers, subjects
from benchmarks.demo import ROOT
from benchmarks.load import Job, Outcome
from benchmarks.servers import Server
from benchmarks.subjects import Subject

SIZES, CLIENTS = (0.2, 2.0, 20.0), (1, 8, 16, 64)  # MB
THINKING = 200  # ms; RemBG takes longer
# MB, uploads at once, bytes a second of each: slow enough that all are there at the same time.
UPLOADS = ((0.2, 64, 1e5), (2.0, 64, 1e6), (20.0, 64, 4e6), (50.0, 20, 12e6))
NOT_A_NUMBER = float("nan")
HEAD = (
    "                                          of nginx  of before            ms           p99 of"
    "    CPU, ms   peak\n"
    "  MB  clients  upstream          server  a second            median   p95   p99   median"
    "  a picture    MB   load"
)


@dataclass(frozen=True)
class Cell:
    """One line of the table: MB, clients at once, and for how many ms the upstream thinks."""

    size: float
    clients: int
    think: int = 0
    keep_alive: bool = True


@dataclass
class Tally:
    """What one server did in one cell, round by round."""

    outcomes: list[Outcome] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)  # ms a picture
    peaks: list[float] = field(default_factory=list)  # MB

    @property
    def throughput(self) -> float:
        return _median(outcome.throughput for outcome in self.outcomes)

    @property
    def peak(self) -> float:
        return max(self.peaks, default=NOT_A_NUMBER)

    @property
    def wrong(self) -> Counter[str]:
        return sum((Counter(outcome.wrong) for outcome in self.outcomes), Counter())

    def latency(self, share: float) -> float:
        return _median(outcome.percentile(share) for outcome in self.outcomes)


@dataclass
class Bench:
    """The upstream, the pictures, and for how long each server is asked."""

    upstream: Server
    folder: Path
    answer: Path
    seconds: float
    rounds: int
    kind: str
    made: dict[tuple[float, str], Subject] = field(default_factory=dict)

    def job(self, server: Server, size: float, clients: int, kind: str = "", **more: object) -> Job:
        wanted = (size, kind or self.kind)
        if wanted not in self.made:
            self.made[wanted] = subjects.write(self.folder, size, kind=wanted[1])
        subject = self.made[wanted]
        files = (str(subject.path), subject.content_type, str(self.answer))
        # Large pictures take so long that a short round would see too few of them.
        seconds = self.seconds * (1.6 if size > 10 else 0.6 if size < 1 else 1.0)
        plan = {"seconds": seconds, "warm_up": seconds / 4, **more}
        return Job(server.port, *files, clients, key=server.key, **plan)  # type: ignore[arg-type]

    def compare(self, rivals: dict[str, Server], cell: Cell) -> dict[str, Tally]:
        """Ask one after the other, as often as there are rounds."""
        tallies = {name: Tally() for name in rivals}
        servers.ask(self.upstream.port, f"/think/{cell.think}")
        for _ in range(self.rounds):
            for name, server in rivals.items():
                self._ask(server, cell, tallies[name])
        return tallies

    def _ask(self, server: Server, cell: Cell, tally: Tally) -> None:
        server.forget_peak()
        cpu, reached = server.cpu(), self._reached()
        outcome = load.run(self.job(server, cell.size, cell.clients, keep_alive=cell.keep_alive))
        if self._reached() - reached != outcome.sent:
            outcome.wrong[f"{self._reached() - reached} reached the upstream"] = outcome.sent
        tally.outcomes.append(outcome)
        tally.cpu.append((server.cpu() - cpu) * 1000 / max(1, outcome.sent))
        tally.peaks.append(server.resident("VmHWM"))

    def _reached(self) -> int:
        return int(servers.ask(self.upstream.port, "/count"))


def main() -> None:
    asked = _arguments()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dashboard-bench-")))
        folder.chmod(0o755)  # nginx's workers are somebody else
        answer = folder / "answer.webp"
        answer.write_bytes(subjects.answer())
        upstream = stack.enter_context(servers.upstream(folder, answer))
        bench = Bench(upstream, folder, answer, asked.seconds, asked.rounds, asked.kind)
        rivals: dict[str, Server] = {}
        nginx = stack.enter_context(servers.nginx(folder, upstream=upstream.port))
        if nginx is None:
            print("not measured: there is no nginx on this machine (on Debian: nginx-light)")
            return
        rivals["nginx"] = nginx
        started = {f"{workers} web": (workers, ROOT) for workers in asked.workers}
        if asked.before:
            started = {"before": (1, asked.before), **started}
        for name, (workers, checkout) in started.items():
            place, port = folder / name.replace(" ", "-"), upstream.port
            one = servers.gateway(place, upstream=port, workers=workers, checkout=checkout)
            rivals[name] = stack.enter_context(one)
        began = time.monotonic()
        _bare(bench, asked.sizes)
        if asked.uploads:
            _uploads(bench, rivals[f"{asked.workers[0]} web"])
        _table(bench, rivals, list(_cells(asked)))
        print(f"took {time.monotonic() - began:.0f} s")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.gateway", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="2 MB alone, one short round")
    parser.add_argument("--seconds", type=float, default=2.5, help="of one round; default 2.5")
    parser.add_argument("--rounds", type=int, default=2, help="of each server; default 2")
    parser.add_argument("--sizes", type=float, nargs="*", default=SIZES, help="in MB")
    parser.add_argument("--clients", type=int, nargs="*", default=CLIENTS)
    parser.add_argument("--think", type=int, nargs="*", help="in ms; default 0, and 200 for 2 MB")
    parser.add_argument("--kind", choices=("jpeg", "png"), default="jpeg")
    parser.add_argument("--no-uploads", dest="uploads", action="store_false")
    parser.add_argument("--workers", type=int, nargs="+", default=(1, 2), help="web processes")
    parser.add_argument("--before", type=Path, help="another checkout to compare with")
    asked = parser.parse_args()
    if asked.quick:
        asked.sizes, asked.seconds, asked.rounds = (2.0,), 1.5, 1
    return asked


def _cells(asked: argparse.Namespace) -> Iterator[Cell]:
    if asked.think is not None:
        sets = [(size, think) for think in asked.think for size in asked.sizes]
    else:
        # Thinking hides what a server costs, so one size is enough to see that it does.
        sets = [*((size, 0) for size in asked.sizes), (2.0, THINKING)]
    for size, think in sets:
        yield from (Cell(size, clients, think) for clients in asked.clients)
    if asked.think is None:
        yield Cell(2.0, 8, keep_alive=False)


def _bare(bench: Bench, sizes: Sequence[float]) -> None:
    """Say what the upstream itself can do, so that it is seen not to be the slow part."""
    servers.ask(bench.upstream.port, "/think/0")
    for size in sizes:
        outcome = load.run(bench.job(bench.upstream, size, 8, seconds=1.0, warm_up=0.3))
        print(f"upstream alone, {size:g} MB, 8 clients: {outcome.throughput:,.0f} pictures/s")


def _uploads(bench: Bench, gateway: Server) -> None:
    """Say what uploads at once need of memory, more than the server has with as many threads (R11).

    Twice the smallest first: the first time, threads and their database connections are made.
    """
    print(f"\ngateway's memory: {gateway.idle:.0f} MB when just started")
    for size, clients, rate in (UPLOADS[0], *UPLOADS):
        gateway.forget_peak()
        had = gateway.resident()
        kind = "png" if size > max(SIZES) else bench.kind
        job = bench.job(gateway, size, clients, kind, once=True, rate=rate, warm_up=0.0)
        outcome, peak = load.run(job), gateway.resident("VmHWM")
        print(
            f"{clients} × {size:g} MB at once: {peak:.0f} MB at the peak, "
            f"{(peak - had) / clients:.2f} MB an upload more than before; "
            f"{len(outcome.latencies)} answered in {outcome.seconds:.1f} s",
            flush=True,
        )
        _tell_wrong("gateway", Counter(outcome.wrong))
    print("wanted: at most 1 MB an upload, and at most 400 MB with 20 × 50 MB")


def _table(bench: Bench, rivals: dict[str, Server], cells: Sequence[Cell]) -> None:
    print(f"\n{HEAD}")
    for cell in cells:
        tallies = bench.compare(rivals, cell)
        for name, tally in tallies.items():
            print(_line(cell, name, tally, tallies), flush=True)
            _tell_wrong(name, tally.wrong)


def _line(cell: Cell, name: str, tally: Tally, tallies: dict[str, Tally]) -> str:
    before = tallies.get("before", Tally())
    middle, late = tally.latency(0.5), tally.latency(0.99)
    return (
        f"{cell.size:4g} {cell.clients:8} {cell.think:6} ms {'' if cell.keep_alive else 'close':5}"
        f"{name:>10} {tally.throughput:9.1f}"
        f"{_ratio(tally, tallies['nginx']):9.2f} {_ratio(tally, before):9.2f}"
        f"{middle:9.1f} {tally.latency(0.95):5.0f} {late:5.0f} {late / middle:8.1f}"
        f"{_median(tally.cpu):10.1f} {tally.peak:6.0f} {os.getloadavg()[0]:6.1f}"
    )


def _tell_wrong(name: str, wrong: Counter[str]) -> None:
    for reason, count in wrong.most_common(3):
        print(f"  {name}: {count} × {reason}")


def _ratio(ours: Tally, nginx: Tally) -> float:
    return ours.throughput / nginx.throughput if nginx.throughput else NOT_A_NUMBER


def _median(numbers: Iterator[float] | Sequence[float]) -> float:
    found = list(numbers)
    return median(found) if found else NOT_A_NUMBER


if __name__ == "__main__":
    main()
