"""Schwab's chains: what each field becomes, what a payload without a time of its own is of, and what is refused."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mangling import SCHWAB, assert_sound, demand_one_line, schwab, schwab_option

from lightning_gex.adapters.market_data import schwab_chain
from lightning_gex.adapters.market_data.chain_files import read_chain
from lightning_gex.core.errors import InputError

CALL, PUT = "TEST  240621C00100000", "TEST  240621P00100000"


def read(written, options=None, *, asked=None, **changes):
    """The chain of a payload made of these records and these changes of its head."""
    return read_chain(written(json.dumps(schwab(options, **changes))), **(asked or {}))


def test_every_field_arrives_in_its_unit(written):
    chain = read(written)
    assert (chain.underlying, chain.spot, chain.contracts_read) == ("TEST", 100.5, 2)
    assert chain.as_of == datetime(2024, 6, 3, 19, 29, 59, tzinfo=UTC)
    assert chain.root.tolist() == ["TEST", "TEST"]
    assert chain.expiry.astype(str).tolist() == ["2024-06-21"] * 2
    assert chain.settles_at[0] == np.datetime64("2024-06-21T20:00:00")
    assert chain.is_call.tolist() == [True, False]
    assert (chain.bid[0], chain.ask[0], chain.implied_vol[0]) == (2.1, 2.2, 0.25)  # 25 per cent
    assert (chain.open_interest[0], chain.volume[0], chain.multiplier[0]) == (500.0, 40.0, 100.0)
    assert chain.quoted_at[0] == np.datetime64("2024-06-03T19:29:59")
    assert (chain.refused, chain.notes) == ({}, ())


def test_what_schwab_writes_where_it_has_no_number_is_absent(written):
    odd = [
        schwab_option(CALL, volatility=-999.0, openInterest=-1),
        schwab_option(PUT, volatility="NaN", bid=-999.0, ask="NaN"),
        schwab_option("TEST  240621C00105000", volatility=float("nan"), bid=None),
        schwab_option("TEST  240621C00110000", volatility=0.0, bid=0.0),
    ]
    chain = read(written, odd)
    by_strike = np.lexsort((~chain.is_call, chain.strike))
    assert np.isnan(chain.implied_vol).all()
    np.testing.assert_array_equal(chain.bid[by_strike], [2.1, np.nan, np.nan, 0.0])
    np.testing.assert_array_equal(chain.open_interest[by_strike], [np.nan, 500.0, 500.0, 500.0])
    assert not chain.refused


# when


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1_000)


@pytest.mark.parametrize(
    ("first", "second", "true"),
    [
        pytest.param("2024-06-03T15:29-04:00", "2024-06-03T10:00-04:00", "2024-06-03T15:29-04:00", id="newest"),
        pytest.param("2024-06-03T16:14-04:00", "2024-06-03T15:00-04:00", "2024-06-03T16:00-04:00", id="the close"),
        pytest.param("2024-07-03T13:10-04:00", None, "2024-07-03T13:00-04:00", id="a half-day's close"),
        pytest.param("2024-06-04T08:00-04:00", None, "2024-06-03T16:00-04:00", id="before the next open"),
        pytest.param("1969-12-31T19:00-05:00", "2024-06-03T15:00-04:00", "2024-06-03T15:00-04:00", id="a zero"),
    ],
)
def test_a_payload_is_as_old_as_its_newest_quotes_and_no_newer_than_the_close(written, first, second, true):
    times = [None if time is None else ms(time) for time in (first, second)]
    far = [symbol.replace("240621", "240920") for symbol in (CALL, PUT)]
    options = [schwab_option(symbol, quoteTimeInLong=time) for symbol, time in zip(far, times, strict=True)]
    assert read(written, options).as_of == datetime.fromisoformat(true)


def test_one_quote_of_a_day_to_come_is_a_broken_cell_and_not_the_day_of_the_chain(written):
    strikes = [f"TEST  240621C{k:05d}000" for k in range(50, 250)]
    options = [schwab_option(symbol) for symbol in strikes]
    options[7]["quoteTimeInLong"] = ms("2031-06-03T15:00:00-04:00")
    assert read(written, options).as_of == datetime(2024, 6, 3, 19, 29, 59, tzinfo=UTC)


@pytest.mark.parametrize("time", [None, 0, -1, "now", True, 10**400, 1e300])
def test_a_payload_without_any_quote_time_asks_for_one(written, time):
    options = [schwab_option(symbol, quoteTimeInLong=time) for symbol in (CALL, PUT)]
    with pytest.raises(InputError, match="does not say when its quotes were true: give it with --as-of") as caught:
        read(written, options)
    assert caught.value.field == "as_of"
    given_moment = datetime(2024, 6, 3, 18, tzinfo=UTC)
    assert read(written, options, asked={"as_of": given_moment}).as_of == given_moment


def test_a_moment_asked_for_goes_before_the_quotes_own(written):
    chain = read(written, asked={"as_of": datetime(2024, 6, 3, 18, tzinfo=UTC)})
    assert chain.as_of == datetime(2024, 6, 3, 18, tzinfo=UTC)
    assert "as asked" in chain.notes[0]


# at which price


def test_the_underlying_s_mark_stands_in_where_no_price_is_given(written):
    for price in ("NaN", None, 0.0, -999.0):
        assert read(written, underlyingPrice=price, underlying={"mark": 100.25, "last": 99.0}).spot == 100.25
    assert read(written, underlyingPrice=None, underlying={"mark": None, "last": 99.0}).spot == 99.0


def test_two_prices_of_the_underlying_that_differ_are_noted(written):
    assert not read(written, underlying={"mark": 100.6}).notes
    chain = read(written, underlying={"mark": 102.0})
    assert chain.spot == 100.5
    assert chain.notes == ("underlyingPrice 100.5 is taken for spot; the underlying's own mark is 102",)


def test_a_payload_without_a_price_asks_for_one(written):
    with pytest.raises(InputError, match="no positive price of the underlying: give it with --spot") as caught:
        read(written, underlyingPrice="NaN")
    assert caught.value.field == "underlyingPrice"
    assert read(written, underlyingPrice="NaN", asked={"spot": 99.0}).spot == 99.0


# what a contract delivers


def delivers(*units: tuple[str, float], **changes):
    listed = [{"symbol": symbol, "assetType": "STOCK", "deliverableUnits": amount} for symbol, amount in units]
    return {"optionDeliverablesList": listed, "nonStandard": True, **changes}


def test_a_contract_after_a_split_with_a_multiplier_of_its_own_keeps_its_strike(written):
    chain = read(written, [schwab_option("TEST1 240621C00050000", **delivers(("TEST", 150.0), multiplier=150.0))])
    assert (chain.root[0], chain.strike[0], chain.multiplier[0], chain.bid[0]) == ("TEST1", 50.0, 150.0, 2.1)
    assert chain.implied_vol[0] == 0.25
    assert not chain.notes


def test_a_contract_after_a_reverse_split_is_restated_per_share_it_delivers(written):
    """Ten shares for a hundred strikes: max(10 S - 100 K, 0) is ten options struck at ten times K."""
    chain = read(written, [schwab_option("TEST1 240621C00010000", **delivers(("TEST", 10.0)))])
    assert (chain.strike[0], chain.multiplier[0], chain.bid[0], chain.ask[0]) == (100.0, 10.0, 21.0, 22.0)
    assert np.isnan(chain.implied_vol[0])
    assert chain.notes == ("1 adjusted contracts restated per share they deliver",)


@given(shares=st.sampled_from([5.0, 10.0, 33.0, 100.0, 150.0]), strikes=st.sampled_from([10.0, 100.0, 150.0]),
       price=st.floats(1.0, 500.0))  # fmt: skip
def test_a_restated_contract_pays_what_the_adjusted_one_pays(written, shares, strikes, price):
    chain = read(written, [schwab_option("TEST1 240621C00050000", **delivers(("TEST", shares), multiplier=strikes))])
    paid = max(shares * price - strikes * 50.0, 0.0)
    restated = float(chain.multiplier[0]) * max(price - float(chain.strike[0]), 0.0)
    assert restated == pytest.approx(paid, abs=1e-8)
    assert chain.bid[0] * chain.multiplier[0] == pytest.approx(2.1 * strikes)


def test_a_mini_has_its_own_multiplier(written):
    mini = schwab_option("TEST7 240621C00100000", **delivers(("TEST", 10.0), multiplier=10.0, mini=True))
    chain = read(written, [mini, schwab_option()])
    assert sorted(zip(chain.root.tolist(), chain.multiplier.tolist(), strict=True)) == [
        ("TEST", 100.0),
        ("TEST7", 10.0),
    ]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(delivers(("TEST", 50.0), ("OTHER", 25.0)), id="two stocks"),
        pytest.param(delivers(("TEST", 100.0), ("$FIXED", 312.5)), id="stock and cash"),
        pytest.param(delivers(("OTHER", 100.0)), id="another stock"),
        pytest.param(delivers(("$FIXED", 1_250.0)), id="cash"),
        pytest.param(delivers(("TEST", 0.0)), id="nothing"),
        pytest.param(delivers(("TEST", float("nan"))), id="nobody knows how many"),
        pytest.param({"optionDeliverablesList": None, "nonStandard": True, "deliverableNote": ""}, id="not said"),
        pytest.param({"optionDeliverablesList": [], "nonStandard": True, "deliverableNote": "100 OTHER"}, id="a note"),
        pytest.param({"optionDeliverablesList": "100 shares"}, id="no list"),
    ],
)
def test_a_contract_that_is_not_plainly_shares_of_the_underlying_is_refused(written, changes):
    chain = read(written, [schwab_option(PUT), schwab_option("TEST1 240621C00050000", **changes)])
    assert (len(chain), chain.refused) == (1, {"adjusted_deliverable": 1})


def test_the_note_says_what_is_delivered_where_the_list_does_not(written):
    changes = {"optionDeliverablesList": None, "nonStandard": True, "deliverableNote": "150 TEST", "multiplier": 150.0}
    assert read(written, [schwab_option("TEST1 240621C00050000", **changes)]).multiplier.tolist() == [150.0]


def test_an_index_is_settled_in_cash_by_its_multiplier(written):
    options = [
        schwab_option(symbol, settlementType=said, **delivers(("$SPX", 1.0), nonStandard=False))
        for symbol, said in (("SPXW  240621C05300000", "P"), ("SPX   240621C05300000", "A"))
    ]
    chain = read(written, options, symbol="$SPX", isIndex=True, underlyingPrice=5_280.0)
    assert (chain.underlying, chain.multiplier.tolist()) == ("SPX", [100.0, 100.0])


# both roots


def both_roots(weekly: str, monthly: str):
    return [
        schwab_option("SPXW  240621C05300000", settlementType=weekly),
        schwab_option("SPX   240621C05300000", settlementType=monthly),
    ]


def test_both_roots_of_an_index_stand_under_one_key_and_stay_apart(written):
    chain = read(written, both_roots("P", "A"), symbol="$SPX", isIndex=True, underlyingPrice=5_280.0)
    settles = dict(zip(chain.root.tolist(), chain.settles_at, strict=True))
    assert settles["SPX"] == np.datetime64("2024-06-21T13:30:00")
    assert settles["SPXW"] == np.datetime64("2024-06-21T20:00:00")
    assert not chain.notes


def test_a_settlement_that_contradicts_a_known_root_is_noted_and_the_root_decides(written):
    chain = read(written, both_roots("A", "P"), symbol="$SPX", isIndex=True, underlyingPrice=5_280.0)
    settles = dict(zip(chain.root.tolist(), chain.settles_at, strict=True))
    assert settles["SPX"] == np.datetime64("2024-06-21T13:30:00")
    assert chain.notes == (
        "1 SPX contracts say that they settle in the evening: taken by their root",
        "1 SPXW contracts say that they settle in the morning: taken by their root",
    )


def test_of_a_root_that_is_not_known_the_record_says_when_it_settles(written):
    chain = read(written, [schwab_option(settlementType="A"), schwab_option(PUT, settlementType=" ")])
    assert sorted(chain.settles_at.astype(str).tolist()) == ["2024-06-21T13:30:00", "2024-06-21T20:00:00"]


# what is refused


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ("text", "bad_record"),
        (None, "bad_record"),
        ({"putCall": "CALL"}, "bad_symbol"),
        (schwab_option("QQQ   240621C00105000"), "foreign_root"),
        (schwab_option("TEST  240621C00105000", putCall="PUT"), "bad_right"),
        (schwab_option("TEST  240621C00105000", putCall=None), "bad_right"),
        (schwab_option("TEST  240621C00105000", expirationDate="2024-06-28T20:00:00.000+00:00"), "bad_expiry"),
        (schwab_option("TEST  240621C00105000", expirationDate="soon"), "bad_expiry"),
        (schwab_option("TEST  240621C00105000", expirationDate=None), "bad_expiry"),
        (schwab_option("TEST  240621C00105000", expirationDate=[1]), "bad_expiry"),
        (schwab_option("TEST  240621C00105000", strikePrice=104.0), "bad_strike"),
        (schwab_option("TEST  240621C00105000", strikePrice=-105.0), "bad_strike"),
        (schwab_option("TEST  240621C00105000", strikePrice="105"), "bad_strike"),
        (schwab_option("TEST  240621C00105000", multiplier=None), "bad_multiplier"),
        (schwab_option("TEST  240621C00105000", multiplier="NaN"), "bad_multiplier"),
        (schwab_option("TEST  240621C00105000", bid="2.1"), "bad_number"),
        (schwab_option("TEST  240621C00105000", openInterest=True), "bad_number"),
        (schwab_option("TEST  240531C00105000"), "expired"),
        (schwab_option(CALL), "duplicate_contract"),
    ],
)
def test_a_record_that_lies_is_refused_by_name(written, record, reason):
    own = [schwab_option(f"TEST  240621P{k:05d}000") for k in range(90, 110)]
    chain = read(written, [schwab_option(CALL), *own, record])
    assert chain.refused == {reason: 1}
    assert (len(chain), chain.contracts_read) == (21, 22)


def test_an_expiry_in_milliseconds_is_read_as_new_york_s_date(written):
    assert not read(written, [schwab_option(expirationDate=ms("2024-06-21T16:00:00-04:00"))]).refused


def test_a_record_in_the_map_of_the_other_right_is_refused(written):
    found = schwab()
    found["putExpDateMap"] = found["callExpDateMap"]
    assert read_chain(written(json.dumps(found))).refused == {"bad_right": 1}


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"status": "FAILED"}, "status", "answered 'FAILED', not SUCCESS"),
        ({"isChainTruncated": True}, "isChainTruncated", "cut this chain short"),
        ({"callExpDateMap": {}, "putExpDateMap": {}}, "callExpDateMap", "empty"),
        ({"callExpDateMap": None, "putExpDateMap": None}, "callExpDateMap", "empty"),
        ({"callExpDateMap": 5}, "callExpDateMap", "not a map"),
        ({"putExpDateMap": {"2024-06-21:18": []}}, "putExpDateMap", "not a map"),
        ({"symbol": None}, "symbol", "symbol is missing"),
        ({"symbol": "$"}, "symbol", "symbol is missing"),
    ],
)
def test_a_payload_that_lies_as_a_whole_is_refused(written, changes, field, words):
    with pytest.raises(InputError, match=words) as caught:
        read(written, **changes)
    assert caught.value.field == field


def test_delayed_quotes_and_a_wrong_count_of_contracts_are_noted(written):
    assert read(written, isDelayed=True, numberOfContracts=3).notes == (
        "Schwab's delayed quotes: as old as their own times say",
        "the payload speaks of 3 contracts and holds 2",
    )


@pytest.mark.parametrize("at", range(50, len(SCHWAB) - 1, 97))
def test_a_cut_payload_is_named_as_cut(written, at):
    with pytest.raises(InputError, match="cut JSON"):
        read_chain(written(SCHWAB[:at]), format="schwab")


# both ways of decoding


ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just([]), st.just({"a": 1}),
    st.just([{"symbol": "TEST", "deliverableUnits": 10.0}]), st.sampled_from([10**400, -999.0, "NaN", 1e308]),
)  # fmt: skip


@given(field=st.sampled_from(sorted(schwab_option())), value=ODD, head=st.sampled_from([None, *sorted(schwab())]))
def test_any_value_in_any_field_gives_a_sound_chain_or_an_input_error_by_either_decoder(written, field, value, head):
    far = schwab_option("TEST  240920C00100000")
    found = schwab([schwab_option() | {field: value}, schwab_option(PUT), far], **({head: value} if head else {}))
    path = written(json.dumps(found))
    fast = outcome(path)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(schwab_chain, "decoded", lambda *_: None)
        slow = outcome(path)
    assert fast == slow


def outcome(path):
    """Everything a chain says, or the error's text."""
    try:
        chain = read_chain(path, format="schwab")
    except InputError as error:
        demand_one_line(error)
        return str(error)
    assert_sound(chain)
    columns = [
        getattr(chain, name).tolist() for name in ("root", "strike", "bid", "ask", "multiplier", "open_interest")
    ]
    return repr((chain.as_of, chain.spot, columns, chain.implied_vol, chain.settles_at, chain.refused, chain.notes))


# real payloads


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "spot", "contracts", "without_volatility"), [("GME", 25.21, 1_286, 0), ("LUNR", 7.865, 732, 4)]
)
def test_the_real_payloads_load_with_every_row_accounted_for(shared_data, name, spot, contracts, without_volatility):
    path = shared_data / "chains" / "raw" / f"schwab_chain_{name}_2025-04-10.json.gz"
    chain = read_chain(path)
    assert_sound(chain)
    assert (chain.underlying, chain.spot) == (name, spot)
    assert (len(chain), chain.contracts_read, chain.refused, chain.notes) == (contracts, contracts, {}, ())
    assert chain.as_of == datetime(2025, 4, 10, 20, tzinfo=UTC)
    assert int(np.isnan(chain.implied_vol).sum()) == without_volatility
    with gzip.open(path) as file:
        payload = json.load(file)
    records = [
        record
        for side in ("callExpDateMap", "putExpDateMap")
        for strikes in payload[side].values()
        for held in strikes.values()
        for record in held
    ]
    assert len(records) == contracts
    theirs = {r["symbol"]: (r["openInterest"], r["bid"], r["ask"], r["totalVolume"]) for r in records}
    columns = (chain.open_interest, chain.bid, chain.ask, chain.volume)
    ours = {
        f"{root:<6}{expiry.astype(object):%y%m%d}{'C' if call else 'P'}{round(strike * 1000):08d}": tuple(figures)
        for root, expiry, call, strike, *figures in zip(
            chain.root, chain.expiry, chain.is_call, chain.strike, *columns, strict=True
        )
    }
    assert ours == theirs
    assert Counter(chain.expiry.astype(str)) == Counter(r["expirationDate"][:10] for r in records)
    sane = [r["volatility"] / 100 for r in records if r["volatility"] > 0]
    np.testing.assert_allclose(np.sort(chain.implied_vol[~np.isnan(chain.implied_vol)]), np.sort(sane), rtol=1e-14)
    newest = max(r["quoteTimeInLong"] for r in records) / 1_000
    assert datetime.fromtimestamp(newest, UTC) - chain.as_of < timedelta(seconds=5)
