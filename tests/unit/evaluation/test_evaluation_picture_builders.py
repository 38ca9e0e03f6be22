from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders_chain import make_chain
from lightning_gex.adapters.market_data.chain_files import read_chain
from lightning_gex.analytics.dealer_positioning import positioning
from lightning_gex.analytics.option_time import TimeClock
from lightning_gex.evaluation import picture_builders as build
from lightning_gex.evaluation.picture_builders import PictureSet, picture_set
from lightning_gex.evaluation.picture_scale import MarkKind
from lightning_gex.evaluation.pictures_positioning import (
    bars_figure,
    flow_figure,
    heat_figure,
    net_bars_figure,
    profile_figure,
    term_figure,
)
from lightning_gex.evaluation.positioning_image import positioning_png
from lightning_gex.simulation.chains import modelled_chain

WIDE = np.round(np.linspace(60.0, 140.0, 161), 6)


@pytest.fixture(scope="module")
def found():
    return positioning(make_chain(strikes=WIDE))


@pytest.fixture(scope="module")
def shown(found) -> PictureSet:
    return picture_set(found)


def prices_of(marks, kind: MarkKind) -> list[float]:
    return [mark.price for mark in marks if mark.kind is kind]


def test_levels_are_the_positionings_own(found, shown) -> None:
    marks = shown.gamma.marks
    assert prices_of(marks, MarkKind.SPOT) == [found.spot]
    assert prices_of(marks, MarkKind.ZERO_GAMMA) == list(found.zero_gamma)
    assert prices_of(marks, MarkKind.CALL_WALL) == [found.call_wall]
    assert prices_of(marks, MarkKind.PUT_WALL) == [found.put_wall]
    assert prices_of(marks, MarkKind.MAX_PAIN) == [found.max_pain]


def test_a_level_that_is_absent_is_not_marked(found) -> None:
    gone = replace(found, zero_gamma=(), zero_gamma_nearest=np.nan, max_pain=np.nan)
    kinds = {mark.kind for mark in build.levels(gone)}
    assert kinds == {MarkKind.SPOT, MarkKind.CALL_WALL, MarkKind.PUT_WALL}


def test_all_price_pictures_but_the_map_ahead_show_the_same_prices(shown) -> None:
    ranges = {(p.shown.low, p.shown.high) for p in (shown.gamma, shown.profile, shown.expiries, shown.vanna)}
    assert len(ranges) == 1


def test_the_range_holds_spot_and_every_level_within_a_fifth_of_it(found) -> None:
    shown = build.price_range(found)
    assert shown.low * shown.high == pytest.approx(found.spot**2)
    assert all(shown.holds(mark.price) for mark in build.levels(found))
    assert found.spot / 1.2 <= shown.low * (1 + 1e-12)


def test_a_level_out_of_range_is_named_in_words(found) -> None:
    far = replace(found, put_wall=0.5 * found.spot)
    picture = build.gamma_bars(far, build.price_range(far))
    assert f"Outside the picture: put wall {0.5 * found.spot:g}" in picture.caption


def test_bars_add_up_to_the_positionings_strikes_in_view(found, shown) -> None:
    bars = shown.gamma
    table = found.exposures_by_strike()
    inside = (table.strike >= bars.shown.low) & (table.strike <= bars.shown.high)
    assert bars.calls.sum() * bars.unit.usd == pytest.approx(table.call_gamma_usd_per_pct[inside].sum())
    assert bars.puts.sum() * bars.unit.usd == pytest.approx(table.put_gamma_usd_per_pct[inside].sum())
    assert bars.net == pytest.approx(bars.calls + bars.puts)
    assert len(bars.prices) <= build.MOST_BARS + 1


def test_the_walls_bars_are_the_tallest(found, shown) -> None:
    bars = shown.gamma
    assert abs(bars.prices[np.argmax(np.abs(bars.calls))] - found.call_wall) <= bars.width / 2
    assert abs(bars.prices[np.argmax(np.abs(bars.puts))] - found.put_wall) <= bars.width / 2


def test_vanna_and_charm_add_up_to_the_positionings_strikes_in_view(found, shown) -> None:
    table = found.exposures_by_strike()
    for bars, values in (
        (shown.vanna, table.vanna_exposure_usd_per_vol_point),
        (shown.charm, table.charm_exposure_usd_per_day),
    ):
        inside = (table.strike >= bars.shown.low) & (table.strike <= bars.shown.high)
        assert bars.net.sum() * bars.unit.usd == pytest.approx(values[inside].sum())
    assert shown.vanna.unit.words.endswith("per vol point")
    assert shown.charm.unit.words.endswith("per day")


def test_the_profile_is_the_positionings_own_and_the_span_holds_it(found, shown) -> None:
    profile = shown.profile
    assert profile.net * profile.unit.usd == pytest.approx(found.profile_gamma_usd_per_pct)
    assert (profile.low <= profile.net + 1e-9).all()
    assert (profile.net <= profile.high + 1e-9).all()
    assert profile.models == ("naive", "volume_signed")
    assert profile.move == pytest.approx((found.spot - found.expected_move_usd, found.spot + found.expected_move_usd))


def test_the_span_leaves_out_the_bounds_which_have_no_view(found, shown) -> None:
    assert not {"inverted", "unsigned"} & set(shown.profile.models)


def test_every_root_of_the_profile_lies_where_the_line_crosses_zero(found, shown) -> None:
    profile = shown.profile
    at_roots = np.interp(found.zero_gamma, profile.prices, profile.net)
    assert np.abs(at_roots).max() < 0.02 * np.abs(profile.net).max()


def test_cells_add_up_to_the_expiries_of_the_positioning_in_view(found, shown) -> None:
    heat = shown.expiries
    table = found.exposures_by_strike_and_expiry()
    half = 0.5 * (heat.prices[1] - heat.prices[0])
    inside = (table.strike >= max(heat.shown.low, heat.prices[0] - half)) & (table.strike <= heat.shown.high)
    sums = table.gamma_exposure_usd_per_pct[inside].sum(axis=0)
    assert np.nansum(heat.net, axis=1) * heat.unit.usd == pytest.approx(sums)
    assert heat.rows == ("2024-06-21 18d", "2024-07-19 46d", "2024-09-20 109d")
    assert np.nanmax(np.abs(heat.net)) <= heat.limit


def test_a_cell_without_a_contract_is_empty_not_zero() -> None:
    chain = make_chain(strikes=np.array([80.0, 90.0, 95.0, 96.0, 97.0, 98.0, 100.0, 105.0, 110.0, 120.0]))
    heat = picture_set(positioning(chain)).expiries
    assert np.isnan(heat.net).any()
    held = ~np.isnan(heat.net)
    assert (heat.net[held] != 0).any()


def test_of_many_expiries_those_with_most_gamma_are_shown_in_the_order_they_come() -> None:
    dates = [str(np.datetime64("2024-06-07") + 7 * k) for k in range(30)]
    chain = make_chain(expiries=dates)
    pictures = picture_set(positioning(chain))
    heat = pictures.expiries
    assert len(heat.rows) == build.MOST_EXPIRIES
    assert list(heat.rows) == sorted(heat.rows)
    assert "20 of 30 expiries" in heat.caption
    assert heat.gist.startswith("The 20 of 30 expiries with most gamma.")
    assert pictures.term.gist.startswith("The 20 of 30 series with most gamma.")


def test_where_every_expiry_is_shown_no_number_of_them_is_said(shown) -> None:
    assert shown.expiries.gist.startswith("Which dates")
    assert shown.term.gist.startswith("What each expiry")


@given(st.lists(st.floats(0.0, 1e9), min_size=1, max_size=40), st.integers(1, 25))
def test_the_chosen_hold_no_less_than_any_left_out(values, most: int) -> None:
    gross = np.array(values)
    chosen = build.most_gross(gross, most)
    left_out = np.delete(gross, chosen)
    assert len(chosen) == min(most, len(gross))
    assert gross[chosen].min() >= left_out.max(initial=0.0)
    assert (np.diff(chosen) > 0).all()


def test_the_term_structure_is_the_positionings_own(found, shown) -> None:
    terms = found.term_structure
    assert shown.term.atm_vol_pct == pytest.approx(100 * terms.atm_implied_vol)
    assert shown.term.straddle_pct == pytest.approx(100 * terms.straddle_usd / found.spot, nan_ok=True)
    assert shown.term.net_gamma * shown.term.unit.usd == pytest.approx(terms.gamma_exposure_usd_per_pct)


def test_roots_that_share_a_date_are_told_apart() -> None:
    chain = modelled_chain(underlying="SPX", as_of=datetime(2024, 6, 3, 18, tzinfo=UTC), spot=5_400.0, atm_vol=0.15)
    labels = picture_set(positioning(chain)).term.expiries
    assert len(set(labels)) == len(labels)


def test_the_map_ahead_begins_with_what_is_now(found, shown) -> None:
    ahead = shown.ahead
    assert ahead.rows[0] == "now"
    at_spot = np.array([np.interp(found.spot, ahead.prices, row) for row in ahead.net])
    assert at_spot[0] * ahead.unit.usd == pytest.approx(found.gamma_exposure_usd_per_pct, rel=0.01)
    now = [price for price, row in ahead.zero if row == 0]
    assert now == pytest.approx([root for root in found.zero_gamma if ahead.shown.holds(root)], rel=1e-3)


def test_the_map_ahead_runs_along_hours_then_closes_and_stops_before_the_last_settlement() -> None:
    shown = picture_set(positioning(make_chain(expiries=("2024-06-06",))))
    assert shown.ahead.rows == ("now", "Mon 15:00", "Mon 06-03", "Tue 06-04", "Wed 06-05")
    assert shown.drift.moments == shown.ahead.rows[1:]


@pytest.mark.parametrize(
    ("moment", "rows"),
    [
        ("2024-06-01T15:00", ("now", "Mon 06-03", "Tue 06-04")),  # a Saturday: the session quoted is Friday's
        ("2024-06-03T11:00", ("now", "Mon 10:00", "Mon 11:00")),  # before the open
        ("2024-06-03T20:15", ("now", "Tue 06-04")),  # after the close
        ("2024-07-03T16:30", ("now", "Wed 07-03")),  # a half-day: 12:30 in New York
    ],
)
def test_the_rows_ahead_are_the_exchanges_own_hours(moment: str, rows: tuple[str, ...]) -> None:
    chain = make_chain(as_of=datetime.fromisoformat(moment).replace(tzinfo=UTC), expiries=("2024-07-19",))
    assert picture_set(positioning(chain)).ahead.rows[: len(rows)] == rows


def test_the_first_days_drift_is_minus_charm(found, shown) -> None:
    hours = 26.0 / 24.0  # from Monday 14:00 to Tuesday 16:00 New York
    at = shown.drift.moments.index("Tue 06-04")
    flow = shown.drift.usd[at] * shown.drift.unit.usd
    assert flow == pytest.approx(-found.charm_exposure_usd_per_day * hours, rel=0.15)


def test_on_the_trading_clock_charm_is_per_session_and_the_drift_says_that_it_is_not() -> None:
    shown = picture_set(positioning(make_chain(), clock=TimeClock.TRADING))
    assert shown.charm.unit.words.endswith("per session")
    assert "per session" in shown.charm.caption
    assert "as on the calendar" in shown.drift.caption


CHAINS = {
    "one expiry": lambda: make_chain(expiries=("2024-06-21",)),
    "settles today": lambda: make_chain(expiries=("2024-06-03",)),
    "a few strikes": lambda: make_chain(strikes=[90.0, 100.0, 110.0]),
    "odd strikes": lambda: make_chain(strikes=[80.0, 91.7, 93.33, 99.9, 107.1, 125.0]),
    "a penny stock": lambda: make_chain(spot=0.6, strikes=[0.4, 0.5, 0.6, 0.7, 0.8]),
    "a dear stock": lambda: make_chain(spot=600_000.0),
    "calls and puts far apart": lambda: make_chain(strikes=[50.0, 60.0, 140.0, 150.0]),
    "no quotes": lambda: make_chain(half_spread=np.nan),
}


@pytest.mark.parametrize(
    ("name", "model"),
    [*((name, "naive") for name in CHAINS), *(("one expiry", m) for m in ("inverted", "unsigned", "volume_signed"))],
)
def test_every_chain_that_has_a_positioning_has_its_pictures(name: str, model: str) -> None:
    shown = picture_set(positioning(CHAINS[name](), dealer_model=model))
    for figure in (
        bars_figure(shown.gamma),
        profile_figure(shown.profile),
        heat_figure(shown.expiries),
        heat_figure(shown.ahead),
        flow_figure(shown.drift),
        term_figure(shown.term),
        net_bars_figure(shown.vanna),
        net_bars_figure(shown.charm),
    ):
        assert figure.to_json()
    for field in fields(shown):
        if field.name != "headline":
            picture = getattr(shown, field.name)
            assert picture.title
            assert "nan" not in picture.caption


@pytest.mark.parametrize("name", ["one expiry", "settles today", "a penny stock"])
def test_every_chain_that_has_a_positioning_has_its_image(name: str) -> None:
    assert positioning_png(picture_set(positioning(CHAINS[name]()))).startswith(b"\x89PNG")


@pytest.mark.shared_data
@pytest.mark.parametrize(
    "name", ["cboe_quotedata_TSLA_2023-08-18.csv.gz", "cboe_delayed_quotes_SPY_2022-07-12.json.gz"]
)
def test_a_real_chain_shows_the_levels_of_its_positioning_in_view(shared_data, name: str) -> None:
    found = positioning(read_chain(shared_data / "chains" / "raw" / name))
    shown = picture_set(found)
    assert all(shown.gamma.shown.holds(mark.price) for mark in build.levels(found))
    now = [price for price, row in shown.ahead.zero if row == 0]
    assert now == pytest.approx([root for root in found.zero_gamma if shown.ahead.shown.holds(root)], rel=1e-9)
    assert positioning_png(shown) == positioning_png(picture_set(found))


def test_a_chain_without_a_root_draws_none() -> None:
    found = positioning(make_chain(), dealer_model="unsigned")
    assert found.zero_gamma == ()
    shown = picture_set(found)
    assert not prices_of(shown.profile.marks, MarkKind.ZERO_GAMMA)
    assert shown.ahead.zero == ()
