"""From dealer positioning of one chain to what its pictures show."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from lightning_gex.analytics.dealer_exposure import summed_by
from lightning_gex.analytics.dealer_models import BOUNDS
from lightning_gex.analytics.exposure_profile import PricedContracts, profile
from lightning_gex.analytics.exposure_surface import exposure_surface
from lightning_gex.analytics.option_time import TimeClock
from lightning_gex.analytics.positioning_result import DealerPositioning
from lightning_gex.core.sessions import (
    NEW_YORK,
    session_close_utc,
    session_of,
    session_open_utc,
    sessions_from,
    to_aware,
    to_datetime64,
)
from lightning_gex.core.units import SECONDS_PER_YEAR, DateArray1D, Float64Array1D, Float64Array2D, Int64Array1D
from lightning_gex.evaluation.picture_data import Bars, HeatMap, HedgingFlow, NetBars, Profile, TermStructure
from lightning_gex.evaluation.picture_headline import Headline, headline, move_words, root_words
from lightning_gex.evaluation.picture_scale import (
    Mark,
    MarkKind,
    PriceRange,
    amount,
    bar_step,
    bar_width,
    binned,
    closest,
    gridded,
    money_unit,
    percent_text,
    price_text,
    round_above,
)

GAMMA_SHOWN = 0.85  # the first view holds this share of the gross gamma around spot
LEAST_REACH, MOST_REACH = 0.03, 0.20  # of spot: how far the first view reaches to either side
EDGE = 0.08  # of the farthest level's distance, so that no level stands on the frame
MOST_BARS = 80  # bars one can tell apart across a screen
MOST_CELLS = 60  # columns of a heat map
MAP_CELLS = 121  # prices of the map ahead
SIGMAS_AHEAD = 2.5  # standard deviations of spot that the map ahead reaches
SESSIONS_AHEAD = 8  # closes of the map ahead
MOST_EXPIRIES = 20  # rows of a heat map, columns of the term structure

SECONDS_PER_DAY = 86_400.0
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, slots=True, eq=False)
class PictureSet:
    """Everything a page or an image of one chain shows.

    Parameters
    ----------
    headline : what stands above.
    gamma : exposure by strike; profile : against spot; expiries : by strike and expiry; ahead : by price and coming
        close; drift : hedging flow as time passes; term : by series; vanna, charm : by strike.
    """

    headline: Headline
    gamma: Bars
    profile: Profile
    expiries: HeatMap
    ahead: HeatMap
    drift: HedgingFlow
    term: TermStructure
    vanna: NetBars
    charm: NetBars


def picture_set(p: DealerPositioning) -> PictureSet:
    """Everything to show of one chain's positioning; every price axis has the same range."""
    shown = price_range(p)
    ahead, drift = map_ahead(p, shown)
    return PictureSet(
        headline=headline(p),
        gamma=gamma_bars(p, shown),
        profile=profile_picture(p, shown),
        expiries=expiry_heat(p, shown),
        ahead=ahead,
        drift=drift,
        term=term_structure_picture(p),
        vanna=vanna_bars(p, shown),
        charm=charm_bars(p, shown),
    )


def levels(p: DealerPositioning) -> tuple[Mark, ...]:
    """Every level there is: spot, all zero gammas, walls, max pain."""
    pairs = [(MarkKind.SPOT, p.spot), *((MarkKind.ZERO_GAMMA, root) for root in p.zero_gamma)]
    pairs += [(MarkKind.CALL_WALL, p.call_wall), (MarkKind.PUT_WALL, p.put_wall), (MarkKind.MAX_PAIN, p.max_pain)]
    return tuple(Mark(kind, price) for kind, price in pairs if math.isfinite(price))


def price_range(p: DealerPositioning) -> PriceRange:
    """The prices all pictures show at first: around spot, most of the gamma, and every level that is not far off.

    Returns
    -------
    Equal ratios to both sides of spot, 3 % to 20 %.
    """
    gross = np.abs(p.call_gamma_by_strike) + np.abs(p.put_gamma_by_strike)
    away = np.abs(np.log(p.strike / p.spot))
    order = np.argsort(away, kind="stable")
    held = np.cumsum(gross[order])
    enough = int(np.searchsorted(held, GAMMA_SHOWN * held[-1])) if len(held) and held[-1] > 0 else 0
    reach = float(away[order][min(enough, len(away) - 1)]) if len(away) else 0.0
    far = (abs(math.log(mark.price / p.spot)) * (1.0 + EDGE) for mark in levels(p))
    reach = max(reach, math.log1p(LEAST_REACH), *(r for r in far if r <= math.log1p(MOST_REACH)))
    reach = min(reach, math.log1p(MOST_REACH))
    return PriceRange(p.spot * math.exp(-reach), p.spot * math.exp(reach))


def gamma_bars(p: DealerPositioning, shown: PriceRange) -> Bars:
    """Gamma exposure by strike around spot, with every level."""
    table, marks = p.exposures_by_strike(), levels(p)
    sides = np.array([table.call_gamma_usd_per_pct, table.put_gamma_usd_per_pct])
    step = bar_step(table.strike, shown, MOST_BARS)
    prices, (calls, puts) = binned(table.strike, sides, shown, step)
    unit = money_unit(_largest(calls, puts), "per 1 %")
    gross = float(np.abs(sides).sum())
    seen = float(np.abs(calls).sum() + np.abs(puts).sum())
    words = (
        f"Whole chain: calls {amount(float(sides[0].sum()))}, puts {amount(float(sides[1].sum()))}, net "
        f"{amount(p.gamma_exposure_usd_per_pct)} USD per 1 %; {percent_text(seen / gross if gross else math.nan)} of "
        "the gross amount is in view."
    )
    return Bars(
        title="Gamma exposure by strike",
        gist="Above zero dealers sell rises and buy falls; below zero they do the opposite.",
        caption=words + _step_words("bar", step) + _outside(marks, shown),
        shown=shown,
        prices=prices,
        width=bar_width(prices, step, shown),
        calls=unit.of(calls),
        puts=unit.of(puts),
        net=unit.of(calls + puts),
        unit=unit,
        marks=marks,
    )


def vanna_bars(p: DealerPositioning, shown: PriceRange) -> NetBars:
    """Vanna exposure by strike around spot."""
    words = (
        "Vanna exposure by strike",
        "Above zero dealers sell as volatility rises and buy as it falls.",
        f"Whole chain: {amount(p.vanna_exposure_usd_per_vol_point)} USD of delta per volatility point.",
    )
    values = p.exposures_by_strike().vanna_exposure_usd_per_vol_point
    return _net_bars(p, values, words, "per vol point", shown)


def charm_bars(p: DealerPositioning, shown: PriceRange) -> NetBars:
    """Charm exposure by strike around spot."""
    day = "day" if p.clock is TimeClock.CALENDAR else "session"
    words = (
        "Charm exposure by strike",
        "Above zero dealers sell as time passes; below zero they buy.",
        f"Whole chain: {amount(p.charm_exposure_usd_per_day)} USD of delta per {day}.",
    )
    values = p.exposures_by_strike().charm_exposure_usd_per_day
    return _net_bars(p, values, words, f"per {day}", shown)


def _net_bars(
    p: DealerPositioning, values: Float64Array1D, words: tuple[str, str, str], per: str, shown: PriceRange
) -> NetBars:
    title, gist, caption = words
    strikes = p.exposures_by_strike().strike
    step = bar_step(strikes, shown, MOST_BARS)
    prices, (net,) = binned(strikes, values[None, :], shown, step)
    unit = money_unit(_largest(net), per)
    return NetBars(
        title=title,
        gist=gist,
        caption=caption + _step_words("bar", step),
        shown=shown,
        prices=prices,
        width=bar_width(prices, step, shown),
        net=unit.of(net),
        unit=unit,
        marks=levels(p)[:1],
    )


def profile_picture(p: DealerPositioning, shown: PriceRange) -> Profile:
    """Net gamma against spot with every zero gamma, the expected move, and what the other dealer models would say."""
    views = views_of_profile(p)
    spread = np.array(list(views.values())) if len(views) > 1 else np.full((1, len(p.profile_spot)), np.nan)
    inside = (p.profile_spot >= shown.low) & (p.profile_spot <= shown.high)
    unit = money_unit(_largest(p.profile_gamma_usd_per_pct[inside], spread[:, inside]), "per 1 %")
    marks = tuple(mark for mark in levels(p) if mark.kind in (MarkKind.SPOT, MarkKind.ZERO_GAMMA))
    words = f"Each contract keeps its volatility. Zero gamma: {', '.join(root_words(p))}."
    if math.isfinite(p.expected_move_usd):
        words += f" Shaded around spot: one expected move ({move_words(p)[0]})."
    return Profile(
        title="Net gamma if spot moves",
        gist="Every contract re-priced at each price"
        + ("; grey: from one dealer model to another." if len(views) > 1 else "."),
        caption=words + _outside(marks, shown),
        shown=shown,
        prices=p.profile_spot,
        net=unit.of(p.profile_gamma_usd_per_pct),
        low=unit.of(spread.min(axis=0)),
        high=unit.of(spread.max(axis=0)),
        models=tuple(views) if len(views) > 1 else (),
        unit=unit,
        marks=marks,
        move=(p.spot - p.expected_move_usd, p.spot + p.expected_move_usd),
    )


def views_of_profile(p: DealerPositioning) -> dict[str, Float64Array1D]:
    """Net gamma at each price of the profile by every dealer model with a view that can tell on this chain.

    Returns
    -------
    Model name -> (m,) USD per 1 % at ``profile_spot``. Contracts whose sign a model cannot tell are left out
    of its line, as they are of its total.
    """
    priced = _priced(p)
    told = p.dealer_model_band["gamma_exposure_usd_per_pct"].by_model
    return {
        name: profile(p.profile_spot, replace(priced, shares=priced.shares * np.nan_to_num(sign)))
        for name, sign in p.contracts.sign_by_model.items()
        if name not in BOUNDS and math.isfinite(told[name])
    }


def _priced(p: DealerPositioning) -> PricedContracts:
    """The contracts as they are re-priced, with dealer sign +1."""
    contracts, terms = p.contracts, p.term_structure
    return PricedContracts(
        strike=contracts.strike,
        time_to_expiry_years=contracts.time_to_expiry_years,
        implied_vol=contracts.implied_vol,
        rate=terms.rate[contracts.series],
        dividend_yield=terms.dividend_yield[contracts.series],
        shares=contracts.open_interest * contracts.multiplier,
    )


def expiry_heat(p: DealerPositioning, shown: PriceRange) -> HeatMap:
    """Net gamma by strike and expiry: the expiries that hold most of it, in the order they come."""
    table = p.exposures_by_strike_and_expiry()
    gross = (np.abs(table.call_gamma_usd_per_pct) + np.abs(table.put_gamma_usd_per_pct)).sum(axis=0)
    chosen = most_gross(gross, MOST_EXPIRIES)
    both = np.vstack([table.gamma_exposure_usd_per_pct.T[chosen], table.contracts.T[chosen].astype(np.float64)])
    step, prices, cells = gridded(table.strike, both, shown, MOST_CELLS)
    net, held = cells[: len(chosen)], cells[len(chosen) :]
    unit = money_unit(_largest(net), "per 1 %")
    cells = unit.of(np.where(held > 0, net, np.nan))
    words = (
        f"{len(chosen)} of {len(table.expiry)} expiries, with {percent_text(_share(gross, chosen))} of the gross "
        "gamma. The colour grows with the root of the amount, the same way to both sides."
    )
    return HeatMap(
        title="Net gamma by strike and expiry",
        gist=_most_of(len(chosen), len(table.expiry), "expiries", "Which dates hold the gamma, and where")
        + "; empty: nothing held.",
        caption=words + _step_words("cell", step if step > closest(table.strike, shown) else 0.0),
        row_title="Expiry (date, days to it)",
        shown=shown,
        prices=prices,
        rows=expiry_labels(table.expiry[chosen], p),
        net=cells,
        limit=scale_limit(cells),
        unit=unit,
        marks=levels(p),
    )


def _most_of(shown: int, there: int, what: str, words: str) -> str:
    """The words, after how many are shown where it is not all: an image has no caption to say it."""
    return words if shown == there else f"The {shown} of {there} {what} with most gamma. {words}"


def term_structure_picture(p: DealerPositioning) -> TermStructure:
    """At-the-money volatility, straddle and net gamma of each series, those with most gamma where they are many."""
    terms = p.term_structure
    used = np.flatnonzero(terms.contracts > 0)
    gross = summed_by(p.contracts.series, np.abs(p.contracts.gross_gamma_usd_per_pct), len(terms))
    chosen = used[most_gross(gross[used], MOST_EXPIRIES)]
    gamma = terms.gamma_exposure_usd_per_pct[chosen]
    unit = money_unit(_largest(gamma), "per 1 %")
    doubled = np.isin(terms.expiry[chosen], _doubled(terms.expiry[used]))
    labels = [
        f"{root} {label}" if twice else label
        for label, root, twice in zip(expiry_labels(terms.expiry[chosen], p), terms.root[chosen], doubled, strict=True)
    ]
    return TermStructure(
        title="Term structure",
        gist=_most_of(len(chosen), len(used), "series", "What each expiry charges for a move, and the gamma it holds")
        + ".",
        caption=(
            f"{len(chosen)} of {len(used)} series, with {percent_text(_share(gross, chosen))} of the gross gamma. The "
            "straddle at the money is what the options charge for a move of that size either way by then."
        ),
        expiries=tuple(labels),
        atm_vol_pct=100.0 * terms.atm_implied_vol[chosen],
        straddle_pct=100.0 * terms.straddle_usd[chosen] / p.spot,
        net_gamma=unit.of(gamma),
        unit=unit,
    )


def map_ahead(p: DealerPositioning, shown: PriceRange) -> tuple[HeatMap, HedgingFlow]:
    """The coming sessions if nothing trades: net gamma by price at each close, and the flow that time alone brings.

    Open interest and every contract's volatility stand still; expiries settle on their way.
    """
    moments, labels = _moments_ahead(p)
    shown = _near(p, shown, moments[-1])
    prices = np.linspace(shown.low, shown.high, MAP_CELLS)
    priced = _priced(p)
    signed = replace(priced, shares=priced.shares * p.contracts.dealer_sign)
    surface = exposure_surface(p.spot, signed, p.contracts.is_call, moments, spots=prices)
    net, bought = surface.gamma_exposure_usd_per_pct, surface.charm_flow_usd[1:]
    unit = money_unit(_largest(net), "per 1 %")
    cells = unit.of(net)
    zero = tuple((root, row) for row, roots in enumerate(surface.zero_gamma) for root in roots if shown.holds(root))
    heat = HeatMap(
        title="Net gamma over the coming sessions",
        gist="If nothing trades from now on; dots: zero gamma at that moment.",
        caption=(
            "Open interest and each contract's volatility stand still, time passes and expiries settle. "
            "The colours mean the same as by strike and expiry, on a scale of their own."
        ),
        row_title="New York time; dates at the close",
        shown=shown,
        prices=prices,
        rows=labels,
        net=cells,
        limit=scale_limit(cells),
        unit=unit,
        marks=levels(p)[:1],
        zero=zero,
    )
    flow_unit = money_unit(_largest(bought))
    flow = HedgingFlow(
        title="Hedging drift",
        gist="What dealers buy (+) or sell as time passes.",
        caption=(
            "USD of the underlying that dealers buy (+) or sell until each close to stay hedged, if price and "
            "volatilities stand still: charm added up. What settles on the way counts up to its settlement."
            + ("" if p.clock is TimeClock.CALENDAR else " Nights and weekends pass here, as on the calendar.")
        ),
        moments=labels[1:],
        usd=flow_unit.of(bought),
        unit=flow_unit,
    )
    return heat, flow


def _near(p: DealerPositioning, shown: PriceRange, days: float) -> PriceRange:
    """The prices spot may well reach in so many days, and every zero gamma in the other pictures' range."""
    if not p.atm_implied_vol > 0:
        return shown
    years = max(days, 1.0) * SECONDS_PER_DAY / SECONDS_PER_YEAR
    reach = SIGMAS_AHEAD * p.atm_implied_vol * math.sqrt(years)
    roots = [abs(math.log(root / p.spot)) * (1.0 + EDGE) for root in p.zero_gamma if shown.holds(root)]
    reach = max(reach, *roots, 0.0)
    return PriceRange(p.spot * math.exp(-reach), p.spot * math.exp(reach))


def _moments_ahead(p: DealerPositioning) -> tuple[Float64Array1D, tuple[str, ...]]:
    """(1 + m,) calendar days from now and their labels: now, full hours of today's session, closes of the coming ones.

    Up to the last settlement and not with it: at that moment nothing is left.
    """
    now = to_datetime64(p.as_of)
    today = session_of(p.as_of)
    sessions = np.r_[today, sessions_from(today, SESSIONS_AHEAD)]
    opens, closes = session_open_utc(sessions[:1])[0], session_close_utc(sessions)
    hour = np.timedelta64(1, "h")
    hours = np.arange(max(now, opens).astype("datetime64[h]") + hour, closes[0], hour).astype(closes.dtype)
    moments = np.r_[hours, closes]
    names = [f"{_weekday(today)} {to_aware(at).astimezone(NEW_YORK):%H:%M}" for at in hours]
    names += [f"{_weekday(session)} {str(session)[5:]}" for session in sessions]
    last = p.term_structure.settles_at[p.term_structure.contracts > 0].max()
    ahead = np.flatnonzero((moments > now) & (moments < last))
    days = (moments[ahead] - now).astype(np.float64) / SECONDS_PER_DAY
    return np.r_[0.0, days], ("now", *(names[k] for k in ahead))


def _weekday(date: np.datetime64) -> str:
    return WEEKDAYS[int(date.astype(np.int64) + 3) % 7]  # 1970-01-01 was a Thursday


def expiry_labels(dates: DateArray1D, p: DealerPositioning) -> tuple[str, ...]:
    """``2026-08-21 24d`` for each listed date: calendar days from the chain's New York date."""
    today = np.datetime64(p.as_of.astimezone(NEW_YORK).date(), "D")
    return tuple(f"{date} {int((date - today).astype(np.int64))}d" for date in dates)


def most_gross(gross: Float64Array1D, most: int) -> Int64Array1D:
    """Positions of the largest values, at most so many, in their own order."""
    largest = np.argsort(-gross, kind="stable")[:most]
    return np.sort(largest)


def scale_limit(values: Float64Array2D) -> float:
    """A round number that no value exceeds, for both ends of a colour scale; 1 where there is nothing but zeros."""
    largest = _largest(values)
    return round_above(largest) if largest > 0 else 1.0


def _largest(*values: Float64Array1D | Float64Array2D) -> float:
    """The largest size among finite values; 0 where there is none."""
    return max((float(np.abs(v[np.isfinite(v)]).max(initial=0.0)) for v in values), default=0.0)


def _share(values: Float64Array1D, chosen: Int64Array1D) -> float:
    total = float(values.sum())
    return float(values[chosen].sum()) / total if total > 0 else math.nan


def _doubled(dates: DateArray1D) -> DateArray1D:
    """Dates listed under more than one root or settlement."""
    distinct, count = np.unique(dates, return_counts=True)
    return distinct[count > 1]


def _step_words(what: str, step: float) -> str:
    return f" A {what} sums the strikes of {price_text(step)} USD." if step else ""


def _outside(marks: tuple[Mark, ...], shown: PriceRange) -> str:
    """What no line shows because it lies too far off."""
    far = [mark.text for mark in marks if not shown.holds(mark.price)]
    return f" Outside the picture: {', '.join(far)}." if far else ""
