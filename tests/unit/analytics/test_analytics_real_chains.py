"""Whole index chains of four sessions: forwards, rates, positioning. (Greeks against the vendor's: integration.)"""

from __future__ import annotations

from datetime import time

import numpy as np
import pytest
from vendor_chains import end_of_day_chain

from lightning_gex.analytics.dealer_positioning import positioning
from lightning_gex.analytics.parity import CarrySource, forward_curve
from lightning_gex.core.enums import ZeroGammaStatus

SESSIONS = ("2026-07-22", "2026-07-24", "2026-07-27", "2026-07-28")
QUOTED_UNTIL = time(16, 15)  # New York: index options trade a quarter of an hour longer than shares

pytestmark = pytest.mark.shared_data


@pytest.mark.parametrize("session", SESSIONS)
def test_forwards_come_from_the_quotes_and_rates_are_the_money_markets(shared_data, session):
    chain = end_of_day_chain(shared_data, session, at=QUOTED_UNTIL).chain
    curve = forward_curve(chain)
    assert set(curve.forward_source) == {CarrySource.PARITY}
    long_dated = curve.time_to_expiry_years > 0.25
    rate = -np.log(curve.discount) / curve.time_to_expiry_years
    assert ((rate[long_dated] > 0.03) & (rate[long_dated] < 0.06)).all()


@pytest.mark.parametrize("session", SESSIONS)
def test_a_whole_index_chain_gives_plausible_positioning(shared_data, session):
    chain = end_of_day_chain(shared_data, session, at=QUOTED_UNTIL).chain
    result = positioning(chain)
    assert result.contracts_used + sum(result.refused.values()) == len(chain)
    assert result.open_interest_coverage > 0.99
    assert result.zero_gamma_status is ZeroGammaStatus.OK
    assert abs(result.zero_gamma_nearest / chain.spot - 1) < 0.03
    assert 1e9 < abs(result.gamma_exposure_usd_per_pct) < 1e11  # USD per 1 %, not a hundred times that
    assert 0.10 < result.atm_implied_vol < 0.20  # the vendor's 30-day volatility was 13 to 15 % on these days
    for level in (result.call_wall, result.put_wall, result.max_pain):
        assert 0.8 < level / chain.spot < 1.2
