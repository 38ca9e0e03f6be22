from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import picture_samples as samples
import pytest

from lightning_gex.evaluation import pictures_positioning as draw
from lightning_gex.evaluation.picture_scale import MarkKind

ALONG_PRICE = [
    (draw.bars_figure, samples.bars),
    (draw.net_bars_figure, samples.net_bars),
    (draw.profile_figure, samples.profile),
    (draw.heat_figure, samples.heat),
    (draw.heat_figure, samples.ahead),
]


def full_height_lines(figure) -> list[float]:
    """Prices of the lines that cross the whole plot."""
    return [s.x0 for s in figure.layout.shapes if s.type == "line" and s.ysizemode != "pixel"]


@pytest.mark.parametrize(("build", "sample"), ALONG_PRICE)
def test_every_level_is_a_line_at_its_price_with_a_label(build, sample) -> None:
    picture = sample()
    figure = build(picture)
    assert full_height_lines(figure) == [mark.price for mark in picture.marks]
    said = " ".join(note.text for note in figure.layout.annotations)
    assert all(mark.text in said for mark in picture.marks)
    assert tuple(figure.layout.xaxis.range) == (picture.shown.low, picture.shown.high)


@pytest.mark.parametrize(("build", "sample"), ALONG_PRICE)
def test_axes_and_scales_name_their_unit(build, sample) -> None:
    figure = build(sample())
    assert "(USD)" in figure.layout.xaxis.title.text
    if figure.layout.coloraxis.colorbar.title.text:
        assert "USD per 1 %" in figure.layout.coloraxis.colorbar.title.text
    else:
        assert "USD million per 1 %" in figure.layout.yaxis.title.text


@pytest.mark.parametrize(("build", "sample"), ALONG_PRICE)
def test_labels_are_set_for_a_wide_screen_and_for_a_phone_that_keeps_scrolling(build, sample) -> None:
    figure = build(sample())
    screens = figure.layout.meta["screens"]
    assert set(screens) == {"wide", "narrow"}
    assert len(screens["wide"]["annotations"]) == len(screens["narrow"]["annotations"])
    assert screens["narrow"]["height"] >= screens["wide"]["height"]
    assert screens["narrow"]["dragmode"] is False
    json.dumps(screens)


def test_bars_are_the_pictures_own_numbers() -> None:
    bars = samples.bars()
    calls, puts, net = draw.bars_figure(bars).data
    assert np.array_equal(calls.y, bars.calls)
    assert np.array_equal(puts.y, bars.puts)
    assert np.array_equal(net.y, bars.net)
    assert calls.marker.color != puts.marker.color


def test_the_profile_marks_every_root_on_the_zero_line_and_shades_the_other_models_span() -> None:
    profile = samples.profile()
    traces = {trace.name: trace for trace in draw.profile_figure(profile).data}
    assert list(traces["zero gamma"].x) == [97.5, 104.25]
    assert list(traces["zero gamma"].y) == [0.0, 0.0]
    assert np.array_equal(traces["net gamma"].y, profile.net)
    assert np.array_equal(traces["span of naive, volume_signed"].y, profile.high)
    assert (traces["long gamma"].y >= 0).all()
    assert (traces["short gamma"].y <= 0).all()
    assert np.array_equal(traces["long gamma"].y + traces["short gamma"].y, profile.net)


def test_a_profile_without_roots_other_models_or_a_known_move_is_drawn_without_them() -> None:
    profile = samples.profile()
    nothing = np.full(len(profile.prices), np.nan)
    bare = replace(profile, low=nothing, high=nothing, models=(), marks=profile.marks[:1], move=(np.nan, np.nan))
    figure = draw.profile_figure(bare)
    assert not [trace for trace in figure.data if trace.name and trace.name.startswith("span")]
    assert not [shape for shape in figure.layout.shapes if shape.type == "rect"]


def test_the_expected_move_is_shaded_from_end_to_end() -> None:
    (shade,) = [s for s in draw.profile_figure(samples.profile()).layout.shapes if s.type == "rect"]
    assert (shade.x0, shade.x1) == (98.0, 102.0)


def test_the_heat_map_has_the_same_scale_to_both_sides_and_keeps_the_amounts_for_the_reader() -> None:
    heat = samples.heat()
    figure = draw.heat_figure(heat)
    axis = figure.layout.coloraxis
    assert axis.cmin == -axis.cmax == -1
    assert list(axis.colorbar.tickvals) == pytest.approx([-1.0, -0.5, 0.0, 0.5, 1.0])
    assert axis.colorbar.ticktext[-1].split() == ["+4", "m"]
    (cells,) = figure.data
    assert np.array_equal(cells.customdata, heat.net, equal_nan=True)
    assert np.isnan(cells.z[1][0])
    assert list(cells.y) == list(heat.rows)
    assert figure.layout.yaxis.autorange == "reversed"


def test_every_zero_gamma_to_come_is_a_dot_in_its_row() -> None:
    dots = draw.heat_figure(samples.ahead()).data[1]
    assert list(dots.x) == [97.5, 104.25, 98.0]
    assert list(dots.y) == ["now", "now", "Fri 06-07"]


def test_term_structure_and_drift_draw_their_own_numbers() -> None:
    term = samples.term()
    vol, straddle, gamma = draw.term_figure(term).data
    assert np.array_equal(vol.y, term.atm_vol_pct, equal_nan=True)
    assert np.array_equal(straddle.y, term.straddle_pct, equal_nan=True)
    assert np.array_equal(gamma.y, term.net_gamma)
    titles = [note.text for note in draw.term_figure(term).layout.annotations]
    assert titles == ["At-the-money vol (% a year)", "Straddle (% of spot)", "Net gamma (USD million per 1 %)"]
    (drift,) = draw.flow_figure(samples.flow()).data
    assert list(drift.y) == [-3.0]


def test_a_level_keeps_its_colour_and_dash_in_every_picture() -> None:
    drawn: dict[str, set[tuple[str, str]]] = {}
    for build, sample in ALONG_PRICE:
        for shape in build(sample()).layout.shapes:
            if shape.type == "line":
                drawn.setdefault(shape.name, set()).add((shape.line.color, shape.line.dash))
    assert {len(styles) for styles in drawn.values()} == {1}
    assert len({style for styles in drawn.values() for style in styles}) == len(MarkKind)
