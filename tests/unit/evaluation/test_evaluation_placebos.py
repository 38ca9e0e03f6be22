"""Gamma out of its place, and entries drawn at random: neither can know anything."""

from __future__ import annotations

import math

import numpy as np
import pytest
from evaluation_runs import bars, decision, run
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.core.errors import InsufficientDataError
from lightning_gex.core.series import DatedSeries
from lightning_gex.engine.inputs import MarketInputs
from lightning_gex.evaluation.calls import RunIndex
from lightning_gex.evaluation.placebos import (
    BLOCK_SESSIONS,
    LAG_SESSIONS,
    NEIGHBOURHOOD_SESSIONS,
    GexPlacebo,
    _moved,
    placebo_inputs,
    random_entries,
)

COUNT = 600


def inputs_with_flow(count: int = COUNT) -> MarketInputs:
    mine = bars("AAA", 100 + np.arange(count) * 0.01)
    flow = DatedSeries(
        mine.session,
        {"price": mine.close, "gex": np.arange(count, dtype=float) - 100.0, "dix": 0.4 + 0.0001 * np.arange(count)},
        "flow",
    )
    return MarketInputs({"AAA": mine}, flow=flow)


def moved(kind: GexPlacebo, seed: int = 0) -> DatedSeries:
    found = placebo_inputs(inputs_with_flow(), kind, seed=seed).flow
    assert found is not None
    return found


@given(st.integers(0, 50))
def test_a_shuffle_keeps_every_value_and_moves_whole_months(seed: int) -> None:
    real, shuffled = inputs_with_flow().flow.columns, moved(GexPlacebo.SHUFFLED, seed).columns
    for name in ("gex", "dix"):
        assert sorted(shuffled[name]) == sorted(real[name])
    assert (np.diff(shuffled["gex"]) == 1.0).mean() > 1.0 - 1.5 / BLOCK_SESSIONS
    pairs = np.column_stack([shuffled["gex"], shuffled["dix"]])
    assert {tuple(p) for p in pairs} == {tuple(p) for p in np.column_stack([real["gex"], real["dix"]])}


def test_a_year_late_is_exactly_that_and_absent_before() -> None:
    real, late = inputs_with_flow().flow.columns, moved(GexPlacebo.YEAR_LAGGED).columns
    assert np.isnan(late["gex"][:LAG_SESSIONS]).all()
    np.testing.assert_array_equal(late["gex"][LAG_SESSIONS:], real["gex"][:-LAG_SESSIONS])


def test_a_flip_turns_the_sign_of_gamma_and_dix_about_its_mean_so_far() -> None:
    real, flipped = inputs_with_flow().flow.columns, moved(GexPlacebo.SIGN_FLIPPED).columns
    np.testing.assert_array_equal(flipped["gex"], -real["gex"])
    mean_so_far = np.cumsum(real["dix"]) / np.arange(1, COUNT + 1)
    np.testing.assert_allclose(flipped["dix"], 2 * mean_so_far - real["dix"])


@pytest.mark.parametrize("kind", list(GexPlacebo))
def test_prices_and_everything_else_stay_and_the_run_says_what_it_is(kind: GexPlacebo) -> None:
    real = inputs_with_flow()
    found = placebo_inputs(real, kind)
    np.testing.assert_array_equal(found.flow.columns["price"], real.flow.columns["price"])
    assert found.bars is real.bars
    assert any(note.startswith("placebo") for note in found.notes)


def test_a_positioning_history_is_put_out_of_place_as_well() -> None:
    real = inputs_with_flow()
    table = DatedSeries(real.flow.session, {"gamma_exposure_usd_per_pct": real.flow.columns["gex"]}, "history")
    found = placebo_inputs(MarketInputs(real.bars, positioning={"AAA": table}), GexPlacebo.SIGN_FLIPPED)
    gamma = found.positioning["AAA"].columns["gamma_exposure_usd_per_pct"]
    np.testing.assert_array_equal(gamma, -real.flow.columns["gex"])


def test_what_is_not_there_or_too_short_makes_no_placebo() -> None:
    with pytest.raises(InsufficientDataError, match="no flow"):
        placebo_inputs(MarketInputs({"AAA": bars("AAA", np.full(10, 100.0))}), GexPlacebo.SHUFFLED)
    with pytest.raises(InsufficientDataError, match="too few"):
        placebo_inputs(inputs_with_flow(200), GexPlacebo.YEAR_LAGGED)


def waves(count: int = 800) -> np.ndarray:
    """Twenty sessions up, twenty down."""
    step = np.where((np.arange(count) // 20) % 2 == 0, 0.004, -0.004)
    return 100 * np.exp(np.cumsum(step))


def entries(rows) -> tuple[RunIndex, object]:
    mine = bars("AAA", waves())
    made = run({"AAA": mine}, [decision("AAA", mine.session[i], horizon=5) for i in rows])
    index = RunIndex.of(made)
    return index, index.taken()[0]


def test_entries_that_know_the_turns_beat_every_draw() -> None:
    index, taken = entries(range(119, 700, 40))  # each just before a rise
    found = random_entries(index, taken, seed=1)
    assert found.draws == 200
    assert found.accuracy_mean == pytest.approx(0.5, abs=0.1)
    assert max(found.p_value, found.return_p_value) <= 2 / 201


def test_entries_that_know_nothing_are_as_good_as_their_draws() -> None:
    chosen = np.sort(np.random.default_rng(5).choice(np.arange(200, 700), 60, replace=False))
    found = random_entries(*entries(chosen.tolist()), seed=2)
    assert 0.05 < found.p_value < 0.95
    assert found.accuracy_q95 > found.accuracy_mean


def test_the_same_seed_draws_the_same_entries() -> None:
    index, taken = entries(range(200, 600, 30))
    assert random_entries(index, taken, seed=3) == random_entries(index, taken, seed=3)


def test_draws_stay_within_half_a_year_of_the_real_entry() -> None:
    count = 800
    close = 100 * np.exp(np.cumsum(np.where(np.arange(count) < 400, 0.002, -0.002)))
    mine = bars("AAA", close)
    made = run({"AAA": mine}, [decision("AAA", mine.session[i], horizon=5) for i in range(130, 400 - 140)])
    index = RunIndex.of(made)
    found = random_entries(index, index.taken()[0], seed=4)
    assert NEIGHBOURHOOD_SESSIONS == 126
    assert found.accuracy_mean == 1.0  # no draw reaches the falling half


def test_where_nothing_was_taken_nothing_is_drawn() -> None:
    mine = bars("AAA", waves())
    made = run({"AAA": mine}, [])
    index = RunIndex.of(made)
    found = random_entries(index, index.taken()[0], seed=0)
    assert found.draws == 0
    assert math.isnan(found.p_value)


def lucky(seed: int) -> float:
    """The p-value of entries that come in bunches and know nothing, on a walk of no direction."""
    random = np.random.default_rng(seed)
    mine = bars("AAA", 100 * np.exp(np.cumsum(0.01 * random.standard_normal(400))))
    starts = np.sort(random.choice(np.arange(10, 370, 12), 14, replace=False))
    rows = [int(start) + k for start in starts for k in range(5)]  # a week of entries at a time
    index = RunIndex.of(run({"AAA": mine}, [decision("AAA", mine.session[i], horizon=7) for i in rows]))
    return random_entries(index, index.taken()[0], seed=seed).p_value


def test_luck_of_entries_that_come_in_bunches_is_called_skill_no_more_often_than_stated() -> None:
    """Entries drawn one by one would agree with each other too well: one in ten of these would then lie below 5 %."""
    false = sum(lucky(seed) <= 0.05 for seed in range(120))
    assert false <= 12  # 6 expected; 13 or more come by chance less than once in 150 times


def test_entries_of_one_stretch_keep_their_distances_in_every_draw() -> None:
    index, taken = entries([300, 302, 305, 420])
    moved = _moved(index, taken.resolved, np.random.default_rng(0), 50)
    assert (np.diff(moved[:, :3], axis=1) == [2, 3]).all()
    assert len(set((moved[:, 3] - moved[:, 0]).tolist())) > 10
    assert np.abs(moved - taken.resolved.date).max() <= NEIGHBOURHOOD_SESSIONS
