"""Calls of paper trading on files that grow; as a program, calls that are killed at random steps of their work:

python paper_days.py HOME KILLS SEED

Every call is a process of its own, forked before this one has used a thread. It prints one JSON document.
"""

from __future__ import annotations

import json
import random
import signal
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

import polars as pl

from builders_engine import market
from killed_commits import die_at_commit
from lightning_gex.adapters.clock import ReplayClock
from lightning_gex.app.assembly.jobs import InputFiles
from lightning_gex.app.assembly.paper import PaperOutcome, PaperRequest, paper_trade
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.bars import Bars
from trading_day import forked

SESSIONS, LEARNT = 170, 110  # of the files, and before the first that is traded
TICKERS = ("SPY", "AAA")
CLOCK = ReplayClock(datetime(2016, 6, 1, tzinfo=UTC))
_MOST_STEPS = 16  # of a call of one session; a kill later than its end does not happen


def quiet(items: Iterable[object], *, total: int, label: str) -> Iterable[object]:
    """Progress that nobody sees."""
    return items


def all_bars() -> list[Bars]:
    """The whole history."""
    return [market(name, seed, SESSIONS).bars for name, seed in zip(TICKERS, (5, 6), strict=True)]


def start_of(bars: Sequence[Bars]) -> date:
    """The first session that is traded."""
    first: date = bars[0].session[LEARNT].astype(date)
    return first


def bars_file(path: Path, bars: Sequence[Bars], count: int) -> Path:
    """The first sessions of some bars as a file."""
    parts = []
    for b in bars:
        columns = {name: getattr(b, name)[:count] for name in ("open", "high", "low", "close", "volume")}
        days = b.session[:count].astype(str)
        parts.append(pl.DataFrame({"ticker": [b.ticker] * len(days), "date": days, **columns}))
    pl.concat(parts).write_csv(path)
    return path


def call(home: Path, bars: Sequence[Bars], count: int, **options) -> PaperOutcome:
    """A call with the files as they were after so many sessions."""
    file = bars_file(home.parent / f"bars-{count}.csv", bars, count)
    return paper_trade(Workspace.open(home), PaperRequest(InputFiles(file), **options), progress=quiet, clock=CLOCK)


def killed_call(home: Path, bars: Sequence[Bars], count: int, step: int) -> None:
    """A call whose process is killed at this step of its work: within a commit, or after one."""
    die_at_commit(step)
    call(home, bars, count)


@dataclass
class Findings:
    """How the calls ended."""

    calls: int = 0
    kills: int = 0
    ended_otherwise: int = 0


def main(home: Path, kills: int, seed: int) -> Findings:
    """Kill calls until so many were, over growing files; the last call, and the end of the run, are not killed."""
    bars, draw, found = all_bars(), random.Random(seed), Findings()
    count = LEARNT + 1
    while found.kills < kills:
        found.calls += 1
        ended = forked(partial(killed_call, home, bars, count, draw.randint(1, _MOST_STEPS)))
        found.kills += ended == signal.SIGKILL
        found.ended_otherwise += ended not in (0, signal.SIGKILL)
        if ended == 0:  # the files grow by a session, now and then by more
            count = min(SESSIONS, count + draw.choice((1, 1, 1, 3)))
    for options in ({}, {"end": True}):
        found.ended_otherwise += forked(partial(call, home, bars, SESSIONS, **options)) != 0
    return found


if __name__ == "__main__":
    print(json.dumps(asdict(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))))
