"""Paper trading is the same on either store: the same events, in the same order, over several calls."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from builders_events import same
from lightning_gex.app.assembly.wiring import Stores
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.bars import Bars
from lightning_gex.core.events import Event
from paper_days import all_bars, call

_OF_THE_CALL = {"run_started", "run_resumed"}  # they hold the run's settings, the store among them


def events_of_calls(home: Path, bars: Sequence[Bars], url: str) -> list[Event]:
    Workspace.open(home)
    if "://" in url:
        (home / "lightning.toml").write_text(f'[storage]\nurl = "{url}"\n')
    call(home, bars, 122, tickers=("SPY",), start=bars[0].session[100].astype(object))
    call(home, bars, 129)
    stores = Stores.open(Workspace.open(home))
    with stores.journal("look") as journal:
        journal.verify()
        run = next(r.run_id for r in journal.runs() if r.run_id.startswith("paper-") and r.mode is not None)
        events = [r.event for r in journal.read(run) if r.event.kind not in _OF_THE_CALL]
    stores.engine.dispose()
    return events


def test_several_calls_leave_the_same_record_in_either_store(postgresql_url: str, tmp_path: Path) -> None:
    bars = [all_bars()[0].first(130)]
    in_a_file = events_of_calls(tmp_path / "file", bars, "")
    in_a_database = events_of_calls(tmp_path / "database", bars, postgresql_url)
    assert len(in_a_file) == len(in_a_database) > 300
    assert all(map(same, in_a_file, in_a_database))
    assert {e.kind for e in in_a_file} >= {"order_placed", "trade_opened", "audit_noted", "marked"}
