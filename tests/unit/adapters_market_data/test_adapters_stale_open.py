"""Which tickers fill at the close, against what the real bars say."""

from __future__ import annotations

import numpy as np
import pytest

from lightning_gex.adapters.market_data.bars_file import read_bars
from lightning_gex.adapters.market_data.sample_bars import sample_bars
from lightning_gex.adapters.market_data.stale_open import (
    CASH_INDICES,
    REAL_OPEN_INDICES,
    default_fill_price,
    has_own_volume,
    plain_symbol,
)
from lightning_gex.core.enums import FillPrice


def overnight_share(bars):
    """Standard deviation of the overnight return over that of the close-to-close return."""
    overnight = np.log(bars.open[1:] / bars.close[:-1])
    return float(overnight.std() / np.diff(np.log(bars.close)).std())


@pytest.mark.parametrize("ticker", ["SPX", "^GSPC", "_SPX", "$INX", "rut", "^RUT", "DJI", "VIX", "^VIX"])
def test_cash_indices_fill_at_the_close_whatever_mark_they_carry(ticker):
    assert default_fill_price(ticker) is FillPrice.CLOSE


@pytest.mark.parametrize("ticker", ["SPY", "AAPL", "NDX", "^IXIC", "COMP", "IWM", ""])
def test_what_is_traded_at_its_open_fills_there(ticker):
    assert default_fill_price(ticker) is FillPrice.OPEN


def test_no_index_is_in_both_lists_and_none_has_volume_of_its_own():
    assert not CASH_INDICES & REAL_OPEN_INDICES
    assert not any(has_own_volume(ticker) for ticker in CASH_INDICES | REAL_OPEN_INDICES)
    assert has_own_volume("SPY")


def test_names_in_the_lists_are_plain():
    assert all(plain_symbol(ticker) == ticker for ticker in CASH_INDICES | REAL_OPEN_INDICES)


@pytest.mark.shared_data
def test_the_list_agrees_with_the_real_bars(shared_data):
    tickers = ["GSPC", "RUT", "DJI", "NDX", "SPY", "IWM", "DIA", "QQQ"]
    bars = read_bars(shared_data / "daily" / "index_etf_megacap_ohlcv.parquet", tickers=tickers)
    share = {ticker: overnight_share(b) for ticker, b in bars.items()}
    for index, fund in (("GSPC", "SPY"), ("RUT", "IWM"), ("DJI", "DIA"), ("NDX", "QQQ")):
        stale = share[index] < 0.75 * share[fund]
        assert stale == (default_fill_price(index) is FillPrice.CLOSE), (index, share[index], share[fund])


def test_the_sample_bars_show_the_stale_open_of_one_index_and_not_of_the_other():
    bars = sample_bars()
    assert overnight_share(bars["SPX"]) < 0.25
    assert overnight_share(bars["COMP"]) > 0.45
