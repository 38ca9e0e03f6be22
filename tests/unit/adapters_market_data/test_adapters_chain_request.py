"""What a caller says beside a file, and what the file says itself."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest

from lightning_gex.adapters.market_data.chain_request import ChainRequest, moment_of
from lightning_gex.core.errors import InputError, SettingsError

OWN = datetime(2024, 6, 3, 19, 30, tzinfo=UTC)
GIVEN = datetime(2024, 6, 3, 18, 0, tzinfo=UTC)


def test_what_is_not_asked_for_is_the_file_s_own():
    assert ChainRequest().moment(OWN, "f") == (OWN, ())
    assert ChainRequest().price(100.5, "f") == (100.5, ())


def test_a_moment_given_goes_before_the_file_s_own_and_says_so():
    found, notes = ChainRequest(as_of=GIVEN).moment(OWN, "f")
    assert found == GIVEN
    assert notes == ("taken as of 2024-06-03T18:00:00+00:00, as asked; the file says 2024-06-03T19:30:00+00:00",)


def test_a_date_given_keeps_the_file_s_moment_of_that_session_and_else_is_its_close():
    assert ChainRequest(as_of=date(2024, 6, 3)).moment(OWN, "f") == (OWN, ())
    found, notes = ChainRequest(as_of=date(2024, 7, 3)).moment(OWN, "f")
    assert found == datetime(2024, 7, 3, 17, tzinfo=UTC)  # a half-day
    assert len(notes) == 1
    assert ChainRequest(as_of=date(2024, 6, 4)).moment(None, "f") == (datetime(2024, 6, 4, 20, tzinfo=UTC), ())


def test_a_spot_given_goes_before_the_file_s_own_and_says_so():
    assert ChainRequest(spot=101.0).price(100.5, "f") == (101.0, ("spot 101 as asked; the file says 100.5",))
    assert ChainRequest(spot=100.5).price(100.5, "f") == (100.5, ())
    assert ChainRequest(spot=101.0).price(float("nan"), "f") == (101.0, ())


def test_what_nobody_says_is_an_error_that_tells_how_to_say_it():
    with pytest.raises(InputError, match="--as-of 2024-06-03T15:30:00-04:00") as caught:
        ChainRequest().moment(None, "f.csv")
    assert (caught.value.source, caught.value.field) == ("f.csv", "as_of")
    with pytest.raises(InputError, match="--spot USD") as caught:
        ChainRequest().price(float("nan"), "f.csv", "Last")
    assert caught.value.field == "Last"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"as_of": datetime(2024, 6, 3, 15, 30)}, "no time zone"),  # noqa: DTZ001 - the point of the test
        ({"as_of": datetime(1890, 6, 3, tzinfo=UTC)}, "outside the exchange calendar"),
        ({"as_of": datetime(1, 1, 1, tzinfo=UTC)}, "outside the exchange calendar"),
        ({"as_of": date(2024, 6, 8)}, "no session"),
        ({"spot": 0.0}, "not a positive price"),
        ({"spot": float("nan")}, "not a positive price"),
        ({"spot": float("inf")}, "not a positive price"),
        ({"spot": "x"}, "spot x is not a positive price"),
        ({"spot": True}, "not a positive price"),
        ({"as_of": "2024-06-03"}, "neither a datetime with a zone nor a date"),
    ],
)
def test_a_request_that_cannot_be_meant_is_refused(asked, words):
    with pytest.raises(SettingsError, match=words):
        ChainRequest(**asked)


def test_the_session_asked_for_is_the_date_s_or_the_moment_s():
    assert ChainRequest().session is None
    assert ChainRequest(as_of=date(2024, 6, 3)).session == np.datetime64("2024-06-03")
    assert ChainRequest(as_of=datetime(2024, 6, 4, 1, tzinfo=UTC)).session == np.datetime64("2024-06-03")


def test_the_text_of_an_option_is_a_moment_with_a_zone_or_a_date():
    assert moment_of("2024-06-03T15:30:00-04:00") == OWN
    assert moment_of("2024-06-03") == date(2024, 6, 3)
    for text, words in (("2024-06-03T15:30:00", "no time zone"), ("noon", "neither a moment"), ("", "neither")):
        with pytest.raises(SettingsError, match=words):
            moment_of(text)
