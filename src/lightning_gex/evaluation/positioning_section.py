"""Dealer positioning of one chain as a part of the report."""

from __future__ import annotations

import math
from html import escape

from lightning_gex.analytics.positioning_result import DealerPositioning
from lightning_gex.core.enums import ZeroGammaStatus
from lightning_gex.evaluation import page, pictures

_STATUS_WORDS = {
    ZeroGammaStatus.OK: "net gamma changes sign there",
    ZeroGammaStatus.NO_ROOT_NET_POSITIVE: "none: dealers are long gamma at every price within 20% of spot",
    ZeroGammaStatus.NO_ROOT_NET_NEGATIVE: "none: dealers are short gamma at every price within 20% of spot",
    ZeroGammaStatus.INSUFFICIENT_DATA: "not enough gamma to tell",
}


def positioning_body(positioning: DealerPositioning) -> str:
    """The section's HTML: what one chain says, under which assumption, and how much the assumption matters.

    Parameters
    ----------
    positioning : of one chain.
    """
    p = positioning
    made = "a model and no market made this chain" if p.modelled else "quotes of a market"
    intro = (
        f"{p.underlying} at ${p.spot:,.2f}, as of {p.as_of:%Y-%m-%d %H:%M} UTC ({made}; source {p.source}). "
        f"{p.contracts_used:,} of {p.contracts_read:,} contracts used, {p.open_interest_coverage:.1%} of the open "
        f"interest of {p.open_interest_session}. Who holds what is an assumption: dealer model {p.dealer_model}, "
        f"version {p.dealer_model_version}."
    )
    warning = (
        "" if p.models_agree_on_sign is not False else "<p><strong>Dealer models disagree on the sign.</strong></p>"
    )
    notes = "".join(f"<li>{escape(note)}</li>" for note in p.notes)
    return f"<p>{escape(intro)}</p>{warning}{_levels(p)}{_bands(p)}{_pictures(p)}" + (
        f"<ul>{notes}</ul>" if notes else ""
    )


def _levels(p: DealerPositioning) -> str:
    roots = ", ".join(f"{root:,.2f}" for root in p.zero_gamma)
    rows = [
        [
            "Zero gamma",
            _usd(p.zero_gamma_nearest),
            _STATUS_WORDS[p.zero_gamma_status] + (f" ({roots})" if roots else ""),
        ],
        ["Call wall", _usd(p.call_wall), "strike with the largest call gamma exposure"],
        ["Put wall", _usd(p.put_wall), "strike with the largest put gamma exposure"],
        ["Max pain", _usd(p.max_pain), f"first expiry alone: {_usd(p.max_pain_nearest_expiry)}"],
        ["Expected move", _usd(p.expected_move_usd), f"one session at {_percent(p.atm_implied_vol)} volatility"],
    ]
    return page.table(["Level", "USD", "What it is"], rows, numbers=(1,))


def _bands(p: DealerPositioning) -> str:
    names = (
        ("Gamma per 1%", "gamma_exposure_usd_per_pct"),
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


def _pictures(p: DealerPositioning) -> str:
    short = f"{p.underlying}, {p.as_of:%Y-%m-%d %H:%M} UTC, dealer model {p.dealer_model}"
    if p.modelled:
        short += ", modelled chain"
    shown = (
        (pictures.gamma_by_strike(p), "strikes", "Gamma exposure by strike", "Zoom out for the whole chain."),
        (
            pictures.profile(p),
            "profile",
            "Exposure profile",
            "Net gamma exposure at other prices, every contract re-priced. Above zero dealers sell rises, buy falls.",
        ),
        (pictures.gamma_by_expiry(p), "expiries", "Gamma exposure by expiry", "Above zero: dealers long gamma."),
    )
    return "".join(
        page.picture(pictures.figure_html(figure, name), name, title, f"{short}. {caption}")
        for figure, name, title, caption in shown
    )


def _usd(value: float) -> str:
    return f"{value:,.2f}" if math.isfinite(value) else "n/a"


def _percent(value: float) -> str:
    return f"{value:.1%}" if math.isfinite(value) else "n/a"


def _millions(value: float) -> str:
    """USD in millions, signed, with as many digits as matter."""
    if not math.isfinite(value):
        return "n/a"
    size = abs(value) / 1e6
    digits = 0 if size >= 100 else 1 if size >= 1 else 3
    return f"{value / 1e6:+,.{digits}f}"
