"""Chains become frames of our own table and come back unchanged; any known table may come as a frame."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders_chain import make_chain
from lightning_gex.adapters.market_data.chain_frames import chain_frame, chain_of_frame
from lightning_gex.core.errors import InputError, SettingsError
from lightning_gex.simulation.chains import modelled_chain

PER_CONTRACT = (
    "root", "expiry", "settles_at", "is_call", "strike", "bid", "ask", "implied_vol", "open_interest", "volume",
    "multiplier",
)  # fmt: skip


def assert_same(one, other):
    assert (one.underlying, one.as_of, one.spot) == (other.underlying, other.as_of, other.spot)
    for name in PER_CONTRACT:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@given(spot=st.floats(20.0, 500.0), seed=st.integers(0, 2**16))
def test_a_chain_comes_back_unchanged(spot, seed):
    chain = make_chain(spot=spot)
    holes = np.random.default_rng(seed).random(len(chain)) < 0.2
    chain = make_chain(spot=spot, open_interest=np.where(holes, np.nan, 10.0), volume=np.where(holes, 3.0, np.nan))
    assert_same(chain_of_frame(chain_frame(chain)), chain)


def test_morning_and_evening_settlement_are_kept():
    chain = modelled_chain(underlying="SPX", as_of=make_chain().as_of, spot=5_000.0, atm_vol=0.15)
    assert len(np.unique(chain.root)) == 2
    assert_same(chain_of_frame(chain_frame(chain)), chain)


def test_a_pandas_frame_is_read_as_well():
    chain = make_chain()
    assert_same(chain_of_frame(chain_frame(chain).to_pandas()), chain)


@pytest.mark.parametrize(
    ("frame", "how", "error", "words"),
    [
        (3, {}, InputError, "a int is no frame"),
        (pl.DataFrame({"a": [1]}), {}, InputError, "unknown column"),
        (pl.DataFrame({"a": [1]}), {"format": "clever"}, SettingsError, "unknown chain format"),
    ],
)
def test_what_is_no_chain_is_refused(frame, how, error, words):
    with pytest.raises(error, match=words):
        chain_of_frame(frame, **how)
