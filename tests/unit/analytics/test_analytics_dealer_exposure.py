"""Contracts' Greeks in USD."""

from __future__ import annotations

import numpy as np
import pytest

from lightning_gex.analytics.black_scholes import greeks
from lightning_gex.analytics.dealer_exposure import gross_exposures, summed_by


def test_one_contract_by_hand():
    g = greeks(100.0, 100.0, 0.25, 0.2, 0.0, 0.0, True)
    x = gross_exposures(g, spot=100.0, contracts=np.array([10.0]), multiplier=np.array([100.0]))
    # gamma = phi(0.05) / (100 * 0.2 * 0.5) = 0.03984439; 1,000 shares; 1 % of 100 USD moves delta by 0.03984439 each.
    assert x.gamma_exposure_usd_per_pct[0] == pytest.approx(0.039844391 * 1000 * 100, rel=1e-7)
    assert x.delta_exposure_usd[0] == pytest.approx(0.519938806 * 1000 * 100, rel=1e-8)
    assert x.vanna_exposure_usd_per_vol_point[0] == pytest.approx(g.vanna[0] * 1000 * 100 * 0.01)
    assert x.charm_exposure_usd_per_day[0] == pytest.approx(g.charm[0] * 1000 * 100 / 365)


def test_gamma_exposure_is_the_change_of_delta_exposure_over_one_per_cent():
    contracts, multiplier = np.array([7.0]), np.array([100.0])
    step = 1e-4

    def shares_usd(spot):  # delta in shares, in USD of the first spot
        return greeks(spot, 105.0, 0.3, 0.25, 0.03, 0.01, False).delta[0] * 700 * 100.0

    slope = (shares_usd(100 * (1 + step)) - shares_usd(100 * (1 - step))) / (2 * step) * 0.01
    g = greeks(100.0, 105.0, 0.3, 0.25, 0.03, 0.01, False)
    x = gross_exposures(g, spot=100.0, contracts=contracts, multiplier=multiplier)
    assert x.gamma_exposure_usd_per_pct[0] == pytest.approx(slope, rel=1e-6)


def test_the_multiplier_is_the_contracts_own():
    g = greeks(100.0, 100.0, 0.25, 0.2, 0.0, 0.0, np.array([True, True]))
    x = gross_exposures(g, spot=100.0, contracts=np.array([1.0, 1.0]), multiplier=np.array([100.0, 10.0]))
    assert x.delta_exposure_usd[0] == pytest.approx(10 * x.delta_exposure_usd[1])


def test_unknown_signs_are_left_out_of_totals_and_counts_that_are_nan_stay_nan():
    g = greeks(100.0, 100.0, 0.25, 0.2, 0.0, 0.0, np.array([True, True]))
    x = gross_exposures(g, spot=100.0, contracts=np.array([1.0, 2.0]), multiplier=np.array([100.0, 100.0]))
    total = x.totals(np.array([np.nan, -1.0]))
    assert total["gamma_exposure_usd_per_pct"] == pytest.approx(-x.gamma_exposure_usd_per_pct[1])
    y = gross_exposures(g, spot=100.0, contracts=np.array([1.0, np.nan]), multiplier=np.array([100.0, 100.0]))
    assert np.isnan(y.gamma_exposure_usd_per_pct[1])


def test_sums_by_group_keep_empty_groups_at_zero():
    np.testing.assert_array_equal(summed_by(np.array([0, 2, 0]), np.array([1.0, 5.0, 2.0]), 4), [3.0, 0.0, 5.0, 0.0])
