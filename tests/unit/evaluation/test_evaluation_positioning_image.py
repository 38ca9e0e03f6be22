from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import matplotlib as mpl
import numpy as np
import picture_samples as samples
import pytest
from matplotlib.image import imread

from lightning_gex.evaluation import positioning_image as image
from lightning_gex.evaluation.picture_builders import PictureSet
from lightning_gex.evaluation.picture_data import HedgingFlow, TermStructure
from lightning_gex.evaluation.picture_scale import MarkKind
from lightning_gex.evaluation.pictures_positioning import bars_figure, heat_figure


@pytest.fixture(scope="module")
def plain() -> bytes:
    return image.positioning_png(samples.picture_set())


def drawn_height(pictures: PictureSet) -> float:
    with mpl.rc_context():
        return float(image._drawn(pictures).get_size_inches()[1] * image.DOTS_PER_INCH)


def axes_of(pictures: PictureSet) -> dict[str, object]:
    """The drawn axes by the words of their two labels."""
    with mpl.rc_context():
        figure = image._drawn(pictures)
    return {f"{a.get_xlabel()} | {a.get_ylabel() or a.get_title(loc='left')}": a for a in figure.axes}


def size_of(png: bytes) -> tuple[int, int]:
    height, width, _ = imread(BytesIO(png), format="png").shape
    return width, height


def test_the_image_is_1600_pixels_wide_and_as_tall_as_drawn(plain) -> None:
    width, height = size_of(plain)
    assert height == drawn_height(samples.picture_set())
    assert width == image.WIDTH == 1600
    assert 1_500 < height < 3_000


def test_no_date_and_no_version_is_written_into_the_file(plain) -> None:
    assert b"tEXt" not in plain
    assert b"tIME" not in plain


def test_the_same_pictures_give_the_same_bytes_whatever_the_readers_own_settings(plain, monkeypatch) -> None:
    monkeypatch.setitem(mpl.rcParams, "font.size", 30.0)
    monkeypatch.setitem(mpl.rcParams, "axes.grid", True)
    assert image.positioning_png(samples.picture_set()) == plain
    assert mpl.rcParams["font.size"] == 30.0


@pytest.mark.parametrize(
    "name", ["a$b$c_{d}^2", "\N{CJK UNIFIED IDEOGRAPH-671F}\N{CJK UNIFIED IDEOGRAPH-6B0A}.csv", "<b>"]
)
def test_any_name_can_be_written(name: str) -> None:
    whole = samples.picture_set()
    named = replace(whole, headline=replace(whole.headline, underlying=name, stamp=name))
    assert image.positioning_png(named).startswith(b"\x89PNG")


def test_each_warning_makes_room_for_itself() -> None:
    heights = [drawn_height(samples.picture_set(*said, badge="modelled")) for said in ((), ("a",), ("a", "b"))]
    assert heights == sorted(set(heights))


def test_axes_name_what_they_show_and_its_unit() -> None:
    found = set(axes_of(samples.picture_set()))
    assert "Strike (USD) | USD million per 1 %" in found
    assert "Spot (USD) | USD million per 1 %" in found
    assert "USD million | " in found
    assert "Expiry (date, days to it) | Net gamma (USD million per 1 %)" in found


def test_levels_stand_at_their_prices_and_are_named() -> None:
    bars = samples.bars()
    axes = axes_of(samples.picture_set())["Spot (USD) | USD million per 1 %"]
    upright = [line.get_xdata()[0] for line in axes.lines if len(set(line.get_xdata())) == 1]
    profile = samples.profile()
    assert {mark.price for mark in profile.marks} <= set(upright)
    said = [text.get_text() for text in axes.texts]
    assert all(mark.text in said for mark in profile.marks)
    assert axes.get_xlim() == (bars.shown.low, bars.shown.high)


def test_every_root_is_a_dot_on_the_zero_line() -> None:
    axes = axes_of(samples.picture_set())["Spot (USD) | USD million per 1 %"]
    (dots,) = [line for line in axes.lines if line.get_marker() == "o"]
    roots = [mark.price for mark in samples.profile().marks if mark.kind is MarkKind.ZERO_GAMMA]
    assert list(dots.get_xdata()) == roots
    assert set(dots.get_ydata()) == {0.0}


def test_puts_stack_on_calls_of_their_own_sign_and_hang_from_zero_otherwise() -> None:
    bars = replace(samples.bars(), puts=np.array([1.0, -1.0, 0.5]), net=np.array([1.5, 1.0, 3.5]))
    with mpl.rc_context():
        figure = image._drawn(replace(samples.picture_set(), gamma=bars))
    _, puts = figure.axes[0].containers
    assert [patch.get_y() for patch in puts] == [0.5, 0.0, 3.0]
    assert [patch.get_height() for patch in puts] == [1.0, -1.0, 0.5]


def test_the_image_draws_the_numbers_of_the_page() -> None:
    whole = samples.picture_set()
    with mpl.rc_context():
        figure = image._drawn(whole)
    gamma, expiries = figure.axes[0], figure.axes[1]
    page_calls, page_puts, page_net = bars_figure(whole.gamma).data
    for container, trace in zip(gamma.containers, (page_calls, page_puts), strict=True):
        assert [patch.get_height() for patch in container] == list(trace.y)
        assert [patch.get_x() + patch.get_width() / 2 for patch in container] == pytest.approx(list(trace.x))
    (net,) = [line for line in gamma.lines if line.get_label() == "net"]
    assert list(net.get_ydata()) == list(page_net.y)
    drawn = expiries.collections[0].get_array()
    cells = heat_figure(whole.expiries).data[0].z
    assert np.ma.filled(drawn, np.nan) == pytest.approx(np.array(cells), abs=1e-4, nan_ok=True)


def test_nothing_to_show_is_drawn_as_nothing() -> None:
    nothing = np.zeros(0)
    bars = replace(samples.bars(), prices=nothing, calls=nothing, puts=nothing, net=nothing, marks=())
    whole = samples.picture_set()
    profile = replace(whole.profile, net=whole.profile.net * 0, low=whole.profile.low * np.nan, marks=())
    empty = replace(
        whole,
        gamma=bars,
        profile=profile,
        expiries=replace(whole.expiries, net=whole.expiries.net * np.nan, rows=("a", "b")),
        drift=HedgingFlow("Drift", "", "", (), nothing, whole.drift.unit),
        term=TermStructure("Term", "", "", (), nothing, nothing, nothing, whole.term.unit),
    )
    assert size_of(image.positioning_png(empty))[0] == 1600


@pytest.mark.parametrize("count", [1, 8, 20])
def test_the_image_grows_with_the_rows_of_its_heat_map(count: int) -> None:
    whole = samples.picture_set()
    rows = tuple(f"2024-06-{k + 1:02d} {k}d" for k in range(count))
    heat = replace(whole.expiries, rows=rows, net=np.ones((count, 3)))
    assert drawn_height(replace(whole, expiries=heat)) >= drawn_height(whole)
