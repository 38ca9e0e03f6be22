"""Forward and discount of every expiry, read from the chain itself by put-call parity.

A European call less the put of the same strike is worth D (F - K). So within an expiry that difference falls in the
strike with slope -D, and the strike at which it vanishes is the forward. The slope is the median over pairs of strikes
half the ladder apart (Theil's incomplete method, Indag. Math. 12 (1950) 386-392), the forward the median over the
pairs nearest to it: a few bad quotes change neither. A discount that the quotes do not pin down (short expiries: a
tick of noise is percent a year) is taken from its neighbours, and so is the carry of an expiry without usable pairs;
both are recorded.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from lightning_gex.analytics.option_time import time_to_expiry_years
from lightning_gex.core.chain import OptionChain
from lightning_gex.core.units import BoolArray1D, Float64Array1D, Int64Array1D, StrArray1D, TimeArray1D

#: Roots exercised at expiry only (Cboe, Nasdaq contract specifications). Others are American: parity is an inequality.
EUROPEAN_ROOTS = frozenset(
    {"SPX", "SPXW", "XSP", "NDX", "NDXP", "XND", "RUT", "RUTW", "MRUT", "DJX", "VIX", "VIXW", "XEO"}
)
NEAR_THE_MONEY = 0.15  # |ln(strike / spot)| of the pairs that count
MIN_PAIRS = 3  # below this a median is one quote's opinion
FORWARD_PAIRS = 9  # pairs nearest to the forward whose median is the forward
MAX_RATE_ERROR = 0.005  # per year: the standard error up to which the chain's own discount is believed
RATE_YEARS = 30.0 / 365.0  # shorter expiries' own rates count only where no longer one gives any
RATE_BOUNDS = (-0.02, 0.20)  # per year; outside, the quotes and not the money market speak
#: A forward further from spot than this, as ln(F / S) = jump + rate T, is a broken quote and no carry.
CARRY_JUMP, CARRY_RATE = 0.02, 1.0
_NORMAL_MAD = 1.4826  # standard deviation / median absolute deviation of a normal distribution


class CarrySource(StrEnum):
    """Where an expiry's forward comes from."""

    PARITY = "parity"
    NEIGHBOURS = "neighbours"
    STAND_IN = "stand_in"  # rate and dividend yield zero: nothing in the chain says more


@dataclass(frozen=True, slots=True, eq=False)
class ForwardCurve:
    """Forward, discount and carry of each expiry of a chain, and of each contract.

    Parameters
    ----------
    root : (g,) root of each group; a group is what settles at one moment under one root.
    settles_at : (g,) ``datetime64[s]`` UTC.
    time_to_expiry_years : (g,) calendar years, positive.
    forward : (g,) USD for that moment.
    discount : (g,) USD today of 1 USD then.
    pairs : (g,) call-put pairs that were usable.
    forward_source, rate_source : (g,) words of ``CarrySource``.
    group : (n,) each contract's group.
    rate, dividend_yield : (n,) continuous, per calendar year, so that F = S e^{(r - q) T} and D = e^{-r T}.
        ``dividend_yield`` is everything that parts F from S e^{rT}: dividends, borrow fees, and quotes of option and
        spot that were not taken at one moment.
    notes : what was interpolated or stood in, in words.
    """

    root: StrArray1D
    settles_at: TimeArray1D
    time_to_expiry_years: Float64Array1D
    forward: Float64Array1D
    discount: Float64Array1D
    pairs: Int64Array1D
    forward_source: tuple[CarrySource, ...]
    rate_source: tuple[CarrySource, ...]
    group: Int64Array1D
    rate: Float64Array1D
    dividend_yield: Float64Array1D
    notes: tuple[str, ...]

    @property
    def contract_forward(self) -> Float64Array1D:
        """(n,) USD: the forward of each contract's settlement."""
        return self.forward[self.group]

    @property
    def contract_discount(self) -> Float64Array1D:
        """(n,) the discount of each contract's settlement."""
        return self.discount[self.group]

    @property
    def contract_years(self) -> Float64Array1D:
        """(n,) calendar years to each contract's settlement."""
        return self.time_to_expiry_years[self.group]


def forward_curve(chain: OptionChain) -> ForwardCurve:
    """The forwards and discounts that a chain's quotes imply.

    Only near-the-money strikes (|ln K/S| <= 0.15) count whose call and put both have a two-sided, uncrossed quote. The
    result does not depend on the order of the contracts.

    Parameters
    ----------
    chain : as read.

    Returns
    -------
    ForwardCurve. Where not one expiry has usable pairs, rate and dividend yield are 0, marked ``STAND_IN`` and noted.

    Source
    ------
    Stoll, J. Finance 24 (1969) 801-824 (parity). American options obey it as an inequality: the early-exercise premium
    of puts makes the implied rate and forward a little low. The notes say so for such roots.
    """
    root, settles_at, group = _groups(chain)
    group_years = time_to_expiry_years(chain.as_of, settles_at)
    strikes, differences, starts = _parity_pairs(chain, group, len(root))
    own_rate = [
        _rate(strikes[a:b], differences[a:b], T) for a, b, T in zip(starts[:-1], starts[1:], group_years, strict=True)
    ]
    rate, rate_source = _filled(_longer_first(np.array(own_rate), group_years), group_years)
    discount = np.exp(-rate * group_years)
    forward = np.array(
        [_forward(strikes[a:b], differences[a:b], D) for a, b, D in zip(starts[:-1], starts[1:], discount, strict=True)]
    )
    log_carry = np.log(forward / chain.spot)
    absurd = np.abs(log_carry) > CARRY_JUMP + CARRY_RATE * group_years
    carry, forward_source = _filled(np.where(absurd, np.nan, log_carry) / group_years, group_years)
    if CarrySource.STAND_IN in forward_source:  # without a forward a rate alone says nothing
        rate, rate_source, discount = np.zeros_like(rate), forward_source, np.ones_like(rate)
    return ForwardCurve(
        root=root,
        settles_at=settles_at,
        time_to_expiry_years=group_years,
        forward=chain.spot * np.exp(carry * group_years),
        discount=discount,
        pairs=np.diff(starts),
        forward_source=forward_source,
        rate_source=rate_source,
        group=group,
        rate=rate[group],
        dividend_yield=(rate - carry)[group],
        notes=_notes(root, settles_at, forward_source, rate_source, absurd),
    )


def _groups(chain: OptionChain) -> tuple[StrArray1D, TimeArray1D, Int64Array1D]:
    """The (root, settlement) groups of the contracts in order of settlement, and each contract's group."""
    roots, root_index = np.unique(chain.root, return_inverse=True)
    key = chain.settles_at.astype("datetime64[s]").astype(np.int64) * len(roots) + root_index
    unique, group = np.unique(key, return_inverse=True)
    return roots[unique % max(len(roots), 1)], (unique // max(len(roots), 1)).astype("datetime64[s]"), group


def _parity_pairs(
    chain: OptionChain, group: Int64Array1D, count: int
) -> tuple[Float64Array1D, Float64Array1D, Int64Array1D]:
    """Strikes and call-put differences of all usable pairs by group and strike, and where each group starts."""
    with np.errstate(invalid="ignore"):
        fit = (chain.bid > 0) & (chain.ask >= chain.bid) & np.isfinite(chain.ask)
        fit &= np.abs(np.log(chain.strike / chain.spot)) <= NEAR_THE_MONEY
    at = np.flatnonzero(fit)
    spread = chain.ask[at] - chain.bid[at]
    mid = 0.5 * (chain.bid[at] + chain.ask[at])
    # Of several rows of one contract the tightest counts, so that their order does not matter.
    at_order = np.lexsort((mid, spread, ~chain.is_call[at], chain.strike[at], group[at]))
    at, mid = at[at_order], mid[at_order]
    key_group, key_strike, key_call = group[at], chain.strike[at], chain.is_call[at]
    same_strike = (key_group[1:] == key_group[:-1]) & (key_strike[1:] == key_strike[:-1])
    first = np.r_[True, ~(same_strike & (key_call[1:] == key_call[:-1]))][: len(at)]
    at, mid = at[first], mid[first]
    key_group, key_strike, key_call = group[at], chain.strike[at], chain.is_call[at]
    call_at = np.flatnonzero(
        key_call[:-1] & ~key_call[1:] & (key_group[1:] == key_group[:-1]) & (key_strike[1:] == key_strike[:-1])
    )
    starts = np.searchsorted(key_group[call_at], np.arange(count + 1))
    return key_strike[call_at], mid[call_at] - mid[call_at + 1], starts.astype(np.int64)


def _rate(strikes: Float64Array1D, differences: Float64Array1D, years: float) -> float:
    """The continuous rate that the slope says; NaN where the quotes do not pin it down."""
    count = len(strikes)
    if count < MIN_PAIRS:
        return np.nan
    half = count // 2
    slopes = -(differences[half:] - differences[:-half]) / (strikes[half:] - strikes[:-half])
    discount = float(np.median(slopes))
    if not discount > 0:
        return np.nan
    error = _NORMAL_MAD * float(np.median(np.abs(slopes - discount))) / np.sqrt(len(slopes)) / (discount * years)
    rate = -float(np.log(discount)) / years
    if error > MAX_RATE_ERROR or not RATE_BOUNDS[0] <= rate <= RATE_BOUNDS[1]:
        return np.nan
    return rate


def _longer_first(rate: Float64Array1D, years: Float64Array1D) -> Float64Array1D:
    """The rates without those of short expiries, whose quotes' last tick is percents a year, where others exist."""
    trusted = np.where(years >= RATE_YEARS, rate, np.nan)
    return trusted if np.isfinite(trusted).any() else rate


def _forward(strikes: Float64Array1D, differences: Float64Array1D, discount: float) -> float:
    """The forward as the median over the pairs nearest to it; NaN with too few pairs."""
    if len(strikes) < MIN_PAIRS:
        return np.nan
    nearest = np.argsort(np.abs(differences), kind="stable")[:FORWARD_PAIRS]
    return float(np.median(strikes[nearest] + differences[nearest] / discount))


def _filled(values: Float64Array1D, years: Float64Array1D) -> tuple[Float64Array1D, tuple[CarrySource, ...]]:
    """Yearly figures with the gaps closed from neighbours in time, flat beyond the ends, 0 where nothing is known."""
    known = np.isfinite(values)
    if not known.any():
        return np.zeros(len(values)), (CarrySource.STAND_IN,) * len(values)
    order = np.argsort(years[known], kind="stable")
    filled = np.where(known, values, np.interp(years, years[known][order], values[known][order]))
    return filled, tuple(CarrySource.PARITY if own else CarrySource.NEIGHBOURS for own in known)


def _notes(
    root: StrArray1D,
    settles_at: TimeArray1D,
    forward_source: tuple[CarrySource, ...],
    rate_source: tuple[CarrySource, ...],
    absurd: BoolArray1D,
) -> tuple[str, ...]:
    notes = []
    if CarrySource.STAND_IN in forward_source:
        notes.append("no expiry has usable call-put pairs: rate and dividend yield 0 stand in for the market's")
    elif CarrySource.STAND_IN in rate_source:
        notes.append("the quotes pin down no discount: rate 0 stands in; forwards are the market's")
    from_neighbours = [i for i, source in enumerate(forward_source) if source is CarrySource.NEIGHBOURS]
    if from_neighbours:
        named = ", ".join(f"{root[i]} {str(settles_at[i])[:10]}" for i in from_neighbours[:3])
        more = f" and {len(from_neighbours) - 3} more" if len(from_neighbours) > 3 else ""
        notes.append(f"forward from neighbouring expiries' carry, for want of usable pairs: {named}{more}")
    if absurd.any():
        notes.append(f"parity forward too far from spot to be carry in {int(absurd.sum())} expiries: not used")
    borrowed = sum(source is CarrySource.NEIGHBOURS for source in rate_source)
    if borrowed:
        notes.append(f"discount of {borrowed} of {len(rate_source)} expiries from neighbours: too short or noisy")
    american = sorted({str(name) for name in root} - EUROPEAN_ROOTS)
    if american and CarrySource.PARITY in forward_source:
        notes.append(f"American exercise assumed for {', '.join(american)}: implied rate and forward are a little low")
    return tuple(notes)
