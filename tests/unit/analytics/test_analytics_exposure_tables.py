"""Exposures by strike, by expiry and by both, in every variant, add up to the totals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders_chain import changed, make_chain
from builders_market import with_morning_options
from lightning_gex.analytics.dealer_exposure import EXPOSURES
from lightning_gex.analytics.dealer_positioning import positioning
from lightning_gex.core.errors import SettingsError

EXPIRIES = ("2024-06-03", "2024-06-21", "2024-07-19")  # the first is the day of the quotes, 14:00 in New York


def found_of(seed=0, **arguments):
    rng = np.random.default_rng(seed)
    chain = make_chain(
        root="SPXW",
        expiries=EXPIRIES,
        open_interest=rng.integers(0, 2_000, 102).astype(float),
        volume=np.where(rng.random(102) < 0.1, np.nan, rng.integers(0, 300, 102)),
    )
    return positioning(with_morning_options(chain), **arguments)


@given(st.integers(0, 10_000), st.sampled_from(["open_interest", "volume"]), st.booleans())
def test_every_table_is_the_contracts_added_up_by_its_keys(seed, weight, include_0dte):
    found = found_of(seed)
    rows = found.exposures_by_contract(weight)
    kept = np.isfinite(rows.gamma_exposure_usd_per_pct)
    if not include_0dte:
        kept &= ~found.contracts.is_0dte
    strike, expiry = found.contracts.strike, found.contracts.expiry
    cells = found.exposures_by_strike_and_expiry(weight, include_0dte=include_0dte)
    by_strike = found.exposures_by_strike(weight, include_0dte=include_0dte)
    by_expiry = found.exposures_by_expiry(weight, include_0dte=include_0dte)
    np.testing.assert_array_equal(by_strike.strike, found.strike)
    np.testing.assert_array_equal(by_expiry.expiry, found.expiry)
    assert cells.contracts.sum() == by_strike.contracts.sum() == by_expiry.contracts.sum() == kept.sum()
    for name in EXPOSURES:
        column = np.where(kept, getattr(rows, name), 0.0)
        size = 1e-12 * np.abs(column).sum()
        want = [column[strike == k].sum() for k in found.strike]
        np.testing.assert_allclose(getattr(by_strike, name), want, atol=size)
        np.testing.assert_allclose(
            getattr(by_expiry, name), [column[expiry == d].sum() for d in found.expiry], atol=size
        )
        np.testing.assert_allclose(getattr(cells, name).sum(axis=1), getattr(by_strike, name), atol=size)
        np.testing.assert_allclose(getattr(cells, name).sum(axis=0), getattr(by_expiry, name), atol=size)
    for table in (by_strike, by_expiry, cells):
        np.testing.assert_allclose(
            table.call_gamma_usd_per_pct + table.put_gamma_usd_per_pct,
            table.gamma_exposure_usd_per_pct,
            atol=1e-9 * np.abs(table.call_gamma_usd_per_pct).sum(),
        )


@given(st.integers(0, 10_000))
def test_sums_of_the_tables_are_the_totals_in_every_variant(seed):
    found = found_of(seed)
    totals = {
        ("open_interest", True): found.gamma_exposure_usd_per_pct,
        ("open_interest", False): found.gamma_exposure_ex_0dte_usd_per_pct,
        ("volume", True): found.gamma_exposure_by_volume_usd_per_pct,
    }
    for (weight, include_0dte), total in totals.items():
        table = found.exposures_by_strike(weight, include_0dte=include_0dte)
        size = np.abs(table.call_gamma_usd_per_pct).sum() + np.abs(table.put_gamma_usd_per_pct).sum()
        assert table.gamma_exposure_usd_per_pct.sum() == pytest.approx(total, abs=1e-12 * size)
    for name in EXPOSURES:
        values = getattr(found.exposures_by_expiry(), name)
        assert values.sum() == pytest.approx(getattr(found, name), abs=1e-12 * np.abs(values).sum())
        terms = getattr(found.term_structure, name)
        assert terms.sum() == pytest.approx(getattr(found, name), abs=1e-12 * np.abs(terms).sum())


def test_leaving_todays_settlements_out_keeps_the_axes_and_empties_their_column():
    found = found_of()
    cells = found.exposures_by_strike_and_expiry(include_0dte=False)
    assert cells.expiry[0] == np.datetime64("2024-06-03")
    assert (cells.contracts[:, 0] == 0).all()
    assert (cells.gamma_exposure_usd_per_pct[:, 0] == 0.0).all()
    assert (cells.contracts[:, 1:] == 4).all()


def test_morning_options_of_todays_date_have_settled_and_tomorrows_are_not_todays():
    from datetime import UTC, datetime

    early = make_chain(
        root="SPX", expiries=("2024-06-21", "2024-07-19"), as_of=datetime(2024, 6, 21, 13, 0, tzinfo=UTC)
    )
    assert positioning(early).term_structure.is_0dte.tolist() == [True, False]  # half an hour before the opening print
    evening = make_chain(
        root="SPX", expiries=("2024-06-21", "2024-07-19"), as_of=datetime(2024, 6, 20, 21, 0, tzinfo=UTC)
    )
    assert positioning(evening).term_structure.is_0dte.tolist() == [False, False]
    weekend = make_chain(
        root="SPXW", expiries=("2024-06-24", "2024-07-19"), as_of=datetime(2024, 6, 22, 15, 0, tzinfo=UTC)
    )
    assert positioning(weekend).term_structure.is_0dte.tolist() == [False, False]
    assert positioning(weekend).quotes_session == np.datetime64("2024-06-21")


def test_an_hour_before_the_close_todays_options_have_an_hour_and_no_floor():
    from datetime import UTC, datetime

    late = make_chain(root="SPXW", expiries=EXPIRIES, as_of=datetime(2024, 6, 3, 19, 0, tzinfo=UTC))
    found = positioning(late)
    assert found.term_structure.time_to_expiry_years[0] == pytest.approx(1 / 8760)
    at_the_money = (found.contracts.strike == 100.0) & found.contracts.is_0dte
    total = 0.2 * (1 / 8760) ** 0.5
    assert found.contracts.gamma[at_the_money] == pytest.approx(0.39894 / (100 * total), rel=1e-3)


def test_columns_in_long_form_leave_empty_cells_out():
    chain = make_chain(root="SPXW")
    odd = changed(
        chain, strike=np.where(chain.strike == 120.0, 121.0 + (chain.expiry == chain.expiry[0]), chain.strike)
    )
    cells = positioning(odd).exposures_by_strike_and_expiry()
    assert cells.contracts.shape == (18, 3)
    table = cells.columns()
    assert {len(column) for column in table.values()} == {51}
    assert (table["contracts"] == 2).all()
    assert table["strike"].tolist()[-3:] == [121.0, 121.0, 122.0]
    assert table["gamma_exposure_usd_per_pct"].sum() == pytest.approx(cells.gamma_exposure_usd_per_pct.sum())


def test_an_unknown_weight_lists_the_known_ones():
    found = found_of()
    for ask in (found.exposures_by_strike, found.exposures_by_expiry, found.exposures_by_contract):
        with pytest.raises(SettingsError, match="open_interest or volume"):
            ask("turnover")


def test_the_mirror_model_flips_every_table():
    ours, mirror = found_of(3), found_of(3, dealer_model="inverted")
    for name in EXPOSURES:
        np.testing.assert_array_equal(
            getattr(mirror.exposures_by_strike_and_expiry(), name),
            -getattr(ours.exposures_by_strike_and_expiry(), name),
        )
