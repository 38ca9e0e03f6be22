"""Dealer positioning of one chain as a part of a page: headline, pictures, the same as tables, what was assumed."""

from __future__ import annotations

import math
from html import escape

from lightning_gex.analytics.positioning_result import DealerPositioning
from lightning_gex.evaluation import page
from lightning_gex.evaluation import pictures_positioning as draw
from lightning_gex.evaluation.picture_builders import PictureSet, picture_set
from lightning_gex.evaluation.picture_headline import Headline
from lightning_gex.evaluation.pictures import figure_html


def positioning_body(positioning: DealerPositioning) -> str:
    """The section's HTML: what one chain says, under which assumption, and how much the assumption matters.

    Parameters
    ----------
    positioning : of one chain.
    """
    shown = picture_set(positioning)
    notes = "".join(f"<li>{escape(note)}</li>" for note in positioning.notes)
    return (
        _headline(shown.headline)
        + _pictures(shown)
        + _bands(positioning)
        + (f"<h3>What was assumed</h3><ul>{notes}</ul>" if notes else "")
    )


def _headline(said: Headline) -> str:
    tiles = "".join(page.tile(fact.name, fact.value, *fact.beside) for fact in said.facts)
    banners = "".join(page.banner(sentence) for sentence in said.warnings)
    when = f"{said.underlying}, {said.as_of}"
    return f'<p class="quiet">{escape(when)}</p>{banners}<div class="tiles facts">{tiles}</div>'


def _pictures(shown: PictureSet) -> str:
    drawn = (
        ("strikes", shown.gamma, draw.bars_figure(shown.gamma)),
        ("profile", shown.profile, draw.profile_figure(shown.profile)),
        ("expiries", shown.expiries, draw.heat_figure(shown.expiries)),
        ("ahead", shown.ahead, draw.heat_figure(shown.ahead)),
        ("drift", shown.drift, draw.flow_figure(shown.drift)),
        ("term", shown.term, draw.term_figure(shown.term)),
        ("vanna", shown.vanna, draw.net_bars_figure(shown.vanna)),
        ("charm", shown.charm, draw.net_bars_figure(shown.charm)),
    )
    return "".join(
        page.picture(
            figure_html(figure, name),
            name,
            picture.title,
            f"{picture.gist} {picture.caption} ({shown.headline.stamp}.)",
        )
        for name, picture, figure in drawn
    )


def _bands(p: DealerPositioning) -> str:
    names = (
        ("Gamma per 1 %", "gamma_exposure_usd_per_pct"),
        ("Delta", "delta_exposure_usd"),
        ("Vanna per volatility point", "vanna_exposure_usd_per_vol_point"),
        ("Charm per day", "charm_exposure_usd_per_day"),
    )
    rows = []
    for label, name in names:
        band = p.dealer_model_band.get(name)
        span = "n/a" if band is None else f"{_millions(band.low)} to {_millions(band.high)}"
        rows.append([label, _millions(getattr(p, name)), span])
    head = ["Exposure of dealers, USD million", f"Under {p.dealer_model}", "Over all dealer models"]
    return page.table(head, rows, numbers=(1, 2))


def _millions(value: float) -> str:
    """USD in millions, signed, with as many digits as matter."""
    if not math.isfinite(value):
        return "n/a"
    size = abs(value) / 1e6
    digits = 0 if size >= 100 else 1 if size >= 1 else 3
    return f"{value / 1e6:+,.{digits}f}"
