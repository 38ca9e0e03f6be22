"""What vendors write when they do not know: a whole chain gives a number or a named refusal, never nonsense."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import builders_chain
from builders_chain import changed, reordered
from builders_market import wild_chain, with_morning_options
from lightning_gex.analytics.dealer_exposure import EXPOSURES
from lightning_gex.analytics.dealer_positioning import positioning
from lightning_gex.core.enums import ZeroGammaStatus
from lightning_gex.core.errors import InputError, InsufficientDataError

make_chain = partial(builders_chain.make_chain, root="XSP")
CALL, PUT = 48, 49  # of strike 97.5, July


def spoil(chain, **cells):
    """The chain with single cells replaced: column={row: value}."""
    columns = {}
    for name, values in cells.items():
        column = getattr(chain, name).astype(float)
        for row, value in values.items():
            column[row] = value
        columns[name] = column
    return changed(chain, **columns)


def without(chain, *rows):
    return reordered(chain, np.delete(np.arange(len(chain)), rows))


def same_figures(one, other, rel=1e-12):
    for name in (*EXPOSURES, "call_wall", "put_wall", "max_pain", "atm_implied_vol"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=rel, nan_ok=True), name
    np.testing.assert_allclose(one.zero_gamma, other.zero_gamma, rtol=1e-9)


@pytest.mark.parametrize("sentinel", [0.0, -999.0, 1e-5, np.nan, 80.0])
def test_a_volatility_that_is_none_is_solved_from_the_quote_and_changes_nothing(sentinel):
    clean = positioning(make_chain(vol=0.23))
    dirty = positioning(spoil(make_chain(vol=0.23), implied_vol={CALL: sentinel, PUT: sentinel}))
    assert (dirty.vendor_vols, dirty.solved_vols) == (100, 2)
    same_figures(dirty, clean, rel=1e-7)
    assert dirty.contracts.columns()["vol_source"].tolist().count("solved") == 2


@pytest.mark.parametrize(
    ("interest", "reason"),
    [(-1.0, "open_interest_invalid"), (np.nan, "open_interest_missing"), (1e15, "open_interest_invalid")],
)
def test_open_interest_that_is_none_is_refused_and_not_read_as_zero(interest, reason):
    dirty = positioning(spoil(make_chain(), open_interest={CALL: interest}))
    assert dirty.refused == {reason: 1}
    assert dirty.contracts_used == 101
    same_figures(dirty, positioning(without(make_chain(), CALL)))


def test_open_interest_zero_is_kept_and_adds_nothing():
    nobody = positioning(spoil(make_chain(), open_interest={CALL: 0.0}))
    assert nobody.contracts_used == 102
    assert nobody.refused == {}
    assert nobody.gamma_exposure_usd_per_pct == pytest.approx(
        positioning(without(make_chain(), CALL)).gamma_exposure_usd_per_pct
    )


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"bid": {CALL: 9.0}, "ask": {CALL: 3.0}}, "quote_crossed"),
        ({"bid": {CALL: 0.0}}, "quote_one_sided_or_absent"),
        ({"ask": {CALL: np.nan}}, "quote_one_sided_or_absent"),
        ({"ask": {CALL: np.inf}}, "quote_one_sided_or_absent"),
    ],
)
def test_a_quote_that_is_none_matters_only_where_no_volatility_is_given(cells, reason):
    assert positioning(spoil(make_chain(), **cells)).refused == {}
    alone = positioning(spoil(make_chain(), implied_vol={CALL: 0.0}, **cells))
    assert alone.refused == {reason: 1}
    # The pair is gone from parity too: forwards move by what the quotes were rounded to, which is nothing here.
    same_figures(alone, positioning(without(make_chain(), CALL)), rel=1e-6)


@pytest.mark.parametrize("strike", [-95.0, 0.0, np.nan, 1e300])
def test_a_strike_that_is_none_is_refused_and_makes_no_level(strike):
    dirty = positioning(spoil(make_chain(), strike={CALL: strike}))
    assert dirty.refused == {"strike_invalid": 1}
    assert len(dirty.strike) == 17
    assert min(dirty.strike) == 80.0
    same_figures(dirty, positioning(without(make_chain(), CALL)), rel=1e-6)


def test_an_adjusted_multiplier_counts_as_the_contract_says():
    chain = make_chain()
    odd = spoil(chain, multiplier={CALL: 150.0})
    more = positioning(odd).exposures_by_contract().delta_exposure_usd[CALL]
    assert more == pytest.approx(1.5 * positioning(chain).exposures_by_contract().delta_exposure_usd[CALL])
    assert positioning(spoil(chain, multiplier={CALL: 0.0})).refused == {"multiplier_invalid": 1}


def test_a_strike_listed_under_a_morning_and_an_evening_root_is_two_contracts():
    evening = make_chain(root="SPXW")
    both = positioning(with_morning_options(evening))
    assert both.contracts_used == 204
    assert sorted(set(both.contracts.root.tolist())) == ["SPX", "SPXW"]
    assert len(both.term_structure) == 6
    assert len(both.expiry) == 3
    twice = both.exposures_by_strike_and_expiry()
    assert (twice.contracts == 4).all()
    alone = positioning(evening).gamma_exposure_usd_per_pct
    assert both.gamma_exposure_usd_per_pct == pytest.approx(2 * alone, rel=0.1)


def test_rows_of_one_contract_that_stand_twice_do_not_depend_on_their_order():
    chain = make_chain()
    double = reordered(chain, np.r_[np.arange(102), CALL])
    double = changed(double, bid=np.r_[double.bid[:-1], 0.01], open_interest=np.r_[double.open_interest[:-1], 3.0])
    one, other = positioning(double), positioning(reordered(double, np.arange(103)[::-1]))
    assert one.to_json_dict() == other.to_json_dict()


def test_a_single_expiry_has_figures_and_says_so():
    found = positioning(make_chain(expiries=("2024-07-19",)))
    assert any("single expiry" in note for note in found.notes)
    assert math.isfinite(found.zero_gamma_nearest)


@pytest.mark.parametrize("side", ["below", "above"])
def test_a_cut_chain_has_no_figures(side):
    chain = make_chain()
    kept = chain.strike >= 96.0 if side == "below" else chain.strike <= 104.0
    with pytest.raises(InsufficientDataError, match=r"do not reach 95 \.\. 105 .*the chain is cut"):
        positioning(reordered(chain, np.flatnonzero(kept)))


def test_a_moment_outside_the_calendar_is_named():
    chain = make_chain()
    old = changed(chain, as_of=chain.as_of.replace(year=1975))
    with pytest.raises(InputError, match=r"'as_of': 1975.* outside the exchange's calendar, 1990 to 2040"):
        positioning(old)


def test_a_spot_that_is_no_price_is_named():
    with pytest.raises(InputError, match=r"'spot': spot 1e\+200"):
        positioning(changed(make_chain(), spot=1e200))


SUMMED = (
    *EXPOSURES,
    "gamma_exposure_ex_0dte_usd_per_pct",
    "gross_gamma_usd_per_pct",
    "open_interest_coverage",
)
LEVELS = ("zero_gamma_nearest", "call_wall", "put_wall", "max_pain", "max_pain_nearest_expiry")


@given(st.integers(0, 1_000_000))
def test_any_chain_gives_finite_sums_and_listed_levels_or_a_named_refusal(seed):
    chain = wild_chain(seed)
    try:
        found = positioning(chain)
    except InsufficientDataError:
        return
    for name in SUMMED:
        assert math.isfinite(getattr(found, name)), name
    for band in found.dealer_model_band.values():
        assert not math.isinf(band.low)
        assert not math.isinf(band.high)
    for name in LEVELS:
        level = getattr(found, name)
        assert math.isnan(level) or level > 0, name
    listed = set(chain.strike.tolist())
    for name in LEVELS[1:]:
        assert math.isnan(getattr(found, name)) or getattr(found, name) in listed
    for root in found.zero_gamma:
        assert found.spot / 1.2 <= root <= found.spot * 1.2
    assert (found.zero_gamma_status is ZeroGammaStatus.OK) == bool(found.zero_gamma)
    for weight in ("open_interest", "volume"):
        for table in (
            found.exposures_by_strike(weight),
            found.exposures_by_expiry(weight, include_0dte=False),
            found.exposures_by_strike_and_expiry(weight),
        ):
            assert all(np.isfinite(c).all() for c in table.columns().values() if c.dtype.kind == "f")
    assert np.isfinite(found.profile_gamma_usd_per_pct).all()
    for name, column in found.contracts.columns().items():
        assert column.dtype.kind != "f" or name == "volume" or np.isfinite(column).all(), name


@given(st.integers(0, 1_000_000))
def test_used_and_refused_add_up_to_the_chain(seed):
    chain = wild_chain(seed)
    try:
        found = positioning(chain, coverage_floor=0.0)
    except InputError:
        return
    assert found.contracts_used + sum(found.refused.values()) == len(chain)
    assert found.vendor_vols + found.solved_vols == found.contracts_used == len(found.contracts)
