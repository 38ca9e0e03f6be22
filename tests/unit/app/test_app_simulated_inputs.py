"""Simulated files: what a run reads of them is the market itself, and what is true of it is written down."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from lightning_gex.adapters.market_data.positioning_history import read_history
from lightning_gex.app.assembly import simulated_inputs
from lightning_gex.app.assembly.jobs import inputs_of
from lightning_gex.app.assembly.simulated_inputs import (
    SimulationRequest,
    simulated_document,
    write_simulated,
)
from lightning_gex.core.errors import InputError, InsufficientDataError


def silent(rows, *, total: int, label: str):
    return rows


def test_a_run_reads_the_very_market_from_the_files(tmp_path: Path) -> None:
    request = SimulationRequest(seed=2, sessions=90, tickers=3, direction_effect=0.5, volatility_effect=0.0)
    made = write_simulated(request, tmp_path / "new" / "folder", progress=silent)
    read = inputs_of(made.files, made.tickers)
    for market in request.markets():
        bars = read.bars[market.bars.ticker]
        for name in ("session", "open", "high", "low", "close", "volume"):
            np.testing.assert_array_equal(getattr(bars, name), getattr(market.bars, name))
        history = read.positioning[market.bars.ticker]
        np.testing.assert_array_equal(history.columns["gamma_exposure_usd_per_pct"], market.flow.columns["gex"][1:])
        assert np.isnan(history.columns["zero_gamma"]).all()  # net gamma alone was asked for
    index = request.markets()[0]
    for name in ("price", "dix", "gex"):
        np.testing.assert_array_equal(read.flow.columns[name], index.flow.columns[name])
    np.testing.assert_allclose(read.volatility_index.columns["close"], index.vix.columns["close"])


def test_whole_chains_give_the_history_every_figure(tmp_path: Path) -> None:
    request = SimulationRequest(seed=2, sessions=6, chains=True)
    made = write_simulated(request, tmp_path, progress=silent)
    history = read_history(made.files.history).by_underlying["SIM"]
    market = request.markets()[0]
    assert len(history.session) == 5  # before the first session's open nothing was cleared
    assert np.isfinite(history.columns["call_wall"]).all()
    gamma = history.columns["gamma_exposure_usd_per_pct"]
    np.testing.assert_allclose(gamma, market.flow.columns["gex"][1:], rtol=0.02)


def test_a_session_beyond_the_strikes_listed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    request = SimulationRequest(seed=2, sessions=6, chains=True, tickers=2)
    whole = write_simulated(request, tmp_path / "whole", progress=silent)
    assert (whole.without_chain, whole.notes) == ({}, ())
    assert simulated_document(request, whole)["sessions_without_chain"] == {}

    def thin(chain):
        if chain.underlying == "SIM01" and chain.spot in spots[2:4]:
            raise InsufficientDataError("no strike near the price")
        return real(chain)

    real, spots = simulated_inputs.positioning, request.markets()[1].bars.close
    monkeypatch.setattr(simulated_inputs, "positioning", thin)
    made = write_simulated(request, tmp_path / "thin", progress=silent)
    gone = [str(day) for day in request.markets()[1].bars.session[2:4]]
    assert simulated_document(request, made)["sessions_without_chain"] == {"SIM01": gone}
    (note,) = made.notes
    assert "SIM01 on 2 of its sessions" in note
    assert gone[0] in note
    assert len(read_history(made.files.history).by_underlying["SIM01"].session) == 3


def test_what_nobody_in_the_market_sees_is_written_beside_it(tmp_path: Path) -> None:
    request = SimulationRequest(seed=4, sessions=40, tickers=2, direction_effect=-0.25)
    made = write_simulated(request, tmp_path, progress=silent)
    truth = pl.read_csv(made.truth_file)
    for market in request.markets():
        mine = truth.filter(pl.col("ticker") == market.bars.ticker)
        np.testing.assert_array_equal(mine["positioning"].to_numpy(), market.positioning)
    told = simulated_document(request, made)
    assert told["effect"] == -0.25
    assert "-0.25 of its daily standard deviations" in str(told["truth"])
    assert set(told["files"]) == {"bars", "flow", "history", "volatility_index", "truth"}


@pytest.mark.parametrize(
    ("effects", "words"),
    [
        ((0.0, 0.0), "nothing is to be found"),
        ((0.0, 1.0), "dealers hedge 1 times"),
        ((1.0, 0.0), "moves each ticker's next session"),
    ],
)
def test_the_truth_is_told_in_words(effects: tuple[float, float], words: str) -> None:
    assert words in SimulationRequest(direction_effect=effects[0], volatility_effect=effects[1]).truth


def test_without_effects_dealers_hedge_nothing_and_nothing_is_planted() -> None:
    market = SimulationRequest(sessions=30, volatility_effect=0.0).markets()[0]
    assert market.planted_effect == 0.0
    assert not market.truth.damping.any()
    assert not market.truth.charm_return.any()


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed": -1},
        {"sessions": 1},
        {"tickers": 0},
        {"direction_effect": 1.5},
        {"direction_effect": float("nan")},
        {"volatility_effect": -0.1},
    ],
)
def test_what_cannot_be_simulated_is_refused(wrong: dict) -> None:
    with pytest.raises(InputError, match="out of range"):
        SimulationRequest(**wrong)
