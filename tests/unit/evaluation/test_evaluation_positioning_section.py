from __future__ import annotations

import html
from dataclasses import replace

import numpy as np
import pytest

from builders_chain import make_chain
from lightning_gex.analytics.dealer_positioning import positioning
from lightning_gex.evaluation.picture_builders import picture_set
from lightning_gex.evaluation.picture_scale import amount, price_text
from lightning_gex.evaluation.positioning_section import positioning_body


@pytest.fixture(scope="module")
def found():
    return positioning(make_chain(volume=0.0))


@pytest.fixture(scope="module")
def body(found) -> str:
    return html.unescape(positioning_body(found))


def test_the_section_opens_with_the_figures_that_must_be_known_first(found, body) -> None:
    head = body[: body.index("<figure")]
    for figure in (
        price_text(found.spot),
        amount(found.gamma_exposure_usd_per_pct),
        price_text(found.zero_gamma_nearest),
        price_text(found.call_wall),
        price_text(found.put_wall),
        found.dealer_model,
    ):
        assert f'<div class="value">{figure}' in head


def test_every_picture_says_whose_and_as_of_when_and_under_which_assumption(found, body) -> None:
    stamp = "TEST, 2024-06-03 18:00 UTC, dealer model naive"
    assert body.count("<figcaption>") == body.count(stamp) == 8


def test_every_pictures_title_and_caption_are_the_data_s_own(found, body) -> None:
    shown = picture_set(found)
    for picture in (shown.gamma, shown.profile, shown.expiries, shown.ahead, shown.drift, shown.term, shown.vanna):
        assert f">{picture.title}</h3>" in body
        assert picture.gist in body
        assert picture.caption in body


def test_models_that_disagree_are_said_in_a_banner_before_any_figure(found) -> None:
    band = found.dealer_model_band["gamma_exposure_usd_per_pct"]
    split = {**found.dealer_model_band, "gamma_exposure_usd_per_pct": replace(band, models_agree_on_sign=False)}
    said = positioning_body(replace(found, dealer_model_band=split))
    assert said.index('class="banner"') < said.index('class="tile"')
    assert "Dealer models disagree on the sign" in said


def test_models_that_agree_need_no_banner(body) -> None:
    assert 'class="banner"' not in body


def test_text_from_a_file_cannot_become_markup(found) -> None:
    evil = "<script>alert(1)</script>"
    said = positioning_body(replace(found, underlying=evil, source=evil, notes=(evil,)))
    assert evil not in said


def test_an_exposure_that_nobody_can_tell_is_not_available_in_the_table(found) -> None:
    unknown = {name: replace(band, low=np.nan, high=np.nan) for name, band in found.dealer_model_band.items()}
    assert "n/a to n/a" in positioning_body(replace(found, dealer_model_band=unknown))
