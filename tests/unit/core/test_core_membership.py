"""Who belongs to a universe on which session."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.core.bars import Bars
from lightning_gex.core.errors import InputError
from lightning_gex.core.membership import Membership
from lightning_gex.core.sessions import sessions_between


def day(text: str) -> np.datetime64:
    return np.datetime64(text, "D")


def two_years() -> Membership:
    return Membership(
        np.array(["2020-01-02", "2021-01-04"], dtype="datetime64[D]"),
        (frozenset({"AAA", "BBB"}), frozenset({"BBB", "CCC"})),
    )


def bars(ticker: str, volume: dict[int, float], *, close: float = 10.0, last: str = "2021-12-31") -> Bars:
    """Bars of 2019 to 2021 at one price, with a volume for each year."""
    days = sessions_between(day("2019-01-02"), day(last))
    year = days.astype("datetime64[Y]").astype(int) + 1970
    price = np.full(len(days), close)
    return Bars(ticker, days, price, price, price, price, np.array([volume[int(y)] for y in year]))


def test_members_are_those_of_the_latest_change_and_nobody_before_the_first():
    universe = two_years()
    assert universe.at(day("2020-01-01")) == frozenset()
    assert universe.at(day("2020-01-02")) == {"AAA", "BBB"}
    assert universe.at(day("2021-01-03")) == {"AAA", "BBB"}
    assert universe.at(day("2030-01-01")) == {"BBB", "CCC"}
    assert universe.everyone == ("AAA", "BBB", "CCC")


@given(st.lists(st.dates(), min_size=1, max_size=20), st.sampled_from(["AAA", "BBB", "CCC", "DDD"]))
def test_belonging_by_session_is_what_each_session_says(days, ticker):
    sessions = np.array(days, dtype="datetime64[D]")
    universe = two_years()
    assert universe.includes(ticker, sessions).tolist() == [ticker in universe.at(s) for s in sessions]


def test_a_universe_is_cut_to_a_time_and_to_tickers_without_changing_who_belongs_there():
    universe = two_years()
    assert universe.between(None, day("2020-12-31")).everyone == ("AAA", "BBB")
    late = universe.between(day("2020-06-01"), None)
    assert late.at(day("2020-06-01")) == {"AAA", "BBB"}
    assert universe.between(day("2021-06-01"), None).everyone == ("BBB", "CCC")
    assert universe.within(["CCC"]).at(day("2021-06-01")) == {"CCC"}
    with pytest.raises(InputError, match="nobody"):
        universe.within(["DDD"])
    with pytest.raises(InputError, match="nobody"):
        universe.between(None, day("2019-12-31"))


@pytest.mark.parametrize(
    ("days", "members", "problem"),
    [
        (["2020-01-02"], (), "one set of members"),
        (["2021-01-04", "2020-01-02"], (frozenset("A"), frozenset("B")), "must increase"),
        (["2020-01-02"], (frozenset(),), "nobody"),
    ],
)
def test_what_is_no_universe_is_refused(days, members, problem):
    with pytest.raises(InputError, match=problem):
        Membership(np.array(days, dtype="datetime64[D]"), members)


def test_a_digest_names_the_universe_and_not_the_order_in_which_it_was_told():
    assert two_years().digest() == two_years().digest()
    assert two_years().digest() != two_years().within(["AAA", "BBB"]).digest()


def test_the_largest_are_chosen_on_a_years_first_session_by_the_dollars_of_the_year_before():
    universe = Membership.largest(
        {
            "SMALL": bars("SMALL", {2019: 100.0, 2020: 900.0, 2021: 0.0}),
            "DEAR": bars("DEAR", {2019: 20.0, 2020: 20.0, 2021: 20.0}, close=100.0),  # fewer shares, more dollars
            "CHEAP": bars("CHEAP", {2019: 150.0, 2020: 100.0, 2021: 9e9}),
        },
        2,
    )
    assert universe.from_session.tolist() == [day("2020-01-02").item(), day("2021-01-04").item()]
    assert universe.members == (frozenset({"DEAR", "CHEAP"}), frozenset({"DEAR", "SMALL"}))


@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_no_later_bar_changes_an_earlier_choice(seed, names):
    draw = np.random.default_rng(seed)
    everyone = {f"T{k}": bars(f"T{k}", {y: float(draw.integers(1, 50)) for y in (2019, 2020, 2021)}) for k in range(5)}
    whole = Membership.largest(everyone, names)
    cut = day("2021-03-01")
    past = Membership.largest({t: b.between(None, cut) for t, b in everyone.items()}, names)
    assert whole.between(None, cut).digest() == past.digest()
    assert all(len(members) == min(names, 5) for members in whole.members)


def test_who_had_left_the_market_by_the_end_of_the_year_is_not_chosen():
    gone = bars("GONE", {2019: 900.0, 2020: 900.0}, last="2020-11-30")
    universe = Membership.largest({"GONE": gone, "KEPT": bars("KEPT", {2019: 1.0, 2020: 1.0, 2021: 1.0})}, 1)
    assert universe.members == (frozenset({"GONE"}), frozenset({"KEPT"}))


def test_only_whom_a_universe_allows_on_the_day_is_chosen():
    everyone = {t: bars(t, {2019: v, 2020: v, 2021: v}) for t, v in (("AAA", 1.0), ("BBB", 2.0), ("CCC", 3.0))}
    assert Membership.largest(everyone, 1, among=["AAA", "BBB"]).everyone == ("BBB",)
    dated = Membership.largest(everyone, 2, among=two_years())
    assert dated.members == (frozenset({"AAA", "BBB"}), frozenset({"BBB", "CCC"}))


def test_nobody_is_chosen_for_a_volume_of_nothing_or_from_a_single_year():
    index = bars("INDEX", dict.fromkeys((2019, 2020, 2021), float("nan")))
    with pytest.raises(InputError, match="nobody can be chosen"):
        Membership.largest({"INDEX": index}, 1)
    with pytest.raises(InputError, match="calendar year before"):
        Membership.largest({"ONE": bars("ONE", {2019: 1.0}, last="2019-12-31")}, 1)
    with pytest.raises(InputError, match="at least 1"):
        Membership.largest({"ONE": bars("ONE", {2019: 1.0, 2020: 1.0, 2021: 1.0})}, 0)


def test_times_of_belonging_include_both_ends():
    universe = Membership.of_intervals(
        ["AAA", "BBB", "AAA"],
        [day("2020-01-02"), day("2020-03-02"), day("2020-06-01")],
        [day("2020-03-31"), np.datetime64("NaT", "D"), day("2020-06-30")],
    )
    belongs = {text: sorted(universe.at(day(text))) for text in ("2020-01-01", "2020-03-31", "2020-04-01")}
    assert belongs == {"2020-01-01": [], "2020-03-31": ["AAA", "BBB"], "2020-04-01": ["BBB"]}
    assert sorted(universe.at(day("2020-06-30"))) == ["AAA", "BBB"]
    assert universe.at(day("2020-07-01")) == {"BBB"}
