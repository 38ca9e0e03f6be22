"""The seven numbers a sizing policy looks at."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.analytics.observation import (
    MAX_ABSENT,
    OBSERVATION_HIGH,
    OBSERVATION_LOW,
    OBSERVATION_NAMES,
    observation,
)
from lightning_gex.core.errors import InputError

CALM = {
    "gex_signal": 0.1,
    "charm_pressure": 0.2,
    "vanna_sensitivity": 0.3,
    "drawdown": 0.0,
    "win_rate": 0.5,
    "volatility": 0.16,
    "portfolio_heat": 0.0,
}
ranks = st.floats(-1, 1) | st.just(math.nan)


def test_the_order_is_the_founding_documents():
    assert tuple(CALM) == OBSERVATION_NAMES


@given(
    ranks,
    ranks,
    ranks,
    st.floats(0, 5),
    st.floats(0, 1) | st.just(math.nan),
    st.floats(0, 50) | st.just(math.nan),
    st.floats(0, 9),
)
def test_every_entry_stays_within_its_bounds_and_is_a_number(gex, charm, vanna, drawdown, wins, vol, heat):
    values, absent = observation(
        gex_signal=gex,
        charm_pressure=charm,
        vanna_sensitivity=vanna,
        drawdown=drawdown,
        win_rate=wins,
        volatility=vol,
        portfolio_heat=heat,
    )
    assert values.dtype == np.float32
    assert values.shape == (7,)
    assert (values >= OBSERVATION_LOW).all()
    assert (values <= OBSERVATION_HIGH).all()
    given_ = dict(zip(OBSERVATION_NAMES, (gex, charm, vanna, drawdown, wins, vol, heat), strict=True))
    assert absent == tuple(name for name, value in given_.items() if math.isnan(value))
    assert all(values[OBSERVATION_NAMES.index(name)] == 0 for name in absent)


@pytest.mark.parametrize(
    ("name", "given_", "seen"),
    [
        ("drawdown", 0.10, 0.4),
        ("drawdown", 0.25, 1.0),
        ("drawdown", 0.60, 1.0),
        ("win_rate", 0.0, -1.0),
        ("win_rate", 0.75, 0.5),
        ("volatility", 0.32, 0.5),
        ("volatility", 0.04, -1.0),
        ("volatility", 0.64, 1.0),
        ("volatility", 2.0, 1.0),
        ("volatility", 0.0, -1.0),
        ("portfolio_heat", 0.03, 0.2),
    ],
)
def test_an_entry_reads_as_documented(name, given_, seen):
    values, absent = observation(**(CALM | {name: given_}))
    assert values[OBSERVATION_NAMES.index(name)] == pytest.approx(seen, abs=1e-6)
    assert absent == ()


def test_with_too_much_absent_a_policy_is_not_to_be_asked():
    nothing = dict.fromkeys(("gex_signal", "charm_pressure", "vanna_sensitivity"), math.nan)
    assert observation(**(CALM | nothing)).enough
    assert len(nothing) == MAX_ABSENT
    assert not observation(**(CALM | nothing | {"volatility": math.nan})).enough


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gex_signal", 1.01),
        ("charm_pressure", -2.0),
        ("vanna_sensitivity", math.inf),
        ("drawdown", -0.1),
        ("drawdown", math.nan),
        ("win_rate", 1.5),
        ("volatility", -0.1),
        ("volatility", math.inf),
        ("portfolio_heat", math.nan),
    ],
)
def test_a_value_out_of_its_range_is_refused_by_name(name, value):
    with pytest.raises(InputError) as refused:
        observation(**(CALM | {name: value}))
    assert refused.value.field == name
