"""Option symbols taken apart."""

from __future__ import annotations

import re
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.adapters.market_data.osi_symbol import belongs_to, is_adjusted, parse_osi_texts, underlying_of

SYMBOL = re.compile(r"([0-9A-Z.]{1,6}?) *([0-9]{6})([CP])([0-9]{8})")


def witness(text):
    """(root, expiry or None, is call, strike) of a symbol by a regular expression and Python's calendar, else None."""
    match = SYMBOL.fullmatch(text.strip(" ")) if text is not None and len(text.strip(" ")) <= 21 else None
    if match is None:
        return None
    root, day, right, strike = match.groups()
    try:
        expiry = date(2000 + int(day[:2]), int(day[2:4]), int(day[4:]))
    except ValueError:
        expiry = None
    return root, expiry, right == "C", int(strike) / 1000.0


def taken_apart(texts):
    """The column's rows in the witness's form."""
    column = parse_osi_texts(texts)
    days = [None if np.isnat(day) else day.astype(object) for day in column.expiry]
    rows = zip(column.root_code.tolist(), days, column.is_call.tolist(), column.strike.tolist(), strict=True)
    found = [(column.root_names[code], day, call, strike) for code, day, call, strike in rows]
    return [row if readable else None for row, readable in zip(found, column.readable.tolist(), strict=True)]


@given(
    root=st.from_regex(r"[A-Z]{1,5}[0-9]?", fullmatch=True),
    expiry=st.dates(date(2000, 1, 1), date(2099, 12, 31)),
    call=st.booleans(),
    thousandths=st.integers(0, 99_999_999),
    padded=st.booleans(),
)
def test_a_symbol_gives_back_what_it_was_made_of(root, expiry, call, thousandths, padded):
    text = f"{root.ljust(6) if padded else root}{expiry:%y%m%d}{'C' if call else 'P'}{thousandths:08d}"
    strike = float(f"{thousandths // 1000}.{thousandths % 1000:03d}")
    assert taken_apart([text]) == [(root, expiry, call, strike)]
    assert is_adjusted(root) == any(c.isdigit() for c in root)


@pytest.mark.parametrize(
    "text", ["", "SPY", "SPY240621X00530000", "SPY24062C00530000", "spy240621C00530000", "240621C00530000", None]
)
def test_what_is_no_symbol_is_none(text):
    assert taken_apart([text, "SPY240621C00530000"])[0] is None


def test_digits_that_are_no_date_leave_the_expiry_open():
    assert taken_apart(["SPY240231C00530000"]) == [("SPY", None, True, 530.0)]


TEXTS = st.one_of(
    st.none(),
    st.text(max_size=25),
    st.from_regex(r" ?[A-Z.0-9]{0,7} {0,4}[0-9]{6}[CPX][0-9]{7,8} ?", fullmatch=True),
    st.sampled_from(["SPXW  240621C05300000", "SPX240231P00530000", "A\0B240621C00100000", "BRK.B240621C00100000"]),
)


@given(st.lists(TEXTS, max_size=30))
def test_a_column_of_symbols_is_its_symbols_one_by_one(texts):
    assert taken_apart(texts) == [witness(text) for text in texts]


def test_no_symbols_are_an_empty_column():
    column = parse_osi_texts([])
    assert (len(column.readable), column.root_names) == (0, ())
    assert underlying_of(column) is None


@pytest.mark.parametrize(
    ("roots", "underlying"),
    [
        (["SPXW", "SPX", "SPXW"], "SPX"),
        (["SPXW"], "SPX"),
        (["NDXP"], "NDX"),
        (["TSLA", "TSLA1", "TSLA"], "TSLA"),
        (["SPY", "SPY", "QQQ"], "SPY"),
        (["W"], "W"),
    ],
)
def test_the_underlying_of_a_file_is_the_one_most_roots_belong_to(roots, underlying):
    assert underlying_of(parse_osi_texts([f"{root}240621C00100000" for root in roots])) == underlying


@pytest.mark.parametrize(
    ("root", "underlying"),
    [("SPX", "^SPX"), ("SPXW", "_SPX"), ("NDXP", "NDX"), ("BRKB", "BRK/B"), ("TSLA1", "TSLA"), ("2TSLA", "tsla")],
)
def test_a_root_belongs_to_its_underlying(root, underlying):
    assert belongs_to(root, underlying)


@pytest.mark.parametrize(
    ("root", "underlying"), [("SPY", "SPX"), ("QQQ", "QQ1"), ("SPXX", "SPX"), ("T", "TSLA"), ("", "SPX")]
)
def test_a_root_does_not_belong_to_another(root, underlying):
    assert not belongs_to(root, underlying)
