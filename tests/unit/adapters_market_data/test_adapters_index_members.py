"""Who belongs to an index when, and under which symbol its trades were reported."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mangling import demand_one_line, mangled

from lightning_gex.adapters.market_data.index_members import members_of, read_members
from lightning_gex.core.errors import InputError

FILE = "ticker,from,to,symbol\nAAA,,,\nBRK-B,2015-01-02,2020-06-30,\nBRK-B,2021-01-04,,\nNEW,2020-12-21,,OLD\n"


def days(*texts: str) -> np.ndarray:
    return np.array(texts, dtype="datetime64[D]")


def test_tickers_alone_are_members_for_ever(written):
    found = read_members(written("ticker\nAAA\nBRK.B\n"))
    assert found.tickers == ("AAA", "BRK.B")
    assert found.symbols == {"AAA", "BRK.B"}
    assert len(found.during(days("1990-01-02"))) == 2


def test_from_and_to_are_both_included_and_a_ticker_may_come_back(written):
    found = read_members(written(FILE))
    members = {d: {m.ticker for m in found.during(days(d))} for d in ("2020-06-30", "2020-07-01", "2020-12-21")}
    assert members["2020-06-30"] == {"AAA", "BRK.B"}
    assert members["2020-07-01"] == {"AAA"}
    assert members["2020-12-21"] == {"AAA", "NEW"}
    assert {m.symbol for m in found.during(days("2021-02-01"))} == {"AAA", "BRK.B", "OLD"}


def test_a_company_that_changed_its_symbol_is_found_under_the_one_of_the_day(written):
    for found in (read_members(written("ticker\nMETA\n")), members_of(["META"], "bars")):
        assert [m.symbol for m in found.during(days("2022-06-08"))] == ["FB"]
        assert [m.symbol for m in found.during(days("2022-06-09"))] == ["META"]
    late = read_members(written("ticker,from\nMETA,2023-01-03\n"))
    assert late.symbols == {"META"}


@pytest.mark.parametrize(
    ("text", "row", "field", "words"),
    [
        (FILE.replace("2021-01-04", "2020-06-30"), 4, "from", "is a member already"),
        (FILE.replace("2015-01-02", "2021-06-30"), 3, "to", "earlier than"),
        (FILE.replace("2015-01-02", "soon"), 3, "from", "not a date"),
        (FILE.replace("AAA", ""), 2, "ticker", "missing"),
        (FILE.replace("from", "since"), 1, "since", "unknown column"),
        ("ticker\nAAA\nAAA\n", 3, "from", "already"),
        ("ticker\n", None, None, "no rows"),
    ],
)
def test_a_wrong_row_is_named(written, text, row, field, words):
    with pytest.raises(InputError, match=words) as caught:
        read_members(written(text))
    assert (caught.value.row, caught.value.field) == (row, field)


@given(st.data())
def test_a_mangled_file_gives_members_or_an_input_error_and_nothing_else(written, data):
    try:
        found = read_members(written(data.draw(mangled(FILE.encode()))))
    except InputError as error:
        demand_one_line(error)
    else:
        assert all(m.first <= m.last for m in found.memberships)
