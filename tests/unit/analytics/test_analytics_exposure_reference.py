"""The readable profile against values computed apart."""

from __future__ import annotations

import numpy as np
import pytest

from builders_exposure import alike, exact_gamma, random_book
from lightning_gex.analytics.exposure_reference import exposures_reference, profile_reference


def test_the_readable_profile_is_the_sum_at_fifty_digits():
    c, prices = random_book(20, 1), np.array([83.0, 97.5, 104.0, 119.0])
    np.testing.assert_allclose(profile_reference(prices, c), exact_gamma(prices, c), rtol=1e-11)


def test_delta_of_one_contract_is_the_textbooks():
    # Hull, 10th ed., example 19.1: a call on 100,000 shares at 49, strike 50, r = 5 %, sigma = 20 %, 20 weeks: 0.522.
    one = alike([50.0], [1.0], 0.3846, 0.2)
    c = type(one)(
        one.strike, one.time_to_expiry_years, one.implied_vol, np.array([0.05]), one.dividend_yield, one.shares
    )
    _, call = exposures_reference(np.array([49.0]), c, np.array([True]))
    _, put = exposures_reference(np.array([49.0]), c, np.array([False]))
    assert call[0] / 49.0 == pytest.approx(0.522, abs=5e-4)
    assert call[0] - put[0] == pytest.approx(49.0)
