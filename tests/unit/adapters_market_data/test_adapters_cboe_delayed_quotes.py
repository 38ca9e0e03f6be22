"""Cboe's delayed quotes: when and at which price they were true, what each record becomes, and what is refused."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mangling import (
    PAYLOAD,
    assert_sound,
    demand_one_line,
    option,
    payload,
)

from lightning_gex.adapters.market_data import cboe_delayed_quotes
from lightning_gex.adapters.market_data.chain_files import read_chain
from lightning_gex.core.errors import InputError


def test_a_payload_in_the_session_is_as_old_as_its_newest_trade(written):
    chain = read_chain(written(PAYLOAD))
    assert chain.as_of == datetime(2024, 6, 3, 19, 15, tzinfo=UTC)
    assert chain.spot == 100.5
    assert chain.is_call.tolist() == [True, False]
    assert chain.implied_vol.tolist() == [0.25, 0.26]


@pytest.mark.parametrize(
    ("timestamp", "true", "spot"),
    [
        pytest.param("2024-06-03 22:57:33", "2024-06-03T20:00:00+00:00", 100.25, id="in the evening"),
        pytest.param("2024-06-04 11:00:00", "2024-06-03T20:00:00+00:00", 100.25, id="before the next open"),
        pytest.param("2024-06-03 19:50:00", "2024-06-03T19:35:00+00:00", 100.5, id="nothing traded since: 15 minutes"),
    ],
)
def test_the_time_and_spot_of_a_payload_are_those_of_its_quotes(written, timestamp, true, spot):
    chain = read_chain(written(json.dumps(payload(timestamp))))
    assert (chain.as_of.isoformat(), chain.spot) == (true, spot)


def test_a_payload_saved_on_a_weekend_carries_the_friday(written):
    saturday = payload("2024-06-08 16:00:00", last_trade_time="2024-06-07T15:59:59")
    assert read_chain(written(json.dumps(saturday))).as_of == datetime(2024, 6, 7, 20, tzinfo=UTC)


def test_a_payload_whose_underlying_last_traded_on_an_earlier_session_is_of_that_session(written):
    stale = payload("2024-06-05 19:30:00", last_trade_time="2024-06-04T15:59:59")
    chain = read_chain(written(json.dumps(stale)))
    assert chain.as_of == datetime(2024, 6, 4, 20, tzinfo=UTC)
    assert chain.spot == 100.25


def test_after_the_close_without_a_closing_price_the_current_one_stands(written):
    chain = read_chain(written(json.dumps(payload("2024-06-03 22:57:33", close=0))))
    assert chain.spot == 100.5


@pytest.mark.parametrize("symbol", ["_SPX", "^SPX", "SPX"])
def test_an_index_symbol_loses_its_mark(written, symbol):
    options = [option("SPXW240621C05300000"), option("SPX240621C05300000")]
    chain = read_chain(written(json.dumps(payload(options=options, symbol=symbol))), underlying="^SPX")
    assert chain.underlying == "SPX"
    assert chain.root.tolist() == ["SPXW", "SPX"]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ("text", "bad_record"),
        (None, "bad_record"),
        (option("hello"), "bad_symbol"),
        ({"bid": 1.0}, "bad_symbol"),
        (option("TEST1240621C00100000"), "adjusted_deliverable"),
        (option("TEST240631C00100000"), "bad_expiry"),
        (option("TEST240621C00000000"), "bad_strike"),
        (option("TEST240531C00100000"), "expired"),
        (option("TEST240621C00101000", iv="0.2"), "bad_number"),
        (option("TEST240621C00101000", bid=True), "bad_number"),
        (option("TEST240621C00100000"), "duplicate_contract"),
    ],
)
def test_a_record_that_lies_is_refused_by_name(written, record, reason):
    options = [*payload()["data"]["options"], record]
    chain = read_chain(written(json.dumps(payload(options=options))))
    assert chain.refused == {reason: 1}
    assert (len(chain), chain.contracts_read) == (2, 3)


def test_a_foreign_option_is_refused_and_many_of_them_refuse_the_file(written):
    own = [option(f"TEST240621C{strike:05d}000") for strike in range(90, 120)]
    few = json.dumps(payload(options=[*own, option("QQQ240621C00100000")]))
    assert read_chain(written(few)).refused == {"foreign_root": 1}
    many = json.dumps(payload(options=[*own, *(option(f"QQQ240621C{s:05d}000") for s in range(90, 100))]))
    with pytest.raises(InputError, match="10 of 40 contracts are not on TEST"):
        read_chain(written(many))


def test_absent_numbers_of_a_record_are_absent(written):
    bare = {"option": "TEST240621C00101000", "iv": None, "open_interest": -1.0}
    chain = read_chain(written(json.dumps(payload(options=[bare]))))
    for name in ("bid", "ask", "implied_vol", "open_interest", "volume"):
        assert np.isnan(getattr(chain, name)).all(), name


@pytest.mark.parametrize(
    ("text", "field", "words"),
    [
        (PAYLOAD[:-30], None, "cut JSON"),
        (json.dumps(payload(current_price=-1)), "current_price", "no positive price"),
        (json.dumps(payload(current_price=None)), "current_price", "no positive price"),
        (json.dumps(payload(options=[])), None, "no contracts"),
        (PAYLOAD.replace('"data": {', '"data": 5, "other": {'), "data", "not an object"),
        (json.dumps(payload(symbol="")), "symbol", "missing"),
        (json.dumps(payload("noon")), "timestamp", "no time"),
        (json.dumps(payload("1890-01-01 00:00:00")), "timestamp", "outside the years"),
        ('{"timestamp": 1, "options": ' + "[" * 100_000, None, "JSON"),
        ('{"timestamp": 1, "options": ' + "9" * 5_000 + "}", None, "JSON"),
        (PAYLOAD.replace('"options": [', '"options": 5, "other": ['), "options", "list of options"),
    ],
)
def test_a_payload_that_lies_as_a_whole_is_refused(written, text, field, words):
    with pytest.raises(InputError, match=words) as caught:
        read_chain(written(text))
    assert caught.value.field == field


@given(field=st.sampled_from([*option(""), "options", "symbol", "current_price", "close", "timestamp", "data"]),
       value=st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just([]),
                       st.just({"a": 1}), st.sampled_from([10**400, -999.0, "NaN", 1e308])))  # fmt: skip
def test_any_value_in_any_field_of_a_payload_gives_the_same_by_either_decoder(written, field, value):
    own = option("TEST240621C00100000")
    found = payload(options=[own | ({field: value} if field in own else {}), option("TEST240920P00100000")])
    if field in found["data"]:
        found["data"][field] = value
    elif field in found:
        found[field] = value
    path = written(json.dumps(found))
    fast = outcome(path)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(cboe_delayed_quotes, "decoded", lambda *_: None)
        assert outcome(path) == fast


def outcome(path):
    """Everything a chain says, or the error's text."""
    try:
        chain = read_chain(path, format="cboe_delayed_quotes")
    except InputError as error:
        demand_one_line(error)
        return str(error)
    assert_sound(chain)
    columns = [getattr(chain, name).tolist() for name in ("root", "strike", "bid", "ask", "open_interest", "volume")]
    return repr((chain.as_of, chain.spot, columns, chain.implied_vol, chain.settles_at, chain.refused))


@pytest.mark.shared_data
def test_the_real_payload_loads_with_every_row_accounted_for(shared_data):
    path = shared_data / "chains" / "raw" / "cboe_delayed_quotes_SPY_2022-07-12.json.gz"
    chain = read_chain(path)
    assert (chain.underlying, chain.contracts_read, len(chain)) == ("SPY", 9_208, 9_208)
    assert chain.as_of == datetime(2022, 7, 12, 20, tzinfo=UTC)
    assert chain.spot == 380.83  # its close; 380.88 traded after hours
    with gzip.open(path) as file:
        records = json.load(file)["data"]["options"]
    assert np.nansum(chain.open_interest) == sum(r["open_interest"] for r in records)
    assert_sound(chain)
