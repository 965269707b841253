"""Forecasts against what came of them, for made-up teams, beside the straight line.

`python -m benchmarks.backtest` prints the table of docs/forecast.md. It uses the reporting seeds;
the forecast's constants were chosen on other seeds, which `--tuning` runs.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from benchmarks.teams import CYCLE, HISTORY, HOUR, SHAPES, Team, team
from dashboard.usage.burn_rate import CounterReading
from dashboard.usage.forecast import Facts, Forecast, Verdict, forecast

SHARES = (0.10, 0.25, 0.50, 0.75)
REPORTING, TUNING = 0, 1_000_000
DAY = timedelta(days=1)
COLUMNS = (
    "kind",
    "forecasts",
    "use at the renewal in its range (below, above)",
    "run-out in its range, of those that may run out",
    "run-out error in days, median: ours, line",
    "mean: ours, line",
    'Brier score of "lasts": ours, line',
    "yes or no said; right",
)


@dataclass(frozen=True)
class Case:
    """One forecast and what came of it; moments are days from the forecast, the latest is the
    renewal: what runs out after it counts as running out then, for us and for the line."""

    kind: str
    renewal: float
    truth: float
    early: float
    median: float
    late: float
    line: float
    lasts: float
    verdict: Verdict | None
    used: int
    low: int
    high: int

    @property
    def is_open(self) -> bool:
        """Say whether nothing runs out: not in truth, not in the range, not by the line."""
        return self.renewal == self.truth == self.early == self.line

    @property
    def did_last(self) -> bool:
        """Say whether the credits lasted until the renewal."""
        return self.truth == self.renewal


def cases(*, first: int, count: int) -> Iterator[tuple[Case, float]]:
    """Return each case with the seconds its forecast took; what is used up already is left out."""
    for kind in SHAPES:
        for seed in range(first, first + count):
            one = team(kind, seed)
            for facts in (facts_of(one, share) for share in SHARES):
                if facts.remaining:
                    began = time.perf_counter()
                    made = forecast(facts)
                    took = time.perf_counter() - began
                    yield case_of(one, facts, made), took


def facts_of(one: Team, share: float) -> Facts:
    """Return what a dashboard knows of the team: hourly readings with gaps, and earlier days."""
    at = one.start + (one.end - one.start) * share
    hours = [one.start + n * HOUR for n in range(1, round(CYCLE * 24 * share))]
    moments = [moment for moment in hours if not one.is_silent(moment)]
    readings = zip([*moments, at], one.used([*moments, at]).tolist(), strict=True)
    first = one.begin.astimezone(one.zone).date()
    return Facts(
        start_at=one.start,
        end_at=one.end,
        at=at,
        zone=one.zone,
        readings=tuple(CounterReading(moment, used) for moment, used in readings),
        days={
            first + n * DAY: int(one.hours[24 * n : 24 * n + 24].sum())
            for n in range(HISTORY)
            if one.has_history and n not in one.missing
        },
        included=one.included,
        remaining=max(0, one.included - int(one.used([at])[0])),
        prepaid=0,
    )


def case_of(one: Team, facts: Facts, made: Forecast) -> Case:
    """Return the case: everything that compares the forecast with the truth."""
    ends, runs_out = made.used_at_end, made.included
    assert ends is not None and runs_out is not None
    renewal = (one.end - facts.at) / DAY
    moments = [one.runs_out(), runs_out.early, runs_out.median, runs_out.late]
    days = [renewal if m is None else min(renewal, (m - facts.at) / DAY) for m in moments]
    kind = one.kind
    if one.event is not None:
        kind = f"{kind}, {'begun' if one.event <= facts.at else 'still ahead'}"
    return Case(
        kind,
        renewal,
        *days,
        line=_line(facts, renewal),
        lasts=runs_out.lasts,
        verdict=runs_out.verdict,
        used=int(one.used([one.end])[0]),
        low=ends.low,
        high=ends.high,
    )


def _line(facts: Facts, renewal: float) -> float:
    """Return when the straight line runs out, the same as `standing.Pace` says it."""
    used = facts.readings[-1].used
    elapsed = (facts.at - facts.start_at) / DAY
    if not used or round(used * (CYCLE / elapsed)) <= (facts.included or 0):
        return renewal
    return min(renewal, elapsed * (facts.remaining or 0) / used)


def row(name: str, cases: list[Case]) -> str:
    """Return a row of the table."""
    below = np.mean([one.used < one.low for one in cases])
    above = np.mean([one.used > one.high for one in cases])
    ours = np.mean([(one.lasts - one.did_last) ** 2 for one in cases])
    line = np.mean([((one.line == one.renewal) - one.did_last) ** 2 for one in cases])
    said = [one for one in cases if one.verdict in (Verdict.YES, Verdict.NO)]
    right = sum((one.verdict == Verdict.YES) == one.did_last for one in said)
    return " | ".join(
        [
            f"| {name}",
            f"{len(cases)}",
            f"**{1 - below - above:.0%}** ({below:.0%}, {above:.0%})",
            *_run_outs([one for one in cases if not one.is_open]),
            f"{ours:.3f}, {line:.3f}",
            f"{len(said) / len(cases):.0%}; {right / max(1, len(said)):.0%} |",
        ]
    )


def _run_outs(cases: list[Case]) -> list[str]:
    if not cases:
        return ["none may run out", "", ""]
    held = np.mean([one.early <= one.truth <= one.late for one in cases])
    ours = np.array([abs(one.median - one.truth) for one in cases])
    line = np.array([abs(one.line - one.truth) for one in cases])
    return [
        f"{held:.0%} of {len(cases)}",
        f"**{np.median(ours):.2f}**, {np.median(line):.2f}",
        f"{ours.mean():.2f}, {line.mean():.2f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.backtest", description=__doc__)
    parser.add_argument(
        "--tuning", action="store_true", help="use the seeds for choosing constants"
    )
    parser.add_argument("--count", type=int, default=120, help="teams of each kind (120)")
    asked = parser.parse_args()
    began = time.perf_counter()
    found = list(cases(first=TUNING if asked.tuning else REPORTING, count=asked.count))
    print(f"| {' | '.join(COLUMNS)} |")
    print("|---" * len(COLUMNS) + "|")
    for kind in SHAPES:
        some = [one for one, _ in found if one.kind.split(",")[0] == kind]
        print(row(kind, some))
        for part in sorted({one.kind for one in some} - {kind}):
            print(row(f"- {part}", [one for one in some if one.kind == part]))
    print(row("all", [one for one, _ in found]))
    took = np.array([seconds for _, seconds in found]) * 1000
    spent = time.perf_counter() - began
    print(
        f"\n{np.median(took):.1f} ms a forecast, 95 % within {np.quantile(took, 0.95):.1f} ms;",
        end="",
    )
    print(f" {asked.count} teams of each kind in {spent:.0f} s")


if __name__ == "__main__":
    main()
