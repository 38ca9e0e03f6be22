"""What the settings' files say of the tickers of a run."""

from __future__ import annotations

import numpy as np
import pytest

from builders_engine import bars_of
from lightning_gex.app.assembly.universe import with_universe
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.errors import InputError
from lightning_gex.engine.inputs import MarketInputs

BARS = {name: bars_of(name, [100.0] * 5) for name in ("AAA", "BBB", "SPY")}
INPUTS = MarketInputs(BARS, market_ticker="SPY", notes=("one",))


def workspace(tmp_path, **files: str) -> Workspace:
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    for kind, text in files.items():
        (home / f"{kind}.csv").write_text(text)
    return Workspace.open(home, overrides={"universe": {kind: f"{kind}.csv" for kind in files}})


def test_without_files_nothing_is_known_and_nothing_is_said(tmp_path):
    found = with_universe(workspace(tmp_path), INPUTS)
    assert (found.sectors, found.events, found.notes) == ({}, None, ("one",))


def test_sectors_and_events_reach_the_run_and_the_unknown_is_named(tmp_path):
    home = workspace(tmp_path, sectors="ticker,sector\nAAA,Energy\n", events="date,event\n2019-01-30,FOMC\n")
    found = with_universe(home, INPUTS)
    assert found.sectors == {"AAA": "Energy"}
    assert found.events is not None
    event = found.events.next_for("BBB", np.datetime64("2019-01-02"))
    assert event is not None
    assert event.name == "FOMC"
    assert found.notes == ("one", "sectors.csv has no sector of BBB")


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path):
    home = Workspace.open(tmp_path / "other", overrides={"universe": {"events": "none.csv"}})
    with pytest.raises(InputError, match=r"none\.csv"):
        with_universe(home, INPUTS)
