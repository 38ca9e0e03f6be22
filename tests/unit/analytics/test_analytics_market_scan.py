"""A market's figures are those of its chains, one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders_chain import changed, make_chain, reordered
from builders_market import SAME_FIGURES, wild_chain
from lightning_gex.analytics import dealer_models
from lightning_gex.analytics.dealer_exposure import EXPOSURES
from lightning_gex.analytics.dealer_positioning import positioning
from lightning_gex.analytics.market_scan import UNKNOWN, MarketScan, market_scan, market_scans
from lightning_gex.analytics.option_time import TimeClock
from lightning_gex.analytics.positioning_kernels import ScanStatus
from lightning_gex.analytics.zero_gamma import ZERO_GAMMA_STATUSES
from lightning_gex.core.book import book_of, chain_of, joined
from lightning_gex.core.errors import InputError, InsufficientDataError, SettingsError

#: A word of the refusal that ``positioning`` raises for each status.
WORDS = {
    ScanStatus.NO_CONTRACTS: "holds no contracts",
    ScanStatus.NO_SOUND_TERMS: "no contract has sound terms",
    ScanStatus.OPEN_INTEREST_UNKNOWN: "open interest is known for",
    ScanStatus.NO_OPEN_INTEREST: "no open interest in the whole chain",
    ScanStatus.TOO_LITTLE_COVERAGE: "of the open interest has a usable volatility",
    ScanStatus.NO_CALLS: "no usable calls",
    ScanStatus.NO_PUTS: "no usable puts",
    ScanStatus.CUT_CHAIN: "the chain is cut",
}


def agrees_with_chains(scan: MarketScan, book, **arguments) -> None:
    """Every row is what ``positioning`` says of that underlying alone, to the bit."""
    for i in range(len(scan)):
        chain = chain_of(book, i)
        status = ScanStatus(scan.status[i])
        arguments = {"value_early_exercise": False, **arguments}
        if status is not ScanStatus.OK:
            with pytest.raises(InsufficientDataError, match=WORDS[status]):
                positioning(chain, **arguments)
            assert math.isnan(scan.gamma_exposure_usd_per_pct[i])
            continue
        alone = positioning(chain, **arguments)
        for name in SAME_FIGURES:
            np.testing.assert_array_equal(getattr(scan, name)[i], getattr(alone, name), err_msg=f"{i} {name}")
        band = alone.dealer_model_band["gamma_exposure_usd_per_pct"]
        for exposure in EXPOSURES:
            for model, value in alone.dealer_model_band[exposure].by_model.items():
                np.testing.assert_array_equal(getattr(scan.by_model[model], exposure)[i], value)
        np.testing.assert_array_equal((scan.gamma_low[i], scan.gamma_high[i]), (band.low, band.high))
        agree = alone.models_agree_on_sign
        assert scan.models_agree_on_sign[i] == (UNKNOWN if agree is None else agree)
        assert scan.zero_gamma_count[i] == len(alone.zero_gamma)
        assert ZERO_GAMMA_STATUSES[scan.zero_gamma_status[i]] is alone.zero_gamma_status
        assert scan.single_expiry[i] == (len(alone.expiry) == 1)
        refused = {reason: int(count[i]) for reason, count in scan.refused.items() if count[i]}
        assert refused == dict(alone.refused)


@given(st.integers(0, 100_000))
def test_a_market_has_the_figures_of_its_chains_whatever_their_rows(seed):
    book = joined([book_of(wild_chain(1_000 * seed + k)) for k in range(3)])
    agrees_with_chains(market_scan(book), book)


@pytest.mark.parametrize(
    "arguments",
    [
        {"dealer_model": "volume_signed"},
        {"dealer_model": "unsigned"},
        {"coverage_floor": 0.1},
        {"clock": TimeClock.TRADING},
        {"value_early_exercise": True},
    ],
)
def test_with_other_arguments_too(arguments):
    book = joined([book_of(wild_chain(seed, sick=0.02)) for seed in range(12)])
    agrees_with_chains(market_scan(book, **arguments), book, **arguments)


def test_figures_depend_on_no_chunk_and_no_worker(monkeypatch):
    book = joined([book_of(wild_chain(seed, sick=0.01)) for seed in range(40)])
    whole = market_scan(book).columns()
    monkeypatch.setattr("lightning_gex.analytics.positioning_run.CHUNK_CONTRACTS", 100)
    for workers in (1, 2, 3):
        split = market_scan(book, workers=workers).columns()
        assert split.keys() == whole.keys()
        for name, column in whole.items():
            np.testing.assert_array_equal(split[name], column, err_msg=name)


def test_each_status_has_its_row_and_the_others_are_not_disturbed():
    good = make_chain(root="XSP")
    n = len(good)
    spoilt = {
        ScanStatus.OK: good,
        ScanStatus.NO_CONTRACTS: reordered(good, np.empty(0, dtype=int)),
        ScanStatus.NO_SOUND_TERMS: changed(good, multiplier=np.zeros(n)),
        ScanStatus.OPEN_INTEREST_UNKNOWN: changed(good, open_interest=np.full(n, np.nan)),
        ScanStatus.NO_OPEN_INTEREST: changed(good, open_interest=np.zeros(n)),
        ScanStatus.TOO_LITTLE_COVERAGE: changed(good, implied_vol=np.zeros(n), bid=np.zeros(n)),
        ScanStatus.NO_CALLS: reordered(good, np.flatnonzero(~good.is_call)),
        ScanStatus.NO_PUTS: reordered(good, np.flatnonzero(good.is_call)),
        ScanStatus.CUT_CHAIN: reordered(good, np.flatnonzero(good.strike > 95)),
    }
    book = joined([book_of(chain) for chain in spoilt.values()])
    scan = market_scan(book)
    assert [ScanStatus(code) for code in scan.status] == list(spoilt)
    assert scan.status_name[0] == "ok"
    assert scan.status_name[-1] == "cut_chain"
    agrees_with_chains(scan, book)
    assert np.isfinite(scan.gamma_exposure_usd_per_pct[0])
    assert np.isnan(scan.gamma_exposure_usd_per_pct[1:]).all()


def test_a_model_of_ones_own_is_asked_once_for_the_whole_market():
    asked = []

    class NearSpot:
        name, version = "near_spot", "1"

        def position_sign(self, contracts):
            asked.append(len(contracts))
            assert contracts.spot.shape == contracts.root.shape == contracts.expiry.shape == (len(contracts),)
            return np.where(np.abs(contracts.strike / contracts.spot - 1.0) < 0.1, 1.0, -0.5)

    book = joined([book_of(make_chain(root="XSP")), book_of(make_chain(root="SPXW", spot=5_000.0))])
    model = NearSpot()
    scan = market_scan(book, dealer_model=model)
    assert asked == [204]
    assert (scan.dealer_model, scan.dealer_model_version) == ("near_spot", "1")
    agrees_with_chains(scan, book, dealer_model=model)


def test_a_registered_model_widens_the_band_of_every_underlying():
    class Ten:
        name, version = "a_tenth", "1"

        def position_sign(self, contracts):
            return np.where(contracts.is_call, 0.1, -0.1)

    book = book_of(make_chain(root="XSP"))
    dealer_models.register(model := Ten())
    try:
        scan = market_scan(book)
        np.testing.assert_allclose(
            scan.by_model["a_tenth"].gamma_exposure_usd_per_pct, 0.1 * scan.gamma_exposure_usd_per_pct
        )
    finally:
        dealer_models.unregister(model.name)


def test_the_same_symbol_at_two_moments_is_two_rows():
    book = joined([book_of(make_chain(root="XSP")), book_of(make_chain(root="XSP", as_of=make_chain().as_of))])
    scan = market_scan(book)
    assert scan.underlying.tolist() == ["XSP", "XSP"]
    assert scan.gamma_exposure_usd_per_pct[0] == scan.gamma_exposure_usd_per_pct[1]


def test_columns_are_a_table_with_a_column_a_model_and_a_refusal():
    bad = np.where(np.arange(102) < 2, np.nan, 50.0)
    book = joined([book_of(make_chain(root="XSP", open_interest=bad, refused={"bad_strike": 3}))] * 2)
    table = market_scan(book).columns()
    assert {len(column) for column in table.values()} == {2}
    assert table["refused_bad_strike"].tolist() == [3, 3]
    assert table["refused_open_interest_missing"].tolist() == [2, 2]
    assert table["status"].tolist() == ["ok", "ok"]
    assert {"gamma_exposure_usd_per_pct_inverted", "charm_exposure_usd_per_day_volume_signed"} <= set(table)


def test_senseless_arguments_are_settings_errors():
    book = book_of(make_chain())
    for arguments in ({"workers": 0}, {"coverage_floor": 1.5}, {"coverage_floor": math.nan}, {"dealer_model": "none"}):
        with pytest.raises(SettingsError):
            market_scan(book, **arguments)


def test_an_empty_market_has_no_rows():
    from dataclasses import replace

    book = book_of(reordered(make_chain(), np.empty(0, dtype=int)))
    nobody = replace(
        book,
        underlying=(),
        underlying_start=np.zeros(1, dtype=np.int64),
        spot=np.empty(0),
        as_of=book.as_of[:0],
        contracts_read=book.contracts_read[:0],
    )
    assert len(market_scan(nobody)) == 0


@pytest.mark.shared_data
def test_real_chains_of_one_file_have_the_figures_they_have_alone(shared_data):
    from lightning_gex.adapters.market_data.chain_files import read_chain

    files = sorted((shared_data / "chains" / "raw").glob("*.gz"))
    book = joined([book_of(read_chain(path)) for path in files])
    agrees_with_chains(market_scan(book), book)


@pytest.mark.parametrize("workers", [1, 2, 3, 9])
def test_books_one_after_the_other_give_their_scans_in_order_whoever_looks_at_them(workers):
    books = [book_of(wild_chain(seed, sick=0.01)) for seed in range(7)]
    scans = list(market_scans(iter(books), workers=workers, dealer_model="unsigned"))
    for book, scan in zip(books, scans, strict=True):
        for name, column in market_scan(book, dealer_model="unsigned").columns().items():
            np.testing.assert_array_equal(scan.columns()[name], column, err_msg=name)


def test_no_more_books_are_read_ahead_than_there_are_workers():
    read = []

    def books():
        for seed in range(6):
            read.append(seed)
            yield book_of(make_chain(root="XSP"))

    scans = market_scans(books(), workers=2)
    next(scans)
    assert len(read) <= 2
    assert len(list(scans)) == 5


@pytest.mark.parametrize("workers", [1, 3])
def test_what_reading_or_looking_raises_comes_through(workers):
    def broken():
        yield book_of(make_chain(root="XSP"))
        raise InputError("the file is cut")

    with pytest.raises(InputError, match="the file is cut"):
        list(market_scans(broken(), workers=workers))
    with pytest.raises(SettingsError, match="no dealer model"):
        list(market_scans([book_of(make_chain())], workers=workers, dealer_model="nobody"))
    with pytest.raises(SettingsError, match="workers"):
        market_scans([], workers=0)
