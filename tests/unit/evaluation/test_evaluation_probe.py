"""A leak planted in any layer is found, and named by the layer it enters; a clean system shows none."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from builders_engine import backtest, market
from lightning_gex.agents.registry import default_agents
from lightning_gex.core.bars import Bars
from lightning_gex.core.errors import InsufficientDataError
from lightning_gex.core.features import Features
from lightning_gex.core.votes import Votes
from lightning_gex.engine import inputs as engine_inputs
from lightning_gex.engine import perception as engine_perception
from lightning_gex.engine.config import EngineConfig
from lightning_gex.engine.inputs import MarketInputs, features_of
from lightning_gex.engine.perception import Perception, perceive
from lightning_gex.evaluation.probe import (
    LAYERS,
    Future,
    chosen_cuts,
    decision_leaks,
    other_future,
    perception_leaks,
    result_of,
)
from lightning_gex.memory.book import MemoryBook

N = 260
CONFIG = EngineConfig()


def inputs() -> MarketInputs:
    made = market("AAA", 11, N)
    return MarketInputs({"AAA": made.bars}, flow=made.flow, volatility_index=made.vix)


WHOLE = inputs()
CUT = WHOLE.bars["AAA"].session[180]


def perceived(ticker: str, given: MarketInputs, agents=None) -> Perception:
    return perceive(features_of(ticker, given), default_agents() if agents is None else agents, CONFIG)


def layers_of(perceive_one=perceived) -> list[str]:
    columns, leaks = perception_leaks(WHOLE, ("AAA",), perceive_one, [CUT], seed=1)
    assert all(columns[layer] > 0 for layer in LAYERS)
    return list(dict.fromkeys(leak.layer for leak in result_of([CUT], columns, 0, leaks).leaks))


def test_a_clean_system_shows_no_leak_in_any_layer() -> None:
    assert layers_of() == []


def shifted(values: np.ndarray) -> np.ndarray:
    """Tomorrow's values today."""
    return np.r_[values[1:], values[-1:]]


@dataclass(frozen=True)
class Seer:
    """An agent that reads tomorrow's price."""

    name: str = "Seer"

    def vote(self, features: Features) -> Votes:
        plain = default_agents()[1].vote(features)
        rises = np.sign(shifted(features["price"]) - features["price"]).astype(np.int8)
        return replace(plain, agent=self.name, direction=np.where(plain.abstained, 0, rises).astype(np.int8))


def test_an_agent_that_reads_tomorrow_is_named_and_the_features_below_it_are_clean() -> None:
    found = layers_of(lambda t, given: perceived(t, given, (*default_agents(), Seer())))
    assert found[0] == "votes"
    assert "features" not in found
    _, leaks = perception_leaks(
        WHOLE, ("AAA",), lambda t, given: perceived(t, given, (*default_agents(), Seer())), [CUT], seed=1
    )
    assert {leak.name for leak in leaks if leak.layer == "votes"} == {"Seer.direction"}


def test_a_feature_that_reads_tomorrow_is_named(monkeypatch) -> None:
    honest = engine_inputs.price_features

    def leaking(bars: Bars):
        columns = dict(honest(bars))
        return {**columns, "atr": shifted(columns["atr"])}

    monkeypatch.setattr(engine_inputs, "price_features", leaking)
    columns, leaks = perception_leaks(WHOLE, ("AAA",), perceived, [CUT], seed=1)
    first = result_of([CUT], columns, 0, leaks).leaks[0]
    assert (first.layer, first.name) == ("features", "columns.atr")
    assert first.session <= first.cut


@pytest.mark.parametrize(
    ("layer", "function"),
    [
        ("consensus", "build_consensus"),
        ("regimes", "detect_regimes"),
        ("vectors", "situation_vectors"),
        ("forecast", "outlook_of"),
        ("overlap", "overlap_of"),
    ],
)
def test_a_leak_in_each_layer_above_is_named_by_that_layer(layer: str, function: str, monkeypatch) -> None:
    honest = getattr(engine_perception, function)

    def leaking(*arguments, **options):
        return tomorrow(honest(*arguments, **options))

    monkeypatch.setattr(engine_perception, function, leaking)
    found = layers_of()
    assert layer in found
    below = LAYERS[: LAYERS.index("consensus")]
    assert not set(found) & set(below)


def tomorrow(value):
    """Every array along time in a layer, a row too early."""
    if isinstance(value, np.ndarray):
        return np.roll(value, -1, axis=0 if value.shape[0] == N or value.ndim == 1 else -1)
    changed = {
        name: tomorrow(getattr(value, name))
        for name in value.__dataclass_fields__
        if isinstance(getattr(value, name), np.ndarray) and getattr(value, name).shape[:1] != ()
    }
    return replace(value, **changed)


def decisions(given: MarketInputs, memory=None):
    return backtest(given, default_agents(), CONFIG, **({} if memory is None else {"memory": memory})).decisions


def test_whole_runs_agree_up_to_the_cut_whatever_the_future() -> None:
    real = decisions(WHOLE)
    for future in Future:
        count, leaks = decision_leaks(real, decisions(other_future(WHOLE, CUT, future, seed=1)), CUT, future)
        assert count > 100
        assert leaks == []


def test_a_decision_that_knew_the_future_is_named_by_the_station_that_knew() -> None:
    real = decisions(WHOLE)
    other = list(real)
    k = next(i for i, d in enumerate(real) if len(d.stages) > 1 and i > 20)
    stages = list(other[k].stages)
    stages[1] = replace(stages[1], reason="knew better")
    other[k] = replace(other[k], stages=tuple(stages))
    _, leaks = decision_leaks(real, other, CUT, Future.SCRAMBLED)
    assert [(leak.layer, leak.name, leak.after) for leak in leaks] == [(stages[1].stage.value, "record", "knew better")]


def test_a_decision_that_was_not_made_is_a_leak_and_so_is_another_size() -> None:
    real = decisions(WHOLE)
    _, missing = decision_leaks(real, real[1:], CUT, Future.TRUNCATED)
    assert [(leak.layer, leak.name) for leak in missing] == [("decisions", "made")]
    changed = [replace(real[0], quantity=real[0].quantity + 1), *real[1:]]
    _, sized = decision_leaks(real, changed, CUT, Future.TRUNCATED)
    assert [(leak.layer, leak.name) for leak in sized] == [("decision", "quantity")]


def test_the_past_of_another_future_is_the_past() -> None:
    for future in Future:
        other = other_future(WHOLE, CUT, future, seed=2)
        bars, real = other.bars["AAA"], WHOLE.bars["AAA"]
        np.testing.assert_array_equal(bars.close[:181], real.close[:181])
        np.testing.assert_array_equal(other.flow.columns["gex"][:181], WHOLE.flow.columns["gex"][:181])
        assert (bars.close[181:] > 3 * real.close[181:]).all() if future is Future.SCRAMBLED else len(bars) == 181


def test_cuts_lie_between_a_past_and_a_future_and_after_the_first_traded_session() -> None:
    sessions = WHOLE.bars["AAA"].session
    drawn = chosen_cuts(sessions, 40, seed=3, first=sessions[100])
    assert list(drawn) == sorted(drawn)
    assert sessions[100] <= drawn[0]
    assert drawn[-1] < sessions[N - 5]
    assert chosen_cuts(sessions, 40, seed=3, first=sessions[100]) == drawn
    with pytest.raises(InsufficientDataError):
        chosen_cuts(sessions[:65], 1, seed=0)
    with pytest.raises(InsufficientDataError):
        chosen_cuts(sessions, 1, seed=0, first=sessions[-2])


def test_a_memory_that_answers_with_outcomes_nobody_knew_yet_shows_in_the_decisions(monkeypatch) -> None:
    """Outcomes are told to it as soon as a signal is given, from the bars of the run: the real ones, or the other."""
    honest = MemoryBook.recall

    def seen_ahead(given: MarketInputs):
        close, session = given.bars["AAA"].close, given.bars["AAA"].session

        def recall(self, *arguments, **options):
            found = honest(self, *arguments, **options)
            row = int(np.searchsorted(session, np.datetime64(options["as_of"].replace(tzinfo=None), "D")))
            rises = bool(close[min(row + 3, len(close) - 1)] > close[row])
            return replace(found, resolved_in_book=found.resolved_in_book + rises)

        return recall

    monkeypatch.setattr(MemoryBook, "recall", seen_ahead(WHOLE))
    real = decisions(WHOLE)
    other = other_future(WHOLE, CUT, Future.TRUNCATED, seed=1)
    monkeypatch.setattr(MemoryBook, "recall", seen_ahead(other))
    _, leaks = decision_leaks(real, decisions(other), CUT, Future.TRUNCATED)
    assert [leak.layer for leak in leaks] == ["memory"]
