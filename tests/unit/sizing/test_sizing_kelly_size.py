"""How much Kelly allows, which cap decides, and how many shares that is."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lightning_gex.core.decision import Cap
from lightning_gex.core.errors import InputError, SettingsError
from lightning_gex.core.patterns import Outcome
from lightning_gex.sizing.kelly_size import KellyConfig, KellySizing, choose_size, kelly_cap, quantity_for
from lightning_gex.sizing.ladder import LADDER
from lightning_gex.sizing.track_record import TrackRecord

NAN = math.nan


def sized(
    wins: int,
    losses: int,
    *,
    target: float = 0.06,
    stop: float = 0.03,
    cost: float = 0.0005,
    overlap: float = 1.0,
    config: KellyConfig | None = None,
) -> KellySizing:
    count = wins + losses
    record = TrackRecord(
        resolved=count,
        won=wins,
        net_return_sum=wins * target - losses * stop,
        independent=int(count / overlap),
    )
    return kelly_cap(
        record=record, target_return=target, stop_return=stop, cost_per_side=cost, config=config or KellyConfig()
    )


def test_the_cap_is_the_notional_whose_loss_at_the_stop_is_a_quarter_of_kelly() -> None:
    found = sized(60, 40)
    gain, loss = 0.06 - 0.001, 0.03 + 0.001
    p = (60 + 30 / 3) / (100 + 30)  # thirty more outcomes without skill: one in three reaches twice the distance first
    f = p - (1 - p) / (gain / loss)
    assert (found.base_rate, found.probability) == (pytest.approx(1 / 3), pytest.approx(p))
    assert found.payoff_ratio == pytest.approx(gain / loss)
    assert found.fraction == pytest.approx(f)
    assert found.size_pct_cap * loss == pytest.approx(0.25 * f)
    assert (found.win_rate, found.independent, found.cold_start) == (0.6, 100, False)
    theirs = stats.binomtest(60, 100).proportion_ci(0.95, method="wilson")
    assert found.interval == pytest.approx((theirs.low, theirs.high))


def test_without_imagined_outcomes_f_is_taken_at_the_win_rate_itself() -> None:
    found = sized(60, 40, config=KellyConfig(prior_outcomes=0.0))
    assert found.probability == 0.6
    assert found.fraction == pytest.approx(0.6 - 0.4 / (0.059 / 0.031))


def test_the_fewer_outcomes_the_nearer_to_the_base_rate() -> None:
    few, many = sized(30, 15), sized(300, 150)
    assert 1 / 3 < few.probability < many.probability < 2 / 3
    assert sized(300, 150, overlap=10.0).probability == pytest.approx(few.probability)


@pytest.mark.parametrize("wrong", [-1.0, NAN, math.inf])
def test_a_prior_that_is_none_is_refused(wrong: float) -> None:
    with pytest.raises(SettingsError, match="prior_outcomes"):
        KellyConfig(prior_outcomes=wrong)


@pytest.mark.parametrize(("wins", "losses"), [(0, 0), (29, 0), (0, 29), (14, 15)])
def test_fewer_than_thirty_outcomes_are_a_cold_start_at_two_per_cent_whatever_they_were(wins: int, losses: int) -> None:
    found = sized(wins, losses)
    assert found.cold_start
    assert found.size_pct_cap == 0.02
    assert found.reason.startswith("cold_start")


def test_without_an_outcome_there_is_no_rate_rather_than_zero() -> None:
    found = sized(0, 0)
    assert all(math.isnan(x) for x in (found.win_rate, *found.interval, found.fraction))


def test_an_edge_whose_interval_includes_zero_gets_nothing() -> None:
    # break-even of two to one is about 34.4 % after costs; 18 of 40 is 45 % with a lower end of 30.7 %
    found = sized(18, 22)
    assert found.fraction > 0
    assert found.size_pct_cap == 0.0
    assert found.reason == "no proven edge: the win rate lies in [31%, 60%], above 34% is needed"


def test_a_losing_record_gets_nothing() -> None:
    assert sized(5, 95).size_pct_cap == 0.0


def test_overlapping_outcomes_prove_less() -> None:
    assert sized(160, 190, overlap=1.0).size_pct_cap > 0
    assert sized(160, 190, overlap=10.0).size_pct_cap == 0.0


def test_thirty_outcomes_that_overlap_are_still_a_cold_start() -> None:
    found = sized(200, 90, overlap=10.0)
    assert found.cold_start
    assert found.reason == "cold_start: 29 of 30 outcomes that do not overlap are resolved"


def test_costs_that_eat_the_target_leave_nothing_even_at_a_cold_start() -> None:
    found = sized(0, 0, target=0.001, cost=0.0005)
    assert found.size_pct_cap == 0.0
    assert found.reason.startswith("costs of 0.10% leave nothing")


@pytest.mark.parametrize(("target", "stop"), [(NAN, 0.03), (0.06, NAN), (0.06, 0.0), (-0.1, 0.03), (math.inf, 0.03)])
def test_a_bracket_that_is_none_gets_nothing(target: float, stop: float) -> None:
    found = kelly_cap(
        record=TrackRecord(resolved=50, won=50, net_return_sum=0.5, independent=50),
        target_return=target,
        stop_return=stop,
        cost_per_side=0.0,
        config=KellyConfig(),
    )
    assert found.size_pct_cap == 0.0


_COUNT = st.integers(930, 3_000)  # more than thirty that do not overlap, at any overlap below


@given(_COUNT, st.floats(0, 1), st.floats(0.005, 0.3), st.floats(0.005, 0.3), st.floats(0, 0.002), st.floats(1, 30))
def test_kelly_never_risks_more_than_a_quarter_and_never_without_a_proven_edge(
    m: int, rate: float, target: float, stop: float, cost: float, overlap: float
) -> None:
    wins = round(m * rate)
    found = sized(wins, m - wins, target=target, stop=stop, cost=cost, overlap=overlap)
    assert found.size_pct_cap >= 0.0
    assert found.size_pct_cap * (stop + 2 * cost) <= 0.25
    if found.size_pct_cap > 0:
        low = found.interval[0]
        assert low * (target - 2 * cost) - (1 - low) * (stop + 2 * cost) > 0


@given(st.integers(30, 300), st.data())
def test_one_more_win_never_lowers_the_cap(m: int, data: st.DataObject) -> None:
    wins = data.draw(st.integers(0, m - 1))
    assert sized(wins + 1, m - wins - 1).size_pct_cap >= sized(wins, m - wins).size_pct_cap


@given(st.integers(650, 900), st.floats(0, 0.002), st.floats(0, 0.002), st.floats(1, 20), st.floats(1, 20))
def test_higher_costs_and_more_overlap_never_raise_the_cap(
    wins: int, cost_a: float, cost_b: float, overlap_a: float, overlap_b: float
) -> None:
    (low_cost, high_cost), (low_overlap, high_overlap) = sorted((cost_a, cost_b)), sorted((overlap_a, overlap_b))
    better = sized(wins, 20, cost=low_cost, overlap=low_overlap).size_pct_cap
    assert sized(wins, 20, cost=high_cost, overlap=high_overlap).size_pct_cap <= better + 1e-12


@pytest.mark.parametrize("cost", [-0.1, NAN, 1.0])
def test_a_cost_that_cannot_be_is_refused(cost: float) -> None:
    with pytest.raises(InputError) as error:
        sized(40, 20, cost=cost)
    assert error.value.field == "cost_per_side"


@pytest.mark.parametrize(
    "wrong", [{"fraction": 0.0}, {"fraction": NAN}, {"cold_start_size_pct": 2}, {"minimum_outcomes": 0}, {"level": 1.0}]
)
def test_a_configuration_out_of_range_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="kelly"):
        KellyConfig(**wrong)  # type: ignore[arg-type]


def test_kellys_answer_is_a_cap_among_the_others() -> None:
    found = sized(0, 0)
    assert found.cap == Cap("kelly", 0.02, found.reason)


# --- the tightest wins


_CAP = st.one_of(st.floats(-0.1, 1), st.just(NAN), st.just(math.inf))


@given(st.lists(_CAP, min_size=1, max_size=6))
def test_the_size_is_a_rung_that_no_cap_forbids(sizes: list[float]) -> None:
    caps = [Cap(f"cap{i}", size, "") for i, size in enumerate(sizes)]
    size, name = choose_size(caps)
    assert size in LADDER
    assert name in {cap.name for cap in caps}
    if size > 0:
        assert all(size <= cap.size_pct for cap in caps)
    binding = next(cap for cap in caps if cap.name == name)
    assert math.isnan(binding.size_pct) or all(binding.size_pct <= c.size_pct for c in caps)


@given(st.lists(_CAP, min_size=1, max_size=5), _CAP)
def test_another_cap_never_makes_the_size_larger(sizes: list[float], another: float) -> None:
    caps = [Cap(f"cap{i}", size, "") for i, size in enumerate(sizes)]
    assert choose_size([*caps, Cap("another", another, "")])[0] <= choose_size(caps)[0]


def test_the_binding_cap_is_the_tightest_and_of_equals_the_first() -> None:
    caps = [Cap("ladder", 0.15, ""), Cap("regime", 0.07, ""), Cap("kelly", 0.07, "")]
    assert choose_size(caps) == (0.05, "regime")


def test_a_cap_that_is_no_number_allows_nothing() -> None:
    assert choose_size([Cap("a", 0.1, ""), Cap("b", NAN, "")]) == (0.0, "b")


def test_no_cap_is_never_no_limit() -> None:
    with pytest.raises(InputError, match="at least one cap"):
        choose_size([])


# --- shares


@given(st.floats(0.0001, 1), st.floats(1, 1e8), st.floats(0.01, 1e5))
def test_the_shares_are_the_most_that_do_not_exceed_the_fraction(size: float, equity: float, price: float) -> None:
    shares = quantity_for(size, equity, price)
    notional, each = Decimal(repr(size)) * Decimal(repr(equity)), Decimal(repr(price))
    assert shares * each <= notional < (shares + 1) * each


def test_a_whole_number_of_shares_is_not_lost_to_binary_fractions() -> None:
    assert 0.29 * 100 < 29
    assert quantity_for(0.29, 100.0, 1.0) == 29


def test_the_quick_start_buys_from_1_to_83_shares() -> None:
    assert [quantity_for(rung, 100_000.0, 180.0) for rung in LADDER] == [0, 11, 27, 55, 83]


@pytest.mark.parametrize("wrong", [NAN, 0.0, -1.0, math.inf])
def test_what_is_no_positive_number_buys_nothing(wrong: float) -> None:
    assert quantity_for(wrong, 100_000.0, 180.0) == 0
    assert quantity_for(0.1, wrong, 180.0) == 0
    assert quantity_for(0.1, 100_000.0, wrong) == 0


# --- the edge of a record with dates


def dated(nets: list[float], count: int = 40) -> TrackRecord:
    """A record of one outcome a month with these net returns, over and over."""
    record, start = TrackRecord(), datetime(2015, 1, 2, 21, tzinfo=UTC)
    for k in range(count):
        given_at, net = start + timedelta(days=31 * k), nets[k % len(nets)]
        record = record.after(given_at, Outcome(net, net > 0, given_at + timedelta(days=14)))
    return record


def kelly_of(record: TrackRecord, config: KellyConfig | None = None) -> KellySizing:
    return kelly_cap(
        record=record, target_return=0.15, stop_return=0.15, cost_per_side=0.0005, config=config or KellyConfig()
    )


def test_a_mean_net_return_whose_interval_lies_above_nought_is_a_proven_edge() -> None:
    assert kelly_of(dated([0.02, 0.02, -0.01])).size_pct_cap > 0.0
    refused = kelly_of(dated([0.05, 0.03, -0.079]))
    assert refused.size_pct_cap == 0.0
    assert refused.win_rate > 0.6  # wins alone prove nothing: what is lost on the third is as much
    assert refused.reason.startswith("no proven edge: the mean net return lies in [")


def test_a_higher_level_asks_for_more_proof() -> None:
    record = dated([0.04, 0.04, -0.05])
    low, high = record.edge_interval(0.80)
    assert low > 0 > record.edge_interval(0.99)[0]
    assert kelly_of(record, KellyConfig(edge_level=0.80)).size_pct_cap > 0.0
    assert kelly_of(record, KellyConfig(edge_level=0.99)).size_pct_cap == 0.0
    assert high > low


@pytest.mark.parametrize("wrong", [0.0, 1.0, NAN])
def test_a_level_of_the_edge_that_is_none_is_refused(wrong: float) -> None:
    with pytest.raises(SettingsError, match="edge_level"):
        KellyConfig(edge_level=wrong)
