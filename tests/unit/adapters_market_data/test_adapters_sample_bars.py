"""The real bars inside the arch package, against that package's own loader."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from lightning_gex.adapters.market_data import sample_bars as module
from lightning_gex.adapters.market_data.sample_bars import sample_bars, sample_vix
from lightning_gex.core.errors import InputError
from lightning_gex.core.sessions import is_session


def test_the_two_indices_are_what_their_package_loads():
    from arch.data import nasdaq, sp500

    bars = sample_bars()
    assert list(bars) == ["SPX", "COMP"]
    for ticker, package in (("SPX", sp500), ("COMP", nasdaq)):
        frame = package.load()
        np.testing.assert_array_equal(bars[ticker].session, frame.index.to_numpy().astype("datetime64[D]"))
        for ours, theirs in (("open", "Open"), ("high", "High"), ("low", "Low"), ("close", "Close")):
            np.testing.assert_array_equal(getattr(bars[ticker], ours), frame[theirs].to_numpy())
        volume = frame["Volume"].to_numpy(dtype=float)
        np.testing.assert_array_equal(bars[ticker].volume, np.where(volume == 0, np.nan, volume))


def test_vix_is_what_its_package_loads_without_the_empty_days():
    from arch.data import vix

    frame = vix.load().dropna()
    series = sample_vix()
    np.testing.assert_array_equal(series.session, frame.index.to_numpy().astype("datetime64[D]"))
    np.testing.assert_array_equal(series.columns["close"], frame["vix"].to_numpy())
    assert "46 days without a value" in series.source


def test_every_sample_bar_lies_on_a_session_of_the_exchange():
    bars = sample_bars()
    assert all(is_session(b.session).all() for b in bars.values())
    assert is_session(sample_vix().session).all()


def test_what_was_mended_is_counted_in_the_source():
    bars = sample_bars()
    assert bars["SPX"].source == "arch.data.sp500"
    assert bars["COMP"].source == "arch.data.nasdaq (2 volumes of zero read as absent)"
    assert int(np.isnan(bars["COMP"].volume).sum()) == 2


def test_reading_them_imports_neither_arch_nor_pandas():
    code = (
        "import sys; from lightning_gex.adapters.market_data.sample_bars import sample_bars, sample_vix; "
        "sample_bars(); sample_vix(); print(sorted({'arch', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_package_without_the_files_is_named(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install arch"):
        sample_bars()
