"""Option symbols taken apart."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.adapters.market_data.osi_symbol import belongs_to, parse_osi


@given(
    root=st.from_regex(r"[A-Z]{1,5}[0-9]?", fullmatch=True),
    expiry=st.dates(date(2000, 1, 1), date(2099, 12, 31)),
    call=st.booleans(),
    thousandths=st.integers(0, 99_999_999),
    padded=st.booleans(),
)
def test_a_symbol_gives_back_what_it_was_made_of(root, expiry, call, thousandths, padded):
    text = f"{root.ljust(6) if padded else root}{expiry:%y%m%d}{'C' if call else 'P'}{thousandths:08d}"
    symbol = parse_osi(text)
    assert symbol is not None
    assert (symbol.root, symbol.expiry, symbol.is_call) == (root, np.datetime64(expiry), call)
    assert symbol.strike == float(f"{thousandths // 1000}.{thousandths % 1000:03d}")
    assert symbol.is_adjusted == any(c.isdigit() for c in root)


@pytest.mark.parametrize(
    "text", ["", "SPY", "SPY240621X00530000", "SPY24062C00530000", "spy240621C00530000", "240621C00530000"]
)
def test_what_is_no_symbol_is_none(text):
    assert parse_osi(text) is None


def test_digits_that_are_no_date_leave_the_expiry_open():
    symbol = parse_osi("SPY240231C00530000")
    assert symbol is not None
    assert np.isnat(symbol.expiry)


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
