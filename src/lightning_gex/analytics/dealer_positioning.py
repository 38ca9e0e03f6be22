"""Where dealers stand in one option chain: exposures, zero gamma, walls, and how much of it is assumption."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np

from lightning_gex.analytics import dealer_models
from lightning_gex.analytics.black_scholes import greeks
from lightning_gex.analytics.contract_selection import Selection, select_contracts
from lightning_gex.analytics.dealer_exposure import EXPOSURES, GrossExposures, gross_exposures, summed_by
from lightning_gex.analytics.dealer_models import DealerModel
from lightning_gex.analytics.exposure_profile import PricedContracts, ZeroGamma, profile, spot_grid, zero_gamma
from lightning_gex.analytics.levels import (
    atm_implied_vol,
    constant_maturity_vol,
    expected_move_usd,
    max_pain,
    wall,
)
from lightning_gex.analytics.option_time import TimeClock, time_to_expiry_years
from lightning_gex.analytics.parity import ForwardCurve, forward_curve
from lightning_gex.analytics.positioning_result import DealerPositioning, ExposureBand
from lightning_gex.core.chain import OptionChain
from lightning_gex.core.errors import InsufficientDataError, SettingsError
from lightning_gex.core.sessions import NEW_YORK, session_of, sessions_between
from lightning_gex.core.units import SESSIONS_PER_YEAR, Float64Array1D

COVERAGE_FLOOR = 0.8  # share of open interest that must be usable before a figure is given
LEAST_REACH = 0.05  # strikes must reach this far from spot on both sides: a cut chain has no walls and no zero gamma
_MONTH = np.timedelta64(31, "D")


def positioning(
    chain: OptionChain,
    *,
    dealer_model: str | DealerModel = "naive",
    clock: TimeClock = TimeClock.CALENDAR,
    coverage_floor: float = COVERAGE_FLOOR,
) -> DealerPositioning:
    """Dealer positioning of one chain.

    Parameters
    ----------
    chain : one underlying at one moment.
    dealer_model : who holds what: a registered name (naive, inverted, unsigned, volume_signed) or a model.
    clock : which time makes options decay. Prices, gamma, delta and vanna do not depend on it; charm does.
    coverage_floor : share of open interest that must be usable, and of contracts whose open interest must be known.

    Returns
    -------
    DealerPositioning. It does not depend on the order of the contracts.

    Raises
    ------
    InsufficientDataError : no usable contract, no open interest, only calls or only puts, too little coverage, or
        strikes that do not reach 5 % to both sides of spot.
    SettingsError : unknown dealer model, or one whose signs are not (n,) values in [-1, 1].
    """
    chain = _in_key_order(chain)
    model = dealer_models.by_name(dealer_model) if isinstance(dealer_model, str) else dealer_model
    curve = forward_curve(chain)
    selection = _with_known_sign(select_contracts(chain, curve), chain, signs := _signs(model, chain))
    _require_enough(chain, selection, coverage_floor)
    book = _Book.of(chain, curve, selection, clock)
    sign = signs[selection.used]
    band = _band(book, model, sign, coverage_floor)
    return _assemble(chain, curve, selection, book, model, sign, clock, band)


def levels_features(result: DealerPositioning) -> dict[str, float]:
    """One chain's figures under the names of ``core.features.CHAIN_FEATURES``; NaN where there is no answer.

    ``zero_gamma`` is the root nearest to spot; ``dealer_models_agree`` is 1, 0, or NaN where fewer than two models
    with a view could tell.
    """
    agree = result.models_agree_on_sign
    return {
        "gamma_exposure_usd_per_pct": result.gamma_exposure_usd_per_pct,
        "zero_gamma": result.zero_gamma_nearest,
        "call_wall": result.call_wall,
        "put_wall": result.put_wall,
        "dealer_models_agree": math.nan if agree is None else float(agree),
    }


@dataclass(frozen=True, slots=True, eq=False)
class _Book:
    """The used contracts, priced: what every figure is summed from."""

    chain: OptionChain
    contracts: PricedContracts  # with dealer sign +1
    gross: GrossExposures
    by_volume: Float64Array1D
    group: np.ndarray

    @classmethod
    def of(cls, chain: OptionChain, curve: ForwardCurve, selection: Selection, clock: TimeClock) -> _Book:
        used = selection.used
        part = _picked(chain, used)
        years, vol = curve.contract_years[used], selection.implied_vol[used]
        rate, dividend = curve.rate[used], curve.dividend_yield[used]
        values = greeks(chain.spot, part.strike, years, vol, rate, dividend, part.is_call)
        charm = values.charm
        if clock is not TimeClock.CALENDAR:
            charm = _charm_of_clock(part, clock, years, vol, rate, dividend)
        gross = gross_exposures(
            values,
            spot=chain.spot,
            contracts=part.open_interest,
            multiplier=part.multiplier,
            charm=charm,
            days_per_year=clock.days_per_year,
        )
        volume = gross_exposures(values, spot=chain.spot, contracts=part.volume, multiplier=part.multiplier)
        shares = part.open_interest * part.multiplier
        return cls(
            chain=part,
            contracts=PricedContracts(part.strike, years, vol, rate, dividend, shares),
            gross=gross,
            by_volume=volume.gamma_exposure_usd_per_pct,
            group=curve.group[used],
        )


def _charm_of_clock(
    part: OptionChain,
    clock: TimeClock,
    years: Float64Array1D,
    vol: Float64Array1D,
    rate: Float64Array1D,
    dividend: Float64Array1D,
) -> Float64Array1D:
    """(n,) delta per year of the clock, with today's total variance and carry kept: only their decay is re-timed."""
    own = time_to_expiry_years(part.as_of, part.settles_at, clock)
    scale = np.divide(years, own, out=np.full(len(years), np.nan), where=own > 0)
    timed = greeks(part.spot, part.strike, own, vol * np.sqrt(scale), rate * scale, dividend * scale, part.is_call)
    # Nothing decays before the next session where none is left until settlement.
    return np.where(own > 0, timed.charm, 0.0)


def _in_key_order(chain: OptionChain) -> OptionChain:
    """The chain sorted by contract key (and everything else, for doubled keys): sums then have one order."""
    _, root = np.unique(chain.root, return_inverse=True)
    key = (chain.strike, chain.is_call, chain.settles_at, chain.expiry, root)
    order = np.lexsort(key)
    doubled = np.ones(max(len(chain) - 1, 0), dtype=np.bool_)
    for column in key:
        doubled &= column[order][1:] == column[order][:-1]
    if doubled.any():
        rest = (chain.multiplier, chain.volume, chain.open_interest, chain.implied_vol, chain.ask, chain.bid)
        order = np.lexsort((*rest, *key))
    return _picked(chain, order)


def _picked(chain: OptionChain, rows: np.ndarray) -> OptionChain:
    return replace(
        chain,
        root=chain.root[rows],
        expiry=chain.expiry[rows],
        settles_at=chain.settles_at[rows],
        is_call=chain.is_call[rows],
        strike=chain.strike[rows],
        bid=chain.bid[rows],
        ask=chain.ask[rows],
        implied_vol=chain.implied_vol[rows],
        open_interest=chain.open_interest[rows],
        volume=chain.volume[rows],
        multiplier=chain.multiplier[rows],
    )


def _signs(model: DealerModel, chain: OptionChain) -> Float64Array1D:
    signs = np.asarray(model.position_sign(chain), dtype=np.float64)
    if signs.shape != (len(chain),) or (np.abs(signs) > 1.0).any():
        raise SettingsError(f"dealer model {model.name!r} must give one sign in [-1, 1] (or NaN) a contract")
    return signs


def _with_known_sign(selection: Selection, chain: OptionChain, signs: Float64Array1D) -> Selection:
    """The selection without contracts whose sign the chosen model cannot tell."""
    unknown = selection.used & np.isnan(signs)
    if not unknown.any():
        return selection
    used = selection.used & ~unknown
    vendor = unknown & (chain.implied_vol == selection.implied_vol)
    total = float(chain.open_interest[selection.counted].sum())
    return replace(
        selection,
        used=used,
        vendor_vols=selection.vendor_vols - int(vendor.sum()),
        solved_vols=selection.solved_vols - int((unknown & ~vendor).sum()),
        refused={**selection.refused, "dealer_sign_unknown": int(unknown.sum())},
        coverage=float(chain.open_interest[used].sum()) / total if total > 0 else math.nan,
    )


def _require_enough(chain: OptionChain, selection: Selection, floor: float) -> None:
    """Refuse to answer from too little."""
    if len(chain) == 0:
        raise InsufficientDataError("the chain holds no contracts", source=chain.source)
    refused = ", ".join(f"{count} {reason}" for reason, count in selection.refused.items()) or "none"
    if math.isnan(selection.open_interest_known):
        raise InsufficientDataError(f"no contract has sound terms (refused: {refused})", source=chain.source)
    if selection.open_interest_known < floor:
        raise InsufficientDataError(
            f"open interest is known for {selection.open_interest_known:.1%} of the contracts, {floor:.0%} wanted",
            source=chain.source,
            field="open_interest",
        )
    if not chain.open_interest[selection.counted].sum() > 0:
        raise InsufficientDataError("no open interest in the whole chain", source=chain.source, field="open_interest")
    if not selection.coverage >= floor:
        raise InsufficientDataError(
            f"only {selection.coverage:.1%} of the open interest has a usable volatility, at least {floor:.0%} wanted "
            f"(refused: {refused})",
            source=chain.source,
        )
    _require_whole(chain, selection)


def _require_whole(chain: OptionChain, selection: Selection) -> None:
    """Refuse a cut chain."""
    calls = selection.used & chain.is_call
    if not calls.any() or calls.sum() == selection.used.sum():
        missing = "puts" if calls.any() else "calls"
        raise InsufficientDataError(f"the chain has no usable {missing}", source=chain.source)
    strikes = chain.strike[selection.counted]
    low, high = chain.spot * (1 - LEAST_REACH), chain.spot * (1 + LEAST_REACH)
    if strikes.min() > low or strikes.max() < high:
        raise InsufficientDataError(
            f"strikes {strikes.min():g} .. {strikes.max():g} do not reach {low:g} .. {high:g} (5 % to both sides of "
            f"spot {chain.spot:g}): the chain is cut",
            source=chain.source,
            field="strike",
        )


def _band(book: _Book, chosen: DealerModel, sign: Float64Array1D, floor: float) -> dict[str, ExposureBand]:
    """Each exposure under every registered model and the chosen one."""
    models = {model.name: model for model in dealer_models.all_models()}
    models[chosen.name] = chosen
    values: dict[str, dict[str, float]] = {}
    interest = book.chain.open_interest
    for name, model in models.items():
        signs = sign if model is chosen else _signs(model, book.chain)
        told = float(interest[np.isfinite(signs)].sum()) >= floor * float(interest.sum())
        values[name] = book.gross.totals(signs) if told else dict.fromkeys(EXPOSURES, math.nan)
    return {exposure: _band_of({name: total[exposure] for name, total in values.items()}) for exposure in EXPOSURES}


def _band_of(by_model: dict[str, float]) -> ExposureBand:
    known = [value for value in by_model.values() if math.isfinite(value)]
    views = [v for name, v in by_model.items() if name not in dealer_models.BOUNDS and math.isfinite(v)]
    agree = None if len(views) < 2 else len({math.copysign(1.0, v) if v else 0.0 for v in views}) == 1
    return ExposureBand(min(known, default=math.nan), max(known, default=math.nan), by_model, agree)


def _assemble(
    chain: OptionChain,
    curve: ForwardCurve,
    selection: Selection,
    book: _Book,
    model: DealerModel,
    sign: Float64Array1D,
    clock: TimeClock,
    band: dict[str, ExposureBand],
) -> DealerPositioning:
    signed = replace(book.contracts, shares=sign * book.contracts.shares)
    roots = zero_gamma(chain.spot, signed)
    return DealerPositioning(
        underlying=chain.underlying,
        spot=chain.spot,
        as_of=chain.as_of,
        contracts_read=chain.contracts_read,
        contracts_used=int(selection.used.sum()),
        open_interest_coverage=selection.coverage,
        open_interest_session=_open_interest_session(chain.as_of),
        vendor_vols=selection.vendor_vols,
        solved_vols=selection.solved_vols,
        dealer_model=model.name,
        dealer_model_version=model.version,
        clock=clock,
        **_named(book.gross.totals(sign)),
        **_apart(book, sign),
        zero_gamma=roots.roots,
        zero_gamma_nearest=roots.nearest,
        zero_gamma_status=roots.status,
        **_levels(chain, selection, book),
        **_volatility(book, curve),
        dealer_model_band=band,
        refused=dict(Counter(chain.refused) + Counter(selection.refused)),
        **_by_strike(book, sign),
        **_by_expiry(book, sign),
        profile_spot=(grid := spot_grid(chain.spot)),
        profile_gamma_usd_per_pct=profile(grid, signed),
        notes=_notes(chain, curve, selection, book, roots, band, clock),
        modelled=chain.modelled,
        source=chain.source,
    )


def _named(totals: dict[str, float]) -> dict[str, Any]:
    return dict(totals)


def _apart(book: _Book, sign: Float64Array1D) -> dict[str, Any]:
    """Gamma by the day's volume, and without what settles today."""
    today = np.datetime64(book.chain.as_of.astimezone(NEW_YORK).date(), "D")
    later = book.chain.expiry != today
    gamma = sign * book.gross.gamma_exposure_usd_per_pct
    traded = np.isfinite(book.by_volume)
    return {
        "gamma_exposure_by_volume_usd_per_pct": float(np.sum((sign * book.by_volume)[traded]))
        if traded.any()
        else math.nan,
        "gamma_exposure_ex_0dte_usd_per_pct": float(np.sum(np.where(later, gamma, 0.0))),
    }


def _levels(chain: OptionChain, selection: Selection, book: _Book) -> dict[str, Any]:
    strikes, at = np.unique(book.chain.strike, return_inverse=True)
    size = book.gross.gamma_exposure_usd_per_pct
    calls = summed_by(at, np.where(book.chain.is_call, size, 0.0), len(strikes))
    puts = summed_by(at, np.where(book.chain.is_call, 0.0, size), len(strikes))
    # Max pain needs no volatility: every contract with known open interest counts.
    whole = _picked(chain, selection.counted)
    first = _picked(whole, whole.settles_at == whole.settles_at.min())
    return {
        "call_wall": wall(strikes, calls, chain.spot),
        "put_wall": wall(strikes, puts, chain.spot),
        "max_pain": max_pain(whole.strike, whole.is_call, whole.open_interest, whole.multiplier, chain.spot),
        "max_pain_nearest_expiry": max_pain(
            first.strike, first.is_call, first.open_interest, first.multiplier, chain.spot
        ),
    }


def _volatility(book: _Book, curve: ForwardCurve) -> dict[str, Any]:
    atm = atm_implied_vol(book.contracts.strike, book.contracts.implied_vol, book.group, curve.forward)
    month = constant_maturity_vol(curve.time_to_expiry_years, atm)
    move = expected_move_usd(book.chain.spot, month, 1.0 / SESSIONS_PER_YEAR)
    return {"atm_implied_vol": month, "expected_move_usd": move}


def _by_strike(book: _Book, sign: Float64Array1D) -> dict[str, Any]:
    strikes, at = np.unique(book.chain.strike, return_inverse=True)
    gamma = sign * book.gross.gamma_exposure_usd_per_pct
    return {
        "strike": strikes,
        "call_gamma_by_strike": summed_by(at, np.where(book.chain.is_call, gamma, 0.0), len(strikes)),
        "put_gamma_by_strike": summed_by(at, np.where(book.chain.is_call, 0.0, gamma), len(strikes)),
    }


def _by_expiry(book: _Book, sign: Float64Array1D) -> dict[str, Any]:
    dates, at = np.unique(book.chain.expiry, return_inverse=True)
    return {
        "expiry": dates,
        "gamma_by_expiry": summed_by(at, sign * book.gross.gamma_exposure_usd_per_pct, len(dates)),
        "delta_by_expiry": summed_by(at, sign * book.gross.delta_exposure_usd, len(dates)),
        "vanna_by_expiry": summed_by(at, sign * book.gross.vanna_exposure_usd_per_vol_point, len(dates)),
        "charm_by_expiry": summed_by(at, sign * book.gross.charm_exposure_usd_per_day, len(dates)),
    }


def _open_interest_session(as_of: datetime) -> np.datetime64:
    """The session before the one quoted: clearing publishes open interest overnight."""
    today = session_of(as_of)
    before = sessions_between(today - _MONTH, today - np.timedelta64(1, "D"))
    last: np.datetime64 = before[-1]
    return last


def _notes(
    chain: OptionChain,
    curve: ForwardCurve,
    selection: Selection,
    book: _Book,
    roots: ZeroGamma,
    band: dict[str, ExposureBand],
    clock: TimeClock,
) -> tuple[str, ...]:
    notes = []
    if chain.modelled:
        notes.append("no market quoted this chain: a model made it")
    if len(np.unique(book.chain.expiry)) == 1:
        notes.append(f"a single expiry, {book.chain.expiry[0]}: exposures and levels are that expiry's alone")
    else:
        notes.append("max pain takes all expiries together; the nearest expiry's stands beside it")
    if selection.solved_vols:
        everything = selection.solved_vols + selection.vendor_vols
        notes.append(f"{selection.solved_vols} of {everything} volatilities solved from quotes")
    if clock is TimeClock.TRADING:
        notes.append("charm is per session of trading time: nights and weekends decay nothing")
        before_the_open = time_to_expiry_years(chain.as_of, book.chain.settles_at, clock) <= 0
        if before_the_open.any():
            notes.append(
                f"{int(before_the_open.sum())} contracts settle before the next session trades: no charm counted"
            )
    notes.extend(curve.notes)
    if len(roots.roots) > 1:
        notes.append(f"net gamma changes sign at {len(roots.roots)} prices")
    gamma = band["gamma_exposure_usd_per_pct"]
    if gamma.models_agree_on_sign is False:
        notes.append("dealer models disagree on the sign of net gamma")
    silent = sorted(name for name, value in gamma.by_model.items() if math.isnan(value))
    if silent:
        notes.append(f"dealer models that cannot tell on this chain: {', '.join(silent)}")
    return tuple(notes)
