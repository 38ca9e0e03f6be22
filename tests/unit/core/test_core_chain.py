"""A chain refuses what makes all of its numbers meaningless."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from lightning_gex.core.chain import OptionChain
from lightning_gex.core.errors import InputError


def chain(**changes) -> OptionChain:
    two = np.array([1.0, 2.0])
    values = {
        "underlying": "TEST", "as_of": datetime(2024, 6, 3, 18, tzinfo=UTC), "spot": 100.0,
        "root": np.array(["TEST", "TEST"]), "expiry": np.array(["2024-06-21"] * 2, dtype="datetime64[D]"),
        "settles_at": np.array(["2024-06-21T20:00:00"] * 2, dtype="datetime64[s]"), "is_call": np.array([True, False]),
        "strike": np.array([100.0, 100.0]), "bid": two, "ask": two, "implied_vol": two, "open_interest": two,
        "volume": two, "multiplier": two, "contracts_read": 3, "refused": {"expired": 1}, "source": "a file",
    }  # fmt: skip
    return OptionChain(**(values | changes))


def test_a_sound_chain_is_as_long_as_its_contracts():
    assert len(chain()) == 2


def test_roots_are_numbered_in_alphabetical_order():
    found = chain(root=np.array(["SPXW", "SPX"]))
    assert found.root_names == ("SPX", "SPXW")
    assert found.root_code.tolist() == [1, 0]
    assert found.root_code.dtype == np.int16


def test_a_copy_with_other_roots_has_their_numbers():
    found = replace(chain(), root=np.array(["B", "A"]))
    assert (found.root_names, found.root_code.tolist()) == (("A", "B"), [1, 0])


def test_more_roots_than_can_be_numbered_are_refused():
    n = 40_000
    columns = {
        name: np.ones(n) for name in ("strike", "bid", "ask", "implied_vol", "open_interest", "volume", "multiplier")
    }
    with pytest.raises(InputError, match="40000 roots are no single underlying's"):
        chain(
            **columns, root=np.array([f"R{i}" for i in range(n)]), expiry=np.full(n, np.datetime64("2024-06-21")),
            settles_at=np.full(n, np.datetime64("2024-06-21T20:00:00")), is_call=np.ones(n, dtype=bool),
        )  # fmt: skip


def test_what_was_noted_while_reading_stays_with_the_chain():
    quoted = np.array(["2024-06-03T17:59:00", "NaT"], dtype="datetime64[s]")
    found = chain(notes=("a note",), fetched_at=datetime(2024, 6, 3, 19, tzinfo=UTC), quoted_at=quoted)
    assert (found.notes, found.fetched_at) == (("a note",), datetime(2024, 6, 3, 19, tzinfo=UTC))
    np.testing.assert_array_equal(found.quoted_at, quoted)


def test_a_naive_time_of_fetching_is_refused():
    with pytest.raises(InputError, match="fetched_at has no time zone"):
        chain(fetched_at=datetime(2024, 6, 3, 18))  # noqa: DTZ001 - the point of the test


@pytest.mark.parametrize("spot", [0.0, -1.0, float("nan"), float("inf")])
def test_a_spot_that_is_no_price_is_refused(spot):
    with pytest.raises(InputError, match="not a positive number") as caught:
        chain(spot=spot)
    assert (caught.value.source, caught.value.field) == ("a file", "spot")


def test_a_naive_time_is_refused():
    with pytest.raises(InputError, match="no time zone"):
        chain(as_of=datetime(2024, 6, 3, 18))  # noqa: DTZ001 - the point of the test


@pytest.mark.parametrize(
    "name",
    ["root", "expiry", "settles_at", "is_call", "bid", "ask", "implied_vol", "open_interest", "volume", "multiplier"],
)
def test_a_column_of_another_length_is_refused(name):
    with pytest.raises(InputError, match="one value a contract") as caught:
        chain(**{name: getattr(chain(), name)[:1]})
    assert caught.value.field == name


def test_quote_times_of_another_length_are_refused():
    with pytest.raises(InputError, match="one value a contract"):
        chain(quoted_at=np.array(["2024-06-03T17:59:00"], dtype="datetime64[s]"))


@pytest.mark.parametrize("moment", ["2024-06-03T18:00:00", "2024-06-03T17:59:59", "NaT"])
def test_a_contract_that_has_settled_or_does_not_say_when_is_refused(moment):
    settles = np.array(["2024-06-21T20:00:00", moment], dtype="datetime64[s]")
    with pytest.raises(InputError, match="contract 1 settles at") as caught:
        chain(settles_at=settles)
    assert (caught.value.source, caught.value.field) == ("a file", "settles_at")


def test_a_contract_lives_until_the_second_it_settles():
    settles = np.array(["2024-06-21T20:00:00", "2024-06-03T18:00:01"], dtype="datetime64[s]")
    assert len(chain(settles_at=settles)) == 2
    assert len(chain(settles_at=settles, as_of=datetime(2024, 6, 3, 18, 0, 0, 999_999, tzinfo=UTC))) == 2
    with pytest.raises(InputError, match="contract 1 settles at"):
        chain(settles_at=settles, as_of=datetime(2024, 6, 3, 18, 0, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("field", "value"), [("spot", "100"), ("strike", [100.0]), ("is_call", None), ("underlying", 3)]
)
def test_a_field_of_another_kind_is_refused_by_name(field: str, value: object) -> None:
    from builders_chain import changed, make_chain

    with pytest.raises(InputError, match=f"field '{field}': must be"):
        changed(make_chain(), **{field: value})
