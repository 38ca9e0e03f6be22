"""What changed between two chains: parts add up to the whole, and nothing changed where nothing did."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders_chain import AS_OF, EXPIRIES, black_scholes_price, changed, make_chain, reordered
from lightning_gex.analytics.dealer_positioning import positioning
from lightning_gex.analytics.positioning_changes import (
    LEVELS,
    ContractFate,
    GammaStep,
    largest,
    positioning_changes,
)
from lightning_gex.core.errors import InputError, SettingsError

NEXT_DAY = AS_OF + timedelta(days=1)


def changes(now, before, **arguments):
    return positioning_changes(positioning(now, **arguments), positioning(before, **arguments))


def moved_steps(found) -> set[str]:
    scale = np.abs(found.contracts.gamma_before_usd_per_pct).sum()
    return {step.value for step, value in found.gamma_steps_usd_per_pct.items() if abs(value) > 1e-9 * scale}


def assert_adds_up(found, now, before):
    whole = now.gamma_exposure_usd_per_pct - before.gamma_exposure_usd_per_pct
    scale = now.gross_gamma_usd_per_pct + before.gross_gamma_usd_per_pct
    assert found.gamma_change_usd_per_pct == pytest.approx(whole, abs=1e-12 * scale)
    by_contract = found.contracts.gamma_steps_usd_per_pct.sum(axis=1)
    np.testing.assert_allclose(by_contract, found.contracts.gamma_change_usd_per_pct, rtol=0, atol=1e-12 * scale)
    for table in (found.by_strike(), found.by_expiry()):
        assert table.gamma_change_usd_per_pct.sum() == pytest.approx(whole, abs=1e-12 * scale)
        assert table.open_interest_now.sum() == pytest.approx(found.contracts.open_interest_now.sum())


def test_the_same_chain_twice_changes_nothing():
    chain = make_chain()
    found = changes(chain, chain)
    assert set(found.gamma_steps_usd_per_pct.values()) == {0.0}
    assert list(found.gamma_steps_usd_per_pct) == list(GammaStep)
    assert not found.contracts.open_interest_change.any()
    assert set(found.contracts.fate) == {ContractFate.KEPT.value}
    assert set(found.levels) == set(LEVELS)
    for before, now in found.levels.values():
        assert before == now or (np.isnan(before) and np.isnan(now))
    assert len(found.expiries_gone()) == len(found.expiries_opened()) == 0
    assert len(largest(found.contracts.gamma_change_usd_per_pct, 5)) == 0


def test_only_what_changed_is_charged():
    before = make_chain(quoted_iv=True)
    opened = changed(before, open_interest=before.open_interest * 2.0)
    assert moved_steps(changes(opened, before)) == {"open_interest"}
    calmer = changed(before, implied_vol=before.implied_vol * 0.9)
    assert moved_steps(changes(calmer, before)) == {"volatility"}
    rates = make_chain(rate=0.06)
    assert moved_steps(changes(rates, before)) == {"carry"}
    traded = changed(before, volume=before.volume * 3.0)
    assert moved_steps(changes(traded, before, dealer_model="volume_signed")) == {"dealer_sign"}
    assert moved_steps(changes(traded, before)) == set()
    assert {"spot"} <= moved_steps(changes(make_chain(spot=102.0, strikes=np.unique(before.strike)), before))
    assert {"time"} <= moved_steps(changes(make_chain(as_of=NEXT_DAY), before))


def test_the_order_of_the_steps_is_the_one_stated():
    before, now = make_chain(), make_chain(spot=103.0, strikes=np.unique(make_chain().strike), as_of=NEXT_DAY, vol=0.25)
    found = changes(now, before)
    kept = positioning(before)
    strike, sign = kept.contracts.strike, kept.contracts.dealer_sign
    shares = kept.contracts.open_interest * kept.contracts.multiplier
    terms, series = kept.term_structure, kept.contracts.series

    def net(spot, years, vol):
        bump = 1e-3 * spot  # an independent gamma: second difference of the textbook price
        r, q = terms.rate[series], terms.dividend_yield[series]
        price = [
            black_scholes_price(spot + b, strike, years, vol, r, q, kept.contracts.is_call) for b in (-bump, 0, bump)
        ]
        gamma = (price[0] - 2 * price[1] + price[2]) / bump**2
        return float((gamma * sign * shares * spot * spot * 0.01).sum())

    years = terms.time_to_expiry_years[series]
    states = [net(100.0, years, 0.2), net(103.0, years, 0.2), net(103.0, years - 1 / 365, 0.2)]
    steps = found.gamma_steps_usd_per_pct
    scale = kept.gross_gamma_usd_per_pct
    assert steps[GammaStep.SPOT] == pytest.approx(states[1] - states[0], abs=1e-4 * scale)
    assert steps[GammaStep.TIME] == pytest.approx(states[2] - states[1], abs=1e-4 * scale)


def test_what_expired_was_opened_or_went_missing_is_told_apart():
    expiries = ("2024-06-03", *EXPIRIES)
    before = make_chain(expiries=expiries)
    later = make_chain(expiries=(*EXPIRIES, "2024-12-20"), as_of=NEXT_DAY)
    missing = (later.expiry == np.datetime64(EXPIRIES[1])) & (later.strike == 100.0)
    now = reordered(later, np.flatnonzero(~missing)[::-1])
    found = changes(now, before)
    fate = dict(zip(*np.unique(found.contracts.fate, return_counts=True), strict=True))
    one_expiry = int((before.expiry == before.expiry[0]).sum())
    assert fate["expired"] == one_expiry
    assert fate["entered"] == one_expiry
    assert fate["left"] == 2
    assert found.expiries_gone().astype(str).tolist() == ["2024-06-03"]
    assert found.expiries_opened().astype(str).tolist() == ["2024-12-20"]
    assert any("2 contracts that are still alive" in note for note in found.notes)
    expired = found.contracts.fate == ContractFate.EXPIRED
    gone = expired | (found.contracts.fate == ContractFate.LEFT)
    np.testing.assert_array_equal(np.isnan(found.contracts.traded_open_interest), gone)
    step = found.gamma_steps_usd_per_pct[GammaStep.EXPIRED]
    assert step == pytest.approx(-found.contracts.gamma_before_usd_per_pct[expired].sum(), rel=1e-12)
    assert_adds_up(found, positioning(now), positioning(before))


def test_the_largest_changes_come_first_and_name_their_contract():
    before = make_chain()
    interest = before.open_interest.copy()
    at = int(np.flatnonzero((before.strike == 105.0) & before.is_call)[1])
    interest[at] += 50_000
    found = changes(changed(before, open_interest=interest), before)
    (row,) = largest(found.contracts.open_interest_change, 3).tolist()
    contract = found.contracts
    assert (contract.strike[row], bool(contract.is_call[row]), str(contract.expiry[row])) == (105.0, True, EXPIRIES[1])
    assert contract.open_interest_change[row] == 50_000
    strikes = found.by_strike()
    assert strikes.strike[largest(strikes.open_interest_change, 1)[0]] == 105.0
    assert set(strikes.columns()) >= {"strike", "gamma_change_usd_per_pct"}
    assert "strike" not in found.by_expiry().columns()
    assert len(found.contracts.columns()["gamma_open_interest_usd_per_pct"]) == len(contract)


def test_a_key_that_stands_twice_is_matched_in_order():
    chain = make_chain()
    doubled = reordered(chain, np.r_[np.arange(len(chain)), 0])
    found = changes(doubled, doubled)
    assert set(found.gamma_steps_usd_per_pct.values()) == {0.0}
    once = changes(chain, doubled)
    assert int((once.contracts.fate == ContractFate.LEFT).sum()) == 1


def test_what_cannot_be_compared_is_refused_with_what_to_do():
    chain, later = make_chain(), make_chain(as_of=NEXT_DAY)
    with pytest.raises(InputError, match="earlier chain second"):
        changes(chain, later)
    with pytest.raises(InputError, match="one underlying"):
        changes(changed(later, underlying="OTHER"), chain)
    with pytest.raises(SettingsError, match="dealer model"):
        positioning_changes(positioning(later), positioning(chain, dealer_model="inverted"))


def test_notes_warn_of_splits_and_of_one_evenings_open_interest():
    before = make_chain()
    assert any("corrections" in note for note in changes(before, before).notes)
    halved = make_chain(spot=50.0, as_of=NEXT_DAY)
    assert any("split" in note for note in changes(halved, before).notes)


@given(
    spot=st.floats(85.0, 115.0),
    vol=st.floats(0.08, 0.8),
    hours=st.integers(1, 24 * 30),
    rate=st.floats(-0.01, 0.1),
    model=st.sampled_from(["naive", "inverted", "unsigned", "volume_signed"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_parts_add_up_to_the_whole(spot, vol, hours, rate, model, seed):
    random = np.random.default_rng(seed)
    ladder = np.arange(60.0, 141.0, 2.5)
    before = make_chain(strikes=ladder, open_interest=random.integers(0, 5_000, len(ladder) * 6))
    expiries = [
        e for e in (*EXPIRIES, "2024-11-15") if np.datetime64(e) > np.datetime64(AS_OF.date()) + hours // 24 + 1
    ]
    later = make_chain(
        spot=spot,
        as_of=AS_OF + timedelta(hours=hours),
        expiries=expiries,
        strikes=ladder,
        vol=vol,
        rate=rate,
        volume=random.integers(0, 9_000, len(ladder) * 2 * len(expiries)),
    )
    listed = np.flatnonzero(random.random(len(later)) < 0.9)
    now, then = (positioning(c, dealer_model=model) for c in (reordered(later, listed), before))
    assert_adds_up(positioning_changes(now, then), now, then)


@given(st.lists(st.floats(-10, 10) | st.just(float("nan")), max_size=30), st.integers(1, 40))
def test_the_largest_are_no_smaller_than_the_rest(values, count):
    change = np.array(values, dtype=np.float64)
    rows = largest(change, count)
    size = np.abs(change[rows])
    assert (np.diff(size) <= 0).all()
    rest = np.abs(np.delete(change, rows))
    if len(rows) == count and len(rest):
        assert np.nanmax(np.r_[rest, 0.0]) <= size.min()
