"""The probe finds a leak planted in any layer: what is read, chains, memory, weights, calibration, regime and sizing.

Each leak looks at bars that it should not have: those of the very history that the run was given. With another future
it sees another one, and something of the past changes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from builders_engine import market, prepared
from lightning_gex.agents.registry import default_agents
from lightning_gex.analytics.proof import Proof
from lightning_gex.analytics.recalibration import Recalibration
from lightning_gex.app.assembly import jobs, positions
from lightning_gex.app.assembly.probe import probe_subject
from lightning_gex.app.assembly.simulated_inputs import SimulationRequest, write_simulated
from lightning_gex.app.assembly.variants import Subject
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.bars import Bars
from lightning_gex.core.ports import SizingPolicy
from lightning_gex.core.series import DatedSeries
from lightning_gex.engine import inputs as engine_inputs
from lightning_gex.engine import perception as engine_perception
from lightning_gex.engine.config import EngineConfig
from lightning_gex.engine.drivers import HistoryFeed, drive
from lightning_gex.engine.inputs import MarketInputs, features_of
from lightning_gex.engine.perception import perceive
from lightning_gex.evaluation.probe import (
    INPUTS,
    LAYERS,
    Future,
    Leak,
    decision_leaks,
    input_leaks,
    other_future,
    perception_leaks,
    result_of,
)
from lightning_gex.memory.book import MemoryBook
from lightning_gex.risk.tactical import TacticalConfig
from lightning_gex.sizing.track_record import TrackRecord

N = 260
#: Weights learn, and nothing of the universe keeps ideas from the layers that size them.
CONFIG = replace(
    EngineConfig(),
    learn_weights=True,
    tactical=TacticalConfig(allow_short=True, best_share=1.0, one_entry_a_view=False),
)


def whole() -> MarketInputs:
    made = market("AAA", 11, N)
    random = np.random.default_rng(3)
    close = made.bars.close
    table = {
        "gamma_exposure_usd_per_pct": 1e9 * np.cumsum(random.standard_normal(N)),
        "zero_gamma": close * (1.0 + 0.02 * random.standard_normal(N)),
        "call_wall": close * 1.03,
        "put_wall": close * 0.97,
        "charm_exposure_usd_per_day": 1e8 * random.standard_normal(N),
        "vanna_exposure_usd_per_vol_point": 1e8 * random.standard_normal(N),
        "implied_vol": 0.15 + 0.02 * random.random(N),
    }
    chains = {"AAA": DatedSeries(made.bars.session, table, "made up")}
    return MarketInputs({"AAA": made.bars}, flow=made.flow, volatility_index=made.vix, positioning=chains)


WHOLE = whole()
CUT = WHOLE.bars["AAA"].session[200]


def first_perceived() -> Leak | None:
    def perceived(ticker: str, given: MarketInputs):
        return perceive(features_of(ticker, given), default_agents(), CONFIG)

    columns, leaks = perception_leaks(WHOLE, ("AAA",), perceived, [CUT], seed=1)
    found = result_of([CUT], columns, 0, leaks).leaks
    return found[0] if found else None


def first_decided(
    plant: Callable[[Bars], None], future: Future, policy: Callable[[Bars], SizingPolicy] | None = None
) -> Leak | None:
    """The first decision that a leak changed; ``plant`` and ``policy`` are given the bars that the run will see."""

    def decisions(given: MarketInputs):
        bars = given.bars["AAA"]
        plant(bars)
        run = prepared(given, default_agents(), CONFIG)
        run.trader.policy = None if policy is None else policy(bars)
        drive(run.trader, HistoryFeed(given, run.watch), run.exchange)
        return run.decisions

    real, other = decisions(WHOLE), decisions(other_future(WHOLE, CUT, future, seed=1))
    compared, leaks = decision_leaks(real, other, CUT, future)
    assert compared > 150
    return leaks[0] if leaks else None


def nothing(bars: Bars) -> None:
    """No leak."""


def ends_as_it_did(bars: Bars) -> bool:
    """What nobody can know before the end."""
    return bool(bars.close[-1] == WHOLE.bars["AAA"].close[-1])


futures = pytest.mark.parametrize("future", [Future.TRUNCATED])


@pytest.mark.parametrize("future", Future)
def test_the_same_machinery_without_a_leak_finds_none(future: Future) -> None:
    assert first_perceived() is None
    assert first_decided(nothing, future) is None
    assert ends_as_it_did(other_future(WHOLE, CUT, future, seed=1).bars["AAA"]) != ends_as_it_did(WHOLE.bars["AAA"])


# --- bars and chains ---------------------------------------------------------------------------------------------


def test_a_feature_of_bars_scaled_by_the_whole_history_is_found(monkeypatch) -> None:
    honest = engine_inputs.price_features

    def leaking(bars: Bars):
        columns = dict(honest(bars))
        return {**columns, "volatility": columns["volatility"] / np.nanmax(columns["volatility"])}

    monkeypatch.setattr(engine_inputs, "price_features", leaking)
    found = first_perceived()
    assert (found.layer, found.name) == ("features", "columns.volatility")


def test_a_rank_of_chains_among_the_whole_history_is_found(monkeypatch) -> None:
    def leaking(values):
        return 2.0 * np.argsort(np.argsort(values)) / (len(values) - 1) - 1.0

    monkeypatch.setattr(engine_inputs, "charm_pressure", lambda values, days: leaking(values))
    found = first_perceived()
    assert (found.layer, found.name) == ("features", "columns.charm_pressure")


def test_levels_of_the_next_session_s_chain_are_found(monkeypatch) -> None:
    honest = DatedSeries.aligned

    def leaking(self, name, sessions, **options):
        values = honest(self, name, sessions, **options)
        return np.r_[values[1:], values[-1:]] if name == "zero_gamma" else values

    monkeypatch.setattr(DatedSeries, "aligned", leaking)
    found = first_perceived()
    assert (found.layer, found.name) == ("features", "columns.zero_gamma")


# --- what depends on what came before ----------------------------------------------------------------------------


@futures
def test_a_proof_of_an_agent_that_knows_the_end_is_found(monkeypatch, future: Future) -> None:
    def plant(bars: Bars) -> None:
        edge = 0.05 if ends_as_it_did(bars) else 0.0
        monkeypatch.setattr(Proof, "edge", lambda self, hurdle: edge if self.total > 0.0 else 0.0)

    found = first_decided(plant, future)
    assert found.layer in ("signal", "decision")
    assert found.session <= CUT


@futures
def test_a_calibration_that_knows_the_end_is_found(monkeypatch, future: Future) -> None:
    honest = Recalibration.probability

    def plant(bars: Bars) -> None:
        shift = 0.02 if ends_as_it_did(bars) else -0.02
        monkeypatch.setattr(
            Recalibration, "probability", lambda self, said: min(max(honest(self, said) + shift, 0.0), 1.0)
        )

    found = first_decided(plant, future)
    assert found.layer == "signal"


@futures
def test_a_memory_that_knows_the_end_is_found(monkeypatch, future: Future) -> None:
    honest = MemoryBook.recall

    def plant(bars: Bars) -> None:
        seen = int(ends_as_it_did(bars))

        def recall(self, *arguments, **options):
            found = honest(self, *arguments, **options)
            return replace(found, resolved_in_book=found.resolved_in_book + seen)

        monkeypatch.setattr(MemoryBook, "recall", recall)

    found = first_decided(plant, future)
    assert found.layer == "memory"


@futures
def test_a_regime_that_knows_the_end_is_found_in_its_own_layer_and_in_the_decisions(
    monkeypatch, future: Future
) -> None:
    honest = engine_perception.detect_regimes
    sessions = WHOLE.bars["AAA"].session

    def plant(bars: Bars) -> None:
        def leaking(*arguments, **options):
            found = honest(*arguments, **options)
            return replace(found, code=np.roll(found.code, -1)) if ends_as_it_did(bars) else found

        monkeypatch.setattr(engine_perception, "detect_regimes", leaking)

    found = first_decided(plant, future)
    assert found is not None
    assert found.session <= sessions[200]


@dataclass(frozen=True)
class KnowingPolicy:
    """A sizing policy that was trained on the end of the very history it sizes in."""

    size: float

    def size_pct(self, observation: np.ndarray) -> float:
        return self.size


@futures
def test_a_policy_that_was_trained_on_the_end_is_found(future: Future) -> None:
    found = first_decided(nothing, future, policy=lambda bars: KnowingPolicy(0.05 if ends_as_it_did(bars) else 0.0))
    assert found.layer == "sizing"


@futures
def test_a_track_record_that_knows_the_end_is_found(monkeypatch, future: Future) -> None:
    honest = TrackRecord.win_rate.fget

    def plant(bars: Bars) -> None:
        share = 1.0 if ends_as_it_did(bars) else 0.5
        monkeypatch.setattr(TrackRecord, "win_rate", property(lambda self: share * honest(self)))

    found = first_decided(plant, future)
    assert found.layer == "sizing"


# --- what the files are read to ----------------------------------------------------------------------------------


def silent(items, *, total: int, label: str):
    return items


@pytest.fixture
def subject(tmp_path: Path, monkeypatch) -> Subject:
    monkeypatch.setenv("LIGHTNING_HOME", str(tmp_path / "home"))
    made = write_simulated(SimulationRequest(seed=3, sessions=130, tickers=2), tmp_path / "files", progress=silent)
    return Subject(made.files, made.tickers)


def test_chains_set_beside_bars_by_a_figure_of_the_whole_file_are_found_where_they_are_read(
    subject: Subject, tmp_path: Path, monkeypatch
) -> None:
    """Through the history's whole path: its file, its table, and the probe as a user runs it."""
    workspace = Workspace.open(tmp_path / "home")
    clean = probe_subject(workspace, subject, cuts=1, progress=silent)
    assert clean.clean
    assert clean.columns[INPUTS] > 20
    assert all(clean.columns[layer] > 0 for layer in LAYERS)
    honest = positions.table_of_history

    def leaking(history, bars):
        table, notes = honest(history, bars)
        gamma = table.columns["gamma_exposure_usd_per_pct"]
        scaled = {**table.columns, "gamma_exposure_usd_per_pct": gamma * bars.close[-1]}
        return DatedSeries(table.session, scaled, table.source), notes

    monkeypatch.setattr(jobs, "table_of_history", leaking)
    found = probe_subject(workspace, subject, cuts=1, progress=silent)
    assert not found.clean
    assert {leak.layer for leak in found.leaks} == {INPUTS}  # a rank of it is the same: only where it is read it shows
    assert found.leaks[0].name == "positioning.gamma_exposure_usd_per_pct"


def test_bars_adjusted_by_what_came_later_and_rows_that_come_and_go_are_found(subject: Subject) -> None:
    inputs = subject.inputs()
    cut = inputs.bars["SIM"].session[90]

    def adjusted(last: np.datetime64) -> MarketInputs:
        bars = {t: replace(b, volume=b.volume * 0.5) if t == "SIM01" else b for t, b in inputs.bars.items()}
        return replace(inputs, bars=bars)

    compared, leaks = input_leaks(inputs, adjusted, [cut])
    assert compared > 20
    assert [(leak.layer, leak.ticker, leak.name) for leak in leaks] == [(INPUTS, "SIM01", "bars.volume")]
    fewer = replace(inputs, flow=DatedSeries(inputs.flow.session[5:], {"dix": inputs.flow.columns["dix"][5:]}, "x"))
    _, gone = input_leaks(inputs, lambda last: fewer, [cut])
    assert {leak.name for leak in gone} == {"flow.price", "flow.dix", "flow.gex"}
    assert input_leaks(inputs, lambda last: inputs, [cut])[1] == []
