"""The stages from selected contracts to figures, compiled; each runs over any number of underlyings in a row.

A chain is a book with one underlying and a market one with thousands: both go through the same stages, in
``positioning_run``. Each stage is a kernel of its own with few columns, so that the compiler is done in seconds. Starts
count from 0; ``status`` (u,) holds codes of ``ScanStatus``, and an underlying that is not OK gets no figures.
"""

from __future__ import annotations

from enum import IntEnum

import numba
import numpy as np

from lightning_gex.analytics.contract_selection import COUNTED_FROM, ContractStatus
from lightning_gex.analytics.dealer_exposure import ONE_PER_CENT, ONE_VOL_POINT
from lightning_gex.analytics.dealer_models import INVERTED, UNSIGNED
from lightning_gex.analytics.exposure_profile import GRID_WIDTH
from lightning_gex.analytics.levels import (
    REFERENCE_DAYS,
    atm_vol_of_series,
    constant_maturity_kernel,
    max_pain_kernel,
    straddle_of_series,
    strike_ladder_kernel,
    wall_kernel,
)
from lightning_gex.analytics.positioned_contracts import LARGEST_COUNT, VolSource
from lightning_gex.analytics.zero_gamma import zero_gamma_kernel
from lightning_gex.core.units import (
    BoolArray1D,
    Float64Array1D,
    Float64Array2D,
    Int8Array1D,
    Int64Array1D,
    Int64Array2D,
)

LEAST_REACH = 0.05  # strikes must reach this far from spot on both sides: a cut chain has no walls and no zero gamma
_USED, _STRIKE_INVALID = int(ContractStatus.USED), int(ContractStatus.STRIKE_INVALID)
_MULTIPLIER_INVALID, _SIGN_UNKNOWN = int(ContractStatus.MULTIPLIER_INVALID), int(ContractStatus.DEALER_SIGN_UNKNOWN)
_INTEREST_MISSING = int(ContractStatus.OPEN_INTEREST_MISSING)
_VENDOR = int(VolSource.VENDOR)
_MONTH_YEARS = REFERENCE_DAYS / 365.0


class ScanStatus(IntEnum):
    """Whether an underlying has figures, or the first reason why not."""

    OK = 0
    NO_CONTRACTS = 1  # the chain holds none
    NO_SOUND_TERMS = 2  # not one has a usable strike and multiplier
    OPEN_INTEREST_UNKNOWN = 3  # given for too few contracts
    NO_OPEN_INTEREST = 4  # nobody holds anything
    TOO_LITTLE_COVERAGE = 5  # too little of the open interest has a volatility and a dealer sign
    NO_CALLS = 6
    NO_PUTS = 7
    CUT_CHAIN = 8  # strikes do not reach 5 % to both sides of spot


_OK, _NO_CONTRACTS, _NO_TERMS, _UNKNOWN, _NO_INTEREST, _COVERAGE, _NO_CALLS, _NO_PUTS, _CUT = (
    int(status) for status in ScanStatus
)


@numba.njit(cache=True, error_model="numpy", nogil=True)
def refuse_unsigned_kernel(sign: Float64Array1D, contract_status: Int8Array1D, implied_vol: Float64Array1D) -> None:
    """Refuses the used contracts whose sign the chosen model cannot tell."""
    for i in range(sign.size):
        if contract_status[i] == _USED and sign[i] != sign[i]:
            contract_status[i], implied_vol[i] = _SIGN_UNKNOWN, np.nan


@numba.njit(cache=True, error_model="numpy", nogil=True)
def weigh_kernel(
    strike: Float64Array1D,
    open_interest: Float64Array1D,
    multiplier: Float64Array1D,
    contract_status: Int8Array1D,
    sound_strike: Float64Array1D,
    used_shares: Float64Array1D,
    known_shares: Float64Array1D,
) -> None:
    """Strikes, NaN for unsound ones; shares under used contracts, and under all of known open interest, else 0."""
    for i in range(strike.size):
        code = contract_status[i]
        shares = open_interest[i] * multiplier[i]
        sound_strike[i] = np.nan if code == _STRIKE_INVALID else strike[i]
        used_shares[i] = shares if code == _USED else 0.0
        known_shares[i] = shares if code == _USED or code >= COUNTED_FROM else 0.0


@numba.njit(cache=True, error_model="numpy", nogil=True)
def tally_kernel(
    contract_start: Int64Array1D,
    strike: Float64Array1D,
    open_interest: Float64Array1D,
    is_call: BoolArray1D,
    vol_source: Int8Array1D,
    contract_status: Int8Array1D,
    refused: Int64Array2D,
    calls: Int64Array1D,
    vendor_vols: Int64Array1D,
    reach: Float64Array2D,
    coverage: Float64Array1D,
) -> None:
    """Contracts of each underlying by status (u, statuses); used calls and vendor volatilities (u,); and over the
    contracts of known open interest the least and greatest strike (u, 2), NaN without any, and the used share of that
    open interest (u,), NaN where it is 0."""
    for u in range(calls.size):
        known, used = 0.0, 0.0
        low, high = np.inf, -np.inf
        count, called, given = 0, 0, 0
        for i in range(contract_start[u], contract_start[u + 1]):
            code = contract_status[i]
            if code == _USED:
                count += 1
                used += open_interest[i]
                called += is_call[i]
                given += vol_source[i] == _VENDOR
            else:
                refused[u, code] += 1
                if code < COUNTED_FROM:
                    continue
            known += open_interest[i]
            low, high = min(low, strike[i]), max(high, strike[i])
        refused[u, _USED] = count
        calls[u], vendor_vols[u] = called, given
        reach[u, 0], reach[u, 1] = (low, high) if high > -np.inf else (np.nan, np.nan)
        coverage[u] = used / known if known > 0.0 else np.nan


@numba.njit(cache=True, error_model="numpy", nogil=True)
def judge_kernel(
    spot: Float64Array1D,
    floor: float,
    refused: Int64Array2D,
    calls: Int64Array1D,
    reach: Float64Array2D,
    coverage: Float64Array1D,
    known: Float64Array1D,
    status: Int8Array1D,
) -> None:
    """Share of contracts whose open interest is given, and whether each underlying has enough for an answer."""
    for u in range(spot.size):
        count = refused[u]
        contracts = count.sum()
        sound = contracts - count[_STRIKE_INVALID] - count[_MULTIPLIER_INVALID]
        known[u] = (sound - count[_INTEREST_MISSING]) / sound if sound > 0 else np.nan
        if contracts == 0:
            status[u] = _NO_CONTRACTS
        elif sound == 0:
            status[u] = _NO_TERMS
        elif known[u] < floor:
            status[u] = _UNKNOWN
        elif coverage[u] != coverage[u]:
            status[u] = _NO_INTEREST
        elif not coverage[u] >= floor:
            status[u] = _COVERAGE
        elif calls[u] == 0:
            status[u] = _NO_CALLS
        elif calls[u] == count[_USED]:
            status[u] = _NO_PUTS
        elif reach[u, 0] > spot[u] * (1.0 - LEAST_REACH) or reach[u, 1] < spot[u] * (1.0 + LEAST_REACH):
            status[u] = _CUT
        else:
            status[u] = _OK


@numba.njit(cache=True, error_model="numpy", nogil=True)
def sum_models_kernel(
    contract_start: Int64Array1D,
    status: Int8Array1D,
    floor: float,
    spot: Float64Array1D,
    days_per_year: float,
    open_interest: Float64Array1D,
    contract_status: Int8Array1D,
    used_shares: Float64Array1D,
    greeks: Float64Array2D,
    kind: Int64Array1D,
    sign: Float64Array2D,
    gross_gamma: Float64Array1D,
    spare: Float64Array1D,
    by_model: np.ndarray,
) -> None:
    """Exposures of each underlying under each model, (u, m, e) in the order of ``EXPOSURES``.

    Fills ``gross_gamma`` (n,), USD per 1 % with dealer sign +1, 0 where a contract is not used; unknown signs (m, n)
    become 0. A model that cannot tell the sign of ``floor`` of the used open interest gives no figure. The first model
    is ``naive``; ``inverted`` is its mirror. ``greeks`` (4, n) are gamma, delta, vanna, charm, NaN where not used.
    """
    for u in range(status.size):
        a, b = contract_start[u], contract_start[u + 1]
        S, shares = spot[u], used_shares[a:b]
        scales = (S * S * ONE_PER_CENT, S, S * ONE_VOL_POINT, S / days_per_year)
        for e in range(len(scales)):
            # One exposure after the other, so that a row is summed while it is in the nearest cache.
            gross = gross_gamma[a:b] if e == 0 else spare[: b - a]
            _fill_gross(greeks[e, a:b], shares, scales[e], gross)
            for m in range(kind.size):
                told = 1.0
                if e == 0 and kind[m] > UNSIGNED:
                    told = _told_share(open_interest[a:b], contract_status[a:b], sign[m, a:b])
                silent = told < floor or (e > 0 and by_model[u, m, 0] != by_model[u, m, 0])
                if status[u] != _OK or silent:
                    continue
                if kind[m] == UNSIGNED:
                    by_model[u, m, e] = total(gross)
                elif kind[m] == INVERTED:
                    by_model[u, m, e] = -by_model[u, 0, e]
                else:
                    by_model[u, m, e] = dot(sign[m, a:b], gross)


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _fill_gross(greek: Float64Array1D, shares: Float64Array1D, scale: float, out: Float64Array1D) -> None:
    for i in range(out.size):
        value = greek[i] * shares[i] * scale
        out[i] = value if value == value else 0.0


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _told_share(interest: Float64Array1D, contract_status: Int8Array1D, sign: Float64Array1D) -> float:
    """Share of the used open interest whose sign is known; other signs become 0."""
    told, everything = 0.0, 0.0
    for i in range(sign.size):
        known = sign[i] == sign[i]
        held = interest[i] if contract_status[i] == _USED else 0.0
        sign[i] = sign[i] if known else 0.0
        told += held if known else 0.0
        everything += held
    return told / everything if everything > 0.0 else 1.0


# Sums may be added in any order: the compiler then uses its lanes. The order depends on n alone, so that the same
# contracts give the same digits in a chain and in a market, and the mirror position the same with the other sign.


@numba.njit(cache=True, error_model="numpy", nogil=True, fastmath={"reassoc", "nsz"})
def dot(x: Float64Array1D, y: Float64Array1D) -> float:
    """Sum of the products of two (n,) columns."""
    out = 0.0
    for i in range(x.size):
        out += x[i] * y[i]
    return out


@numba.njit(cache=True, error_model="numpy", nogil=True, fastmath={"reassoc", "nsz"})
def total(x: Float64Array1D) -> float:
    """Sum of an (n,) column."""
    out = 0.0
    for i in range(x.size):
        out += x[i]
    return out


@numba.njit(cache=True, error_model="numpy", nogil=True)
def sum_apart_kernel(
    series_start: Int64Array1D,
    underlying_start: Int64Array1D,
    status: Int8Array1D,
    is_0dte: BoolArray1D,
    sign: Float64Array1D,
    gross_gamma: Float64Array1D,
    gamma_ex_0dte: Float64Array1D,
    gross: Float64Array1D,
) -> None:
    """Gamma of each underlying without what settles today, and gross, (u,); what settles today stands first."""
    for u in range(status.size):
        if status[u] != _OK:
            continue
        first, last = underlying_start[u], underlying_start[u + 1]
        a, b = series_start[first], series_start[last]
        later = first
        while later < last and is_0dte[later]:
            later += 1
        c = series_start[later]
        gamma_ex_0dte[u] = dot(sign[c:b], gross_gamma[c:b])
        gross[u] = total(gross_gamma[a:b])


@numba.njit(cache=True, error_model="numpy", nogil=True)
def sum_traded_kernel(
    contract_start: Int64Array1D,
    status: Int8Array1D,
    scale: Float64Array1D,
    sign: Float64Array1D,
    gamma: Float64Array1D,
    volume: Float64Array1D,
    multiplier: Float64Array1D,
    out: Float64Array1D,
) -> None:
    """Gamma of each underlying by the day's volume (u,); NaN where no used contract's volume is known.

    ``gamma`` is NaN where a contract is not used, ``scale`` (u,) what turns gamma times shares into USD per 1 %.
    """
    for u in range(status.size):
        a, b = contract_start[u], contract_start[u + 1]
        if status[u] == _OK:
            net, known = _traded(sign[a:b], gamma[a:b], volume[a:b], multiplier[a:b])
            out[u] = net * scale[u] if known > 0.0 else np.nan


@numba.njit(cache=True, error_model="numpy", nogil=True, fastmath={"reassoc", "nsz"})
def _traded(
    sign: Float64Array1D, gamma: Float64Array1D, volume: Float64Array1D, multiplier: Float64Array1D
) -> tuple[float, float]:
    """Sum of signed gamma x shares traded over the contracts with both, and how many these are."""
    net, known = 0.0, 0.0
    for i in range(sign.size):
        fit = (volume[i] >= 0.0) & (volume[i] <= LARGEST_COUNT) & (gamma[i] == gamma[i])
        value = sign[i] * gamma[i] * volume[i] * multiplier[i]
        net += value if fit else 0.0
        known += 1.0 if fit else 0.0
    return net, known


@numba.njit(cache=True, error_model="numpy", nogil=True)
def count_dates_kernel(
    series_start: Int64Array1D,
    underlying_start: Int64Array1D,
    expiry: Int64Array1D,
    contract_status: Int8Array1D,
    holds: BoolArray1D,
    dates: Int64Array1D,
) -> None:
    """How many distinct listed dates of each underlying hold used contracts (u,); ``holds`` (g,) is scratch."""
    for u in range(dates.size):
        first, last = underlying_start[u], underlying_start[u + 1]
        for g in range(first, last):
            new = False
            for i in range(series_start[g], series_start[g + 1]):
                new = new or contract_status[i] == _USED
                if new:
                    break
            for k in range(first, g):  # dates need not rise: roots settle at different hours
                new = new and not (holds[k] and expiry[k] == expiry[g])
            holds[g] = new
            dates[u] += new


@numba.njit(cache=True, error_model="numpy", nogil=True)
def levels_kernel(
    series_start: Int64Array1D,
    underlying_start: Int64Array1D,
    spot: Float64Array1D,
    status: Int8Array1D,
    years: Float64Array1D,
    strike: Float64Array1D,
    is_call: BoolArray1D,
    gross_gamma: Float64Array1D,
    known_shares: Float64Array1D,
    ladder: Float64Array1D,
    strike_index: Int64Array1D,
    spare: Float64Array2D,
    levels: Float64Array2D,
) -> int:
    """Call wall, put wall, max pain and max pain of the first settlement of each underlying, (u, 4).

    ``ladder``, ``strike_index`` and ``spare`` (5, n) are scratch; they keep the last underlying's distinct strikes,
    whose number is returned, and each of its contracts' place among them.
    """
    count = 0
    for u in range(spot.size):
        if status[u] != _OK:
            continue
        first, last = underlying_start[u], underlying_start[u + 1]
        a, b = series_start[first], series_start[last]
        early = _first_settlement(series_start, first, last, years, known_shares)
        starts, c = series_start[first : early + 1], series_start[early]
        count = strike_ladder_kernel(strike[a:c], starts, ladder, strike_index, spare[4])
        _fill_by_strike(is_call[a:c], gross_gamma[a:c], known_shares[a:c], strike_index, count, spare)
        levels[u, 3] = max_pain_kernel(ladder[:count], spare[2, :count], spare[3, :count], spot[u], spare[4, :count])
        starts = series_start[first : last + 1]
        count = strike_ladder_kernel(strike[a:b], starts, ladder, strike_index, spare[4])
        _fill_by_strike(is_call[a:b], gross_gamma[a:b], known_shares[a:b], strike_index, count, spare)
        levels[u, 0] = wall_kernel(ladder[:count], spare[0, :count], spot[u])
        levels[u, 1] = wall_kernel(ladder[:count], spare[1, :count], spot[u])
        levels[u, 2] = max_pain_kernel(ladder[:count], spare[2, :count], spare[3, :count], spot[u], spare[4, :count])
    return count


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _first_settlement(
    series_start: Int64Array1D, first: int, last: int, years: Float64Array1D, known_shares: Float64Array1D
) -> int:
    """The series after those that settle no later than the first one anybody holds."""
    for g in range(first, last):
        for i in range(series_start[g], series_start[g + 1]):
            if known_shares[i] > 0.0:
                after = g + 1
                while after < last and years[after] == years[g]:
                    after += 1
                return after
    return last


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _fill_by_strike(
    is_call: BoolArray1D,
    gross_gamma: Float64Array1D,
    known_shares: Float64Array1D,
    strike_index: Int64Array1D,
    count: int,
    out: Float64Array2D,
) -> None:
    """By strike: gamma of calls, of puts, shares under calls, under puts, whoever holds them."""
    out[:4, :count] = 0.0
    for i in range(is_call.size):
        at, side = strike_index[i], 0 if is_call[i] else 1
        out[side, at] += gross_gamma[i]
        out[2 + side, at] += known_shares[i]


@numba.njit(cache=True, error_model="numpy", nogil=True)
def zero_gammas_kernel(
    series_start: Int64Array1D,
    underlying_start: Int64Array1D,
    spot: Float64Array1D,
    status: Int8Array1D,
    log_moneyness: Float64Array1D,
    implied_vol: Float64Array1D,
    held: Float64Array1D,
    sqrt_years: Float64Array1D,
    log_carry: Float64Array1D,
    yield_discount: Float64Array1D,
    exposure: Float64Array1D,
    workspace: Float64Array1D,
    roots: Float64Array2D,
    nearest: Float64Array1D,
    count: Int64Array1D,
    root_status: Int8Array1D,
) -> None:
    """Every root of each underlying's net gamma (u, MAX_ROOTS), the nearest to spot, their number, the status.

    Arguments as ``zero_gamma.zero_gamma_kernel``; ``exposure`` keeps the last underlying's profile.
    """
    for u in range(spot.size):
        if status[u] != _OK:
            continue
        first, last = underlying_start[u], underlying_start[u + 1]
        a, b = series_start[first], series_start[last]
        count[u], root_status[u] = zero_gamma_kernel(
            spot[u],
            GRID_WIDTH,
            log_moneyness[a:b],
            implied_vol[a:b],
            held[a:b],
            series_start[first : last + 1],
            sqrt_years[first:last],
            log_carry[first:last],
            yield_discount[first:last],
            exposure,
            roots[u],
            workspace,
        )
        for root in roots[u]:
            if not abs(root - spot[u]) >= abs(nearest[u] - spot[u]) and root == root:  # no root yet: NaN
                nearest[u] = root


@numba.njit(cache=True, error_model="numpy", nogil=True)
def month_vols_kernel(
    series_start: Int64Array1D,
    underlying_start: Int64Array1D,
    status: Int8Array1D,
    years: Float64Array1D,
    strike: Float64Array1D,
    implied_vol: Float64Array1D,
    forward: Float64Array1D,
    atm_vol: Float64Array1D,
) -> None:
    """At-the-money volatilities of the series on either side of 30 days, as far as it takes to know one each."""
    for u in range(status.size):
        if status[u] != _OK:
            continue
        first, last = underlying_start[u], underlying_start[u + 1]
        after = first
        while after < last and years[after] <= _MONTH_YEARS:
            after += 1
        known = -1.0
        for g in range(after - 1, first - 1, -1):
            if known > 0.0 and years[g] < known:
                break
            atm_vol[g] = atm_vol_of_series(strike, implied_vol, series_start[g], series_start[g + 1], forward[g])
            known = years[g] if atm_vol[g] == atm_vol[g] else known
        for g in range(after, last):
            atm_vol[g] = atm_vol_of_series(strike, implied_vol, series_start[g], series_start[g + 1], forward[g])
            if atm_vol[g] == atm_vol[g]:
                break


@numba.njit(cache=True, error_model="numpy", nogil=True)
def nearest_straddle_kernel(
    series_start: Int64Array1D,
    underlying_start: Int64Array1D,
    status: Int8Array1D,
    years: Float64Array1D,
    session_years: Float64Array1D,
    strike: Float64Array1D,
    is_call: BoolArray1D,
    bid: Float64Array1D,
    ask: Float64Array1D,
    forward: Float64Array1D,
    discount: Float64Array1D,
    straddle: Float64Array1D,
) -> None:
    """The first straddle (g,) of each underlying with more than a session left; no other is looked at."""
    for u in range(status.size):
        if status[u] != _OK:
            continue
        for g in range(underlying_start[u], underlying_start[u + 1]):
            if years[g] > session_years[u]:
                a, b = series_start[g], series_start[g + 1]
                straddle[g], _ = straddle_of_series(strike, is_call, bid, ask, a, b, forward[g], discount[g])
                if straddle[g] == straddle[g]:
                    break


@numba.njit(cache=True, error_model="numpy", nogil=True)
def volatility_kernel(
    underlying_start: Int64Array1D,
    status: Int8Array1D,
    years: Float64Array1D,
    session_years: Float64Array1D,
    discount: Float64Array1D,
    atm_vol: Float64Array1D,
    straddle: Float64Array1D,
    month_vol: Float64Array1D,
    move: Float64Array1D,
    series: Int64Array1D,
) -> None:
    """Volatility of 30 days, the nearest straddle's move with more than a session left, and its series, (u,)."""
    for u in range(status.size):
        if status[u] != _OK:
            continue
        first, last = underlying_start[u], underlying_start[u + 1]
        month_vol[u] = constant_maturity_kernel(years[first:last], atm_vol[first:last], _MONTH_YEARS)
        for g in range(first, last):
            if years[g] > session_years[u] and straddle[g] == straddle[g]:
                move[u], series[u] = straddle[g] / discount[g], g
                break
