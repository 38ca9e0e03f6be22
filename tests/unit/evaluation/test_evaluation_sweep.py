"""Many variants judged together: the order, the tests against luck, the words, the tables and the page."""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from lightning_gex.analytics.performance import (
    deflated_sharpe_ratio,
    expected_maximum_sharpe,
    probability_of_backtest_overfitting,
    sharpe,
    skew_and_kurtosis,
)
from lightning_gex.analytics.trials import TrialCount
from lightning_gex.core.errors import InputError
from lightning_gex.core.units import SESSIONS_PER_YEAR
from lightning_gex.evaluation.paired import Judged
from lightning_gex.evaluation.sweep import findings
from lightning_gex.evaluation.sweep_forward import figure_of, forward_choice
from lightning_gex.evaluation.sweep_page import sweep_html
from lightning_gex.evaluation.sweep_tables import flat_figures, returns_frame, table_of, variants_frame
from lightning_gex.evaluation.sweep_variant import Criterion, Variant, joined, sharpe_per_session
from lightning_gex.evaluation.sweep_words import SWEEP_LEVEL, conclusions, headline, may_be_used, sweep_document

LUCKY_SWEEPS = 200 if os.environ.get("LIGHTNING_SOAK") else 8
SESSIONS = np.busday_offset("2015-01-02", np.arange(500))


def judged_of(growth: np.ndarray, seed: int = 0, *, trades: int = 40) -> Judged:
    m = len(growth)
    rng = np.random.default_rng(seed)
    known = np.zeros(m)
    known[:: max(m // trades, 1)] = 1.0
    hits = known * (rng.random(m) < 0.55)
    curve = np.exp(np.r_[0.0, np.cumsum(growth)])
    fall = float(np.max(1.0 - curve / np.maximum.accumulate(curve)))
    return Judged(
        run_id="sweep",
        hits=hits,
        known=known,
        expected=known * 0.5,
        growth=growth,
        held=growth * 0.5,
        drawdown=fall,
        longest_horizon=5,
        disjoint=int(known.sum()),
        trades=trades,
    )


def variant(name: str, growth: np.ndarray, *, as_set: bool = False, value: float = 1.0, **changes) -> Variant:
    found = Variant(
        name=name,
        words={"kelly.fraction": value},
        universe="SPY",
        as_set=as_set,
        sessions=SESSIONS[: len(growth)],
        excess=np.expm1(growth[1:]),
        parts=(judged_of(growth, trades=40),),
        invested=True,
    )
    return replace(found, **changes)


def noise(seed: int, *, drift: float = 0.0, m: int = 500) -> np.ndarray:
    return np.random.default_rng(seed).normal(drift, 0.01, m)


@pytest.fixture(scope="module")
def luck() -> list[Variant]:
    """Variants without skill, and the settings as they are among them."""
    return [variant(f"v{k}", noise(k), as_set=k == 0, value=0.1 * (k + 1)) for k in range(8)]


def judge(variants: list[Variant], *, by: Criterion = Criterion.SHARPE, trials: int | None = None):
    rates = [rate for v in variants if math.isfinite(rate := sharpe_per_session(v))]
    variance = float(np.var(rates, ddof=1)) if len(rates) > 1 else 0.0
    return findings(variants, trials=TrialCount(trials or len(variants), variance), by=by)


def test_the_best_is_first_and_its_figures_are_those_of_the_definitions(luck) -> None:
    found = judge(luck, trials=20)
    figures = [f.sharpe for f in found.figures]
    assert figures == sorted(figures, reverse=True)
    best = found.variants[0]
    rates = [sharpe_per_session(v) for v in luck]
    variance = float(np.var(rates, ddof=1))
    assert figures[0] == sharpe(best.excess)
    assert found.luck_sharpe == pytest.approx(expected_maximum_sharpe(20, variance) * math.sqrt(SESSIONS_PER_YEAR))
    skew, kurtosis = skew_and_kurtosis(best.excess)
    assert found.figures[0].deflated_sharpe == deflated_sharpe_ratio(
        max(rates), len(best.excess), skew, kurtosis, trials=20, variance_of_trials=variance
    )
    growth = np.column_stack([v.judged.growth for v in luck])
    assert found.overfitting == probability_of_backtest_overfitting(growth)


@pytest.fixture(scope="module")
def lucky(luck):
    """The same, judged."""
    return judge(luck)


@pytest.mark.parametrize("by", [Criterion.RETURN, Criterion.DRAWDOWN])
def test_every_criterion_orders_by_its_own_figure(luck, by: Criterion) -> None:
    found = judge(luck, by=by)
    figures = [getattr(f, by) for f in found.figures]
    assert figures == sorted(figures, reverse=by is not Criterion.DRAWDOWN)


def test_luck_is_called_luck_and_skill_is_told_apart(luck, lucky) -> None:
    assert not may_be_used(lucky)
    assert "keep the settings" in headline(lucky)
    skilled = [*luck, variant("v8", noise(8, drift=0.004), value=0.9)]
    found = judge(skilled)
    assert found.variants[0].name == "v8"
    assert "v8" in found.superior_names()
    assert found.figures[0].gain is not None
    assert found.figures[0].gain.return_interval[0] > 0


def test_the_false_alarms_of_the_whole_judgement_on_luck_are_rare() -> None:
    alarms = 0
    for seed in range(LUCKY_SWEEPS):
        variants = [variant(f"v{k}", noise(100 * seed + k, m=120), as_set=k == 0) for k in range(4)]
        alarms += may_be_used(judge(variants))
    assert alarms <= 1 + LUCKY_SWEEPS // 20  # the step-down test alone allows one in twenty


def invested(name: str, market: np.ndarray, share: np.ndarray, *, as_set: bool = False) -> Variant:
    """A variant that holds a share of a market, session by session, beside one that holds its mean share."""
    growth, held = np.log1p(share * np.expm1(market)), np.log1p(share.mean() * np.expm1(market))
    return variant(name, growth, as_set=as_set, parts=(replace(judged_of(growth), held=held),))


def test_being_invested_more_in_a_market_that_rises_is_no_ability() -> None:
    market = noise(3, drift=0.003)
    held = [invested(f"v{k}", market, np.full(500, size), as_set=k == 0) for k, size in enumerate((0.1, 0.5, 1.0))]
    found = judge(held)
    assert max(f.gain.return_interval[0] for f in found.figures if f.gain) > 0  # it grew more, surely
    assert found.superior_names() == ()
    assert found.superior is not None
    assert found.superior.p_value > 0.05
    assert not may_be_used(found)


def test_knowing_when_to_be_in_the_market_is_one() -> None:
    market = noise(3, drift=0.0005)
    knows = np.where(market > np.roll(market, 1), 0.9, 0.1)
    held = [invested("v0", market, np.full(500, 0.5), as_set=True), invested("v1", market, knows)]
    assert judge(held).superior_names() == ("v1",)


def test_what_a_sweep_claims_of_luck_in_a_market_that_rises_stays_within_its_level() -> None:
    """Every variant holds another share of one market, at times that know nothing of it."""
    apart = claimed = 0
    for seed in range(LUCKY_SWEEPS):
        rng = np.random.default_rng(10_000 + seed)
        market = rng.normal(0.0008, 0.01, 250)  # a fifth a year
        shares = [size * (rng.random(50) < 0.6).repeat(5) for size in (0.2, 0.4, 0.6, 0.8, 1.0)]
        found = judge([invested(f"v{k}", market, share, as_set=k == 0) for k, share in enumerate(shares)])
        apart += bool(found.superior_names())
        claimed += may_be_used(found)
    assert apart <= binom.ppf(0.999, LUCKY_SWEEPS, SWEEP_LEVEL)
    assert claimed <= apart


def test_a_variant_without_the_figure_is_last_and_one_that_never_bought_has_no_sharpe(luck) -> None:
    flat = variant("v9", np.zeros(500), invested=False)
    found = judge([flat, *luck])
    assert found.variants[-1].name == "v9"
    assert math.isnan(found.figures[-1].sharpe)
    assert math.isnan(found.figures[-1].sharpe_interval[0])


def test_variants_that_earn_the_same_are_no_choice() -> None:
    growth = noise(1)
    same = [variant(f"v{k}", growth, as_set=k == 0) for k in range(3)]
    found = judge(same)
    assert found.distinct == 1
    assert math.isnan(found.overfitting)
    assert found.superior is not None
    assert found.superior.p_value == 1.0
    assert any("made no difference" in sentence for sentence in conclusions(found))
    assert not may_be_used(found)


def test_different_tickers_are_compared_on_their_common_sessions_each_with_its_own_settings_as_they_are() -> None:
    late = SESSIONS[200:]
    others = [
        variant(f"w{k}", noise(20 + k, m=300), as_set=k == 0, sessions=late, universe="QQQ", value=k) for k in range(2)
    ]
    found = judge([variant("v0", noise(0), as_set=True), variant("v1", noise(1), value=2.0), *others])
    assert found.common_sessions == 300
    assert set(found.compared) == {"v1", "w1"}


def test_one_variant_alone_is_no_choice() -> None:
    found = judge([variant("v0", noise(0), as_set=True)])
    assert found.superior is None
    assert math.isnan(found.overfitting)
    assert "nothing to choose" in headline(found)


def test_no_variant_or_a_name_twice_is_refused(luck) -> None:
    for wrong in ([], [luck[0], luck[0]]):
        with pytest.raises(InputError, match="a name of its own"):
            findings(wrong, trials=TrialCount(1, 0.0), by=Criterion.SHARPE)


@given(st.integers(1, 400), st.integers(0, 1_000))
def test_parts_joined_are_the_whole(cut: int, seed: int) -> None:
    whole = judged_of(noise(seed))
    parts = [
        replace(
            whole,
            **{n: getattr(whole, n)[span] for n in ("hits", "known", "expected", "growth", "held")},
            disjoint=int(whole.known[span].sum()),
            trades=int(whole.known[span].sum()),
        )
        for span in (slice(None, cut), slice(cut, None))
    ]
    found = joined(parts)
    assert found.growth.tolist() == whole.growth.tolist()
    assert found.held.tolist() == whole.held.tolist()
    assert (found.disjoint, found.accuracy) == (whole.disjoint, whole.accuracy)
    assert found.drawdown == pytest.approx(whole.drawdown)


def cut(growth: np.ndarray, parts: int = 4) -> tuple[Judged, ...]:
    return tuple(judged_of(part, k) for k, part in enumerate(np.array_split(growth, parts)))


@pytest.mark.parametrize("by", list(Criterion))
def test_what_is_chosen_before_a_part_was_best_in_the_parts_before_it_and_knows_nothing_of_the_part(by) -> None:
    parts = {f"v{k}": cut(noise(k)) for k in range(5)}
    found = forward_choice(parts, "v0", by=by)
    assert found is not None
    for k, name in enumerate(found.chosen, start=1):
        before = {one: figure_of(joined(mine[:k]), by) for one, mine in parts.items()}
        assert before[name] == max(before.values())
    assert found.sessions == 375
    shuffled = {name: (*mine[:3], cut(noise(100 + k))[3]) for k, (name, mine) in enumerate(parts.items())}
    later = forward_choice(shuffled, "v0", by=by)
    assert later is not None
    assert later.chosen == found.chosen


def test_choosing_what_stays_best_earns_what_it_earns_over_the_settings_as_they_are() -> None:
    parts = {"v0": cut(noise(0)), "v1": cut(noise(1, drift=0.01))}
    found = forward_choice(parts, "v0", by=Criterion.SHARPE)
    assert found is not None
    assert (found.chosen, found.changes) == (("v1",) * 3, 0)
    growth = joined(parts["v1"][1:]).growth - joined(parts["v0"][1:]).growth
    assert found.gain_a_year == pytest.approx(float(np.mean(growth)) * SESSIONS_PER_YEAR)


def test_without_parts_or_variants_or_a_figure_there_is_nothing_to_choose_forward() -> None:
    assert forward_choice({"v0": cut(noise(0), 1), "v1": cut(noise(1), 1)}, "v0", by=Criterion.SHARPE) is None
    assert forward_choice({"v0": cut(noise(0))}, "v0", by=Criterion.SHARPE) is None
    flat = {name: cut(np.zeros(100)) for name in ("v0", "v1")}
    kept = forward_choice(flat, "v0", by=Criterion.SHARPE)
    assert kept is not None
    assert kept.chosen == ("v0",) * 3


def test_folds_are_told_in_words_and_in_the_document() -> None:
    variants = [variant(f"v{k}", noise(k), as_set=k == 0, parts=cut(noise(k))) for k in range(3)]
    found = judge(variants)
    assert found.forward is not None
    assert any("Choosing before each fold" in sentence for sentence in conclusions(found))
    document = sweep_document(found)
    assert document["forward_choice"]["chosen"] == list(found.forward.chosen)


def test_nothing_cannot_be_joined() -> None:
    with pytest.raises(InputError, match="nothing to join"):
        joined([])


def test_the_sharpe_interval_covers_a_known_ratio_about_as_often_as_it_says() -> None:
    held = 0
    for seed in range(20):
        only = variant("v0", noise(seed, drift=0.0005, m=250), as_set=True)
        low, high = judge([only]).figures[0].sharpe_interval
        held += low <= 0.05 * math.sqrt(SESSIONS_PER_YEAR) <= high
    assert held >= 16  # 95 % of 20 is 19; below 16 has a chance of three in a thousand


def test_the_document_is_plain_json_and_every_row_of_the_tables_is_there(lucky) -> None:
    found = lucky
    document = json.loads(json.dumps(sweep_document(found), allow_nan=False))
    assert [v["name"] for v in document["variants"]] == [v.name for v in found.variants]
    frame = variants_frame(found)
    assert frame["place"].to_list() == list(range(1, 9))
    assert frame.schema["set.kelly.fraction"] == pl.Float64
    assert {"sharpe_interval_low", "gain.return_a_year", "deflated_sharpe"} <= set(frame.columns)
    returns = returns_frame(found)
    assert len(returns) == 8 * 500
    assert returns.filter(pl.col("variant") == "v3")["log_growth"].to_list() == noise(3).tolist()


def test_a_table_takes_rows_of_different_columns_and_values_of_different_kinds() -> None:
    table = table_of([{"a": 1, "b": True}, {"a": 0.5, "c": None}, {"b": "x"}])
    assert table.to_dict(as_series=False) == {"a": [1.0, 0.5, None], "b": ["True", None, "x"], "c": [None, None, None]}


def test_nested_figures_become_columns_and_long_tables_stay_out() -> None:
    flat = flat_figures({"a": {"b": [1, 2], "notes": ["x"]}, "by_agent": {"t": {}}, "c": None, "days": [1, 2, 3]})
    assert flat == {"a.b_low": 1, "a.b_high": 2, "c": None}


def test_the_page_says_what_follows_and_escapes_what_it_was_given(lucky) -> None:
    odd = tuple(replace(v, universe="<SPY>", words={"<b>": v.words["kelly.fraction"]}) for v in lucky.variants)
    found = replace(lucky, variants=odd)
    page = sweep_html(found, title="Sweep <x>", failed=["v3: <script>"], notes=["a & b"])
    assert "Sweep &lt;x&gt;" in page
    assert "<SPY>" not in page.split("</script>")[-2]
    assert "v3: &lt;script&gt;" in page
    assert "a &amp; b" in page
    assert headline(found) in page
    assert all(f'id="{name}"' in page for name in ("all", "setting-0", "growth"))
    assert "http-equiv" in page


def test_a_sweep_without_a_trade_has_a_page_too() -> None:
    flat = [variant(f"v{k}", np.zeros(100), invested=False, as_set=k == 0) for k in range(2)]
    found = judge(flat)
    assert found.best is None
    assert "Nothing was traded" in sweep_html(found, title="t", failed=[], notes=[])
