"""Dealer positioning as tables, and gamma by strike as a picture of bars."""

from __future__ import annotations

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lightning_gex.analytics.dealer_exposure import EXPOSURES
from lightning_gex.analytics.dealer_models import BOUNDS
from lightning_gex.analytics.exposure_tables import ExposuresByExpiry, ExposuresByStrike
from lightning_gex.analytics.positioning_result import DealerPositioning
from lightning_gex.app.cli.render import NOT_AVAILABLE, number, percent, titled_table
from lightning_gex.core.enums import ZeroGammaStatus
from lightning_gex.core.units import Float64Array1D
from lightning_gex.evaluation.picture_headline import warnings

BAR_ROWS = 21  # odd: the row in the middle holds spot
BAR_COLUMNS = 28  # to each side of zero
PICTURE_REACH = 0.08  # of spot, to both sides; farther strikes carry little gamma
EXPIRIES_SHOWN = 12  # nearest first
_DAYS_PER_YEAR = 365.0  # of the calendar clock that time to expiry is counted in
_WEIGHT_WORDS = {"open_interest": "open interest", "volume": "volume"}
_STATUS_WORDS = {
    ZeroGammaStatus.OK: "found",
    ZeroGammaStatus.NO_ROOT_NET_POSITIVE: "none within the grid: positive throughout",
    ZeroGammaStatus.NO_ROOT_NET_NEGATIVE: "none within the grid: negative throughout",
    ZeroGammaStatus.INSUFFICIENT_DATA: "not enough data",
}
_EXPOSURES = (
    ("gamma", "gamma_exposure_usd_per_pct", "USD per +1 % of spot"),
    ("delta", "delta_exposure_usd", "USD"),
    ("vanna", "vanna_exposure_usd_per_vol_point", "USD per +1 volatility point"),
    ("charm", "charm_exposure_usd_per_day", "USD per day"),
)
_SCALES = ((1e12, "tn"), (1e9, "bn"), (1e6, "m"), (1e3, "k"))


def show_positioning(found: DealerPositioning, console: Console, *, weight: str = "open_interest") -> None:
    """Print one chain's dealer positioning: exposures with their band, levels, expiries, strikes, what was assumed.

    Parameters
    ----------
    found : the positioning.
    console : where to print.
    weight : ``open_interest`` or ``volume``: what the figures by expiry and strike are weighed by.
    """
    by_strike, by_expiry = found.exposures_by_strike(weight), found.exposures_by_expiry(weight)
    console.print()
    title = Text(f"{found.underlying}  spot {found.spot:,.2f}  {found.as_of:%Y-%m-%d %H:%M} UTC", style="bold")
    if found.modelled:
        title.append("  modelled chain, not quoted by any market", style="yellow")
    console.print(title)
    console.print(
        f"{found.contracts_used:,} of {found.contracts_read:,} contracts used, "
        f"{percent(found.open_interest_coverage)} of open interest (of the evening of {found.open_interest_session}), "
        f"dealer model {found.dealer_model} version {found.dealer_model_version}",
        markup=False,
    )
    console.print()
    console.print(_exposures(found))
    console.print(_who_agrees(found), style="dim", markup=False)
    for sentence in sign_sentences(found):
        console.print(sentence, style="yellow", markup=False)
    console.print()
    console.print(_levels(found))
    console.print()
    console.print(_expiries(found, by_expiry, weight))
    hidden = len(by_expiry.expiry) - EXPIRIES_SHOWN
    if hidden > 0:
        console.print(f"{hidden} later expiries: --table expiry --out FILE", style="dim", markup=False)
    console.print()
    console.print(gamma_picture(by_strike, found.spot, weight, ascii_only=not _draws_blocks(console)))
    if found.refused:
        console.print()
        console.print(_refused(found))
    for note in found.notes:
        console.print(Text(f"note: {note}", style="dim"))


def usd(value: float) -> str:
    """An amount of USD with its sign in the largest fitting unit: ``+1.23 bn``; ``n/a`` where there is none."""
    for scale, unit in _SCALES:
        if abs(value) >= scale:
            return f"{value / scale:+,.2f} {unit}"
    return number(value, "{:+,.0f}")


def sign_sentences(found: DealerPositioning) -> tuple[str, ...]:
    """What must be said in whole sentences about the sign of net gamma; nothing where the models agree."""
    return tuple(said for said in warnings(found) if not said.startswith("Modelled"))


def _exposures(found: DealerPositioning) -> Table:
    """The four exposures with their band, and net gamma counted in other ways."""
    table = titled_table(
        "Dealers' exposure", "", found.dealer_model, "unit", "over all dealer models", _views_compared(found)
    )
    for label, name, unit in _EXPOSURES:
        value, band = getattr(found, name), found.dealer_model_band[name]
        agree = {True: "same sign", False: "opposite signs", None: NOT_AVAILABLE}[band.models_agree_on_sign]
        style = "yellow" if band.models_agree_on_sign is False else ""
        span = f"{usd(band.low)} .. {usd(band.high)}"
        table.add_row(label, Text(usd(value), style=_sign_style(value)), unit, span, Text(agree, style=style))
    others = (
        ("gamma, without 0DTE", found.gamma_exposure_ex_0dte_usd_per_pct, "what settles today left out"),
        ("gamma, by volume", found.gamma_exposure_by_volume_usd_per_pct, "the day's volume for open interest"),
        ("gamma, gross", found.gross_gamma_usd_per_pct, f"net is {percent(found.net_to_gross)} of it"),
    )
    for label, value, words in others:
        table.add_row(label, Text(usd(value), style=_sign_style(value)), "USD per +1 % of spot", words, "")
    return table


def _who_agrees(found: DealerPositioning) -> str:
    """Whose signs the last column does not compare: a band on both sides of zero beside *same sign* needs that said."""
    models = found.dealer_model_band["gamma_exposure_usd_per_pct"].by_model
    bounds = " and ".join(name for name in models if name in BOUNDS)
    return f"{bounds} bound the assumption: they widen the band and have no say in the last column" if bounds else ""


def _views_compared(found: DealerPositioning) -> str:
    """The dealer models with a view of their own."""
    models = found.dealer_model_band["gamma_exposure_usd_per_pct"].by_model
    return ", ".join(name for name in models if name not in BOUNDS)


def _levels(found: DealerPositioning) -> Table:
    table = titled_table("Levels", "", "USD", "from spot", "")
    roots = ", ".join(number(root) for root in found.zero_gamma)
    every = f"all: {roots}" if len(found.zero_gamma) > 1 else _STATUS_WORDS[found.zero_gamma_status]
    first = number(found.max_pain_nearest_expiry)
    rows = (
        ("zero gamma", found.zero_gamma_nearest, every),
        ("call wall", found.call_wall, "largest call gamma"),
        ("put wall", found.put_wall, "largest put gamma"),
        ("max pain", found.max_pain, f"least paid out, all expiries; the first alone {first}"),
    )
    for label, level, words in rows:
        table.add_row(label, number(level), number(level / found.spot - 1.0, "{:+.1%}"), words)
    sigma = f"one session, one sigma, {percent(found.atm_implied_vol)} a year at the money"
    straddle = f"until {found.straddle_expiry}, from the straddle: mean distance, not one sigma"
    moves = (
        ("expected move", found.expected_move_usd, sigma),
        ("straddle move", found.straddle_move_usd, "" if np.isnat(found.straddle_expiry) else straddle),
    )
    for label, move, words in moves:
        table.add_row(label, number(move), number(move / found.spot, "{:.1%}"), words)
    return table


def _expiries(found: DealerPositioning, exposures: ExposuresByExpiry, weight: str) -> Table:
    """Term structure and exposures of the nearest listed dates; of several roots the one with most contracts speaks."""
    title = f"By expiry ({_WEIGHT_WORDS[weight]})"
    table = titled_table(title, "expiry", "days", "ATM vol", "straddle move", "gamma", "delta", "vanna", "charm")
    terms = found.term_structure
    for i in range(min(len(exposures.expiry), EXPIRIES_SHOWN)):
        rows = np.flatnonzero((terms.expiry == exposures.expiry[i]) & (terms.contracts > 0))
        at = rows[int(terms.contracts[rows].argmax())]
        table.add_row(
            f"{exposures.expiry[i]}{' 0DTE' if terms.is_0dte[at] else ''}",
            number(float(terms.time_to_expiry_years[at]) * _DAYS_PER_YEAR, "{:.1f}"),
            percent(float(terms.atm_implied_vol[at])),
            number(float(terms.expected_move_usd[at])),
            *(Text(usd(float(v)), style=_sign_style(float(v))) for v in (getattr(exposures, n)[i] for n in EXPOSURES)),
        )
    return table


def gamma_picture(exposures: ExposuresByStrike, spot: float, weight: str, *, ascii_only: bool) -> Text:
    """Net gamma exposure by strike around spot, as bars to the left (negative) and right (positive) of zero.

    Parameters
    ----------
    exposures : by strike.
    spot : USD.
    weight : ``open_interest`` or ``volume``, for the title.
    ascii_only : draw with ``#`` where the terminal cannot show blocks.
    """
    centres, sums = _binned(exposures.strike, exposures.gamma_exposure_usd_per_pct, spot)
    largest = float(np.abs(sums).max()) if len(sums) else 0.0
    binned = not np.isin(centres, exposures.strike).all()
    bins = f", in bins of {centres[1] - centres[0]:,.2f} around spot" if binned else ""
    picture = Text(f"Gamma by strike ({_WEIGHT_WORDS[weight]}, USD per +1 % of spot{bins})\n", style="bold")
    if not largest > 0:
        return picture.append("no gamma near spot", style="not bold dim")
    block = "#" if ascii_only else "█"
    nearest = int(np.abs(centres - spot).argmin())
    for i in range(len(centres) - 1, -1, -1):
        bar = block * round(abs(sums[i]) / largest * BAR_COLUMNS)
        left, right = (bar.rjust(BAR_COLUMNS), " " * BAR_COLUMNS) if sums[i] < 0 else (" " * BAR_COLUMNS, bar)
        picture.append(f"{centres[i]:>10,.2f} {'>' if i == nearest else ' '} ", style="not bold")
        picture.append(left, style="not bold red")
        picture.append("|", style="not bold dim")
        picture.append(right.ljust(BAR_COLUMNS), style="not bold green")
        picture.append(f" {usd(float(sums[i]))}\n", style="not bold dim")
    picture.rstrip()
    return picture


def _binned(strike: Float64Array1D, gamma: Float64Array1D, spot: float) -> tuple[Float64Array1D, Float64Array1D]:
    """Rows of the picture, rising: the strikes themselves where they are few, else bins of them around spot."""
    near = np.abs(strike - spot) <= PICTURE_REACH * spot
    if 0 < np.count_nonzero(near) <= BAR_ROWS:
        return strike[near], gamma[near]
    width = 2.0 * PICTURE_REACH * spot / BAR_ROWS
    row = np.floor((strike - spot) / width + 0.5).astype(np.int64) + BAR_ROWS // 2
    inside = (row >= 0) & (row < BAR_ROWS)
    sums = np.bincount(row[inside], weights=gamma[inside], minlength=BAR_ROWS).astype(np.float64)
    centres = spot + width * (np.arange(BAR_ROWS, dtype=np.float64) - BAR_ROWS // 2)
    return centres.astype(np.float64), sums


def _refused(found: DealerPositioning) -> Table:
    table = titled_table("Refused", "reason", "rows")
    for reason, count in sorted(found.refused.items(), key=lambda item: -item[1]):
        table.add_row(reason.replace("_", " "), f"{count:,}")
    return table


def _sign_style(value: float) -> str:
    return "red" if value < 0 else "green" if value > 0 else "dim"


def _draws_blocks(console: Console) -> bool:
    return "utf" in (console.encoding or "").lower()
