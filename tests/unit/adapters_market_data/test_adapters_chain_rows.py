"""The checks that all formats share."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.adapters.market_data.chain_rows import (
    CALL,
    EVENING,
    MORNING,
    NEITHER,
    PUT,
    UNREADABLE,
    UNSAID,
    Heading,
    Quotes,
    RawContracts,
    Refusal,
    Refusals,
    assemble,
    later_rows_of_a_key,
)
from lightning_gex.core.errors import InputError

HEADING = Heading("f", "SPX", datetime(2024, 6, 3, 19, 30, tzinfo=UTC), 5_280.0)


def rows(n: int, **changes) -> RawContracts:
    """``n`` sound calls of one expiry, strikes 1, 2, 3 and so on."""
    quotes = Quotes(np.full(n, 1.0), np.full(n, 1.1), np.full(n, 0.2), np.full(n, 10.0), np.full(n, 5.0))
    columns = {
        "heading": HEADING, "refusals": Refusals(n), "root_names": ("SPX", "SPXW"), "root_code": np.ones(n, np.int16),
        "expiry": np.full(n, np.datetime64("2024-06-21")), "right": np.full(n, CALL), "strike": np.arange(1.0, n + 1),
        "multiplier": np.full(n, 100.0), "quotes": quotes,
    }  # fmt: skip
    return RawContracts(**(columns | changes))


def test_sound_rows_all_become_contracts_in_their_order():
    chain = assemble(rows(5))
    assert chain.strike.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert (chain.root_names, chain.refused) == (("SPXW",), {})


def test_each_row_is_refused_for_the_first_reason_alone():
    refusals = Refusals(4)
    refusals.mark(np.array([True, True, False, False]), Refusal.BAD_SYMBOL)
    refusals.mark(np.array([True, False, True, False]), Refusal.BAD_NUMBER)
    assert refusals.counts() == {"bad_number": 1, "bad_symbol": 2}
    assert refusals.kept.tolist() == [False, False, False, True]
    by_part = refusals.counts_by_part(np.array([0, 1, 4]))
    assert {reason: count.tolist() for reason, count in by_part.items()} == {
        "bad_number": [0, 1], "bad_symbol": [1, 1],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"right": np.array([NEITHER, CALL])}, "bad_right"),
        ({"expiry": np.array(["NaT", "2024-06-21"], dtype="datetime64[D]")}, "bad_expiry"),
        ({"expiry": np.array(["1990-06-21", "2024-06-21"], dtype="datetime64[D]")}, "bad_expiry"),
        ({"strike": np.array([1e300, 2.0])}, "bad_strike"),
        ({"strike": np.array([-5.0, 2.0])}, "bad_strike"),
        ({"multiplier": np.array([1e9, 100.0])}, "bad_multiplier"),
        ({"multiplier": np.array([np.nan, 100.0])}, "bad_multiplier"),
        ({"settlement": np.array([UNREADABLE, UNSAID])}, "bad_settlement"),
        ({"expiry": np.array(["2024-05-31", "2024-06-21"], dtype="datetime64[D]")}, "expired"),
        ({"strike": np.array([2.0, 2.0])}, "duplicate_contract"),
    ],
)  # fmt: skip
def test_what_can_be_no_contract_is_refused_by_name(changes, reason):
    chain = assemble(rows(2, **changes))
    assert (len(chain), chain.refused) == (1, {reason: 1})


def test_what_the_source_says_of_settlement_goes_before_the_root():
    said = np.array([MORNING, EVENING, UNSAID, UNSAID], dtype=np.int8)
    chain = assemble(rows(4, settlement=said, root_code=np.array([1, 0, 1, 0], dtype=np.int16)))
    morning, evening = np.datetime64("2024-06-21T13:30:00"), np.datetime64("2024-06-21T20:00:00")
    np.testing.assert_array_equal(chain.settles_at, [morning, evening, evening, morning])


def test_a_morning_contract_expires_in_the_morning_and_an_evening_one_in_the_evening():
    day = np.full(2, np.datetime64("2024-06-21"))
    noon = replace(HEADING, as_of=datetime(2024, 6, 21, 16, tzinfo=UTC))
    chain = assemble(rows(2, heading=noon, expiry=day, root_code=np.array([0, 1], dtype=np.int16)))
    assert (chain.root.tolist(), chain.refused) == (["SPXW"], {"expired": 1})


def test_sentinels_and_broken_cells_are_absent():
    odd = np.array([-999.0, -1.0, np.inf, 1e300, 0.0, np.nan])
    chain = assemble(rows(6, quotes=Quotes(odd, odd, np.array([0.0, -999.0, 1e-5, np.inf, 1e-4, 0.2]), odd, odd)))
    for column in (chain.bid, chain.ask, chain.open_interest, chain.volume):
        np.testing.assert_array_equal(column, [np.nan, np.nan, np.nan, np.nan, 0.0, np.nan])
    np.testing.assert_array_equal(chain.implied_vol, [np.nan] * 5 + [0.2])


@pytest.mark.parametrize("spot", [0.0, -1.0, float("nan"), float("inf"), 1e300])
def test_a_spot_that_is_no_price_is_refused(spot):
    with pytest.raises(InputError, match="not a price in USD") as caught:
        assemble(rows(1, heading=replace(HEADING, spot=spot)))
    assert caught.value.field == "spot"


def test_a_file_of_which_no_row_is_left_says_why():
    with pytest.raises(InputError, match="none of the 3 contracts can be used: 2 bad_strike, 1 bad_right"):
        assemble(rows(3, strike=np.array([0.0, 0.0, 5.0]), right=np.array([CALL, PUT, NEITHER])))


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([100.0, 100.5, 105.0, 1e-300])), max_size=40))
def test_repetitions_are_those_that_a_walk_through_the_rows_finds(keys):
    seen, expected = set(), []
    for i, key in enumerate(keys):
        if key in seen:
            expected.append(i)
        seen.add(key)
    series = np.array([s for s, _ in keys], dtype=np.int64) << 34
    strike = np.array([k for _, k in keys], dtype=np.float64)
    assert later_rows_of_a_key(series, strike).tolist() == expected
