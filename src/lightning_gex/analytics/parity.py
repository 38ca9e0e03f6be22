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

from lightning_gex.analytics.american_parity import american_carry_kernel, pass_scratch
from lightning_gex.analytics.book_columns import contracts_of, series_years, widest
from lightning_gex.analytics.parity_kernels import (
    NEIGHBOURS,
    PARITY,
    STAND_IN,
    Carry,
    carry_kernel,
    carry_scratch,
    empty_carry,
)
from lightning_gex.core.book import ChainBook, ordered
from lightning_gex.core.chain import OptionChain
from lightning_gex.core.units import BoolArray1D, Float64Array1D, Int64Array1D, StrArray1D, TimeArray1D

#: Roots exercised at expiry only (Cboe, Nasdaq contract specifications). Others are American: parity is an inequality.
EUROPEAN_ROOTS = frozenset(
    {"SPX", "SPXW", "XSP", "NDX", "NDXP", "XND", "RUT", "RUTW", "MRUT", "DJX", "VIX", "VIXW", "XEO"}
)


class CarrySource(StrEnum):
    """Where an expiry's forward comes from."""

    PARITY = "parity"
    NEIGHBOURS = "neighbours"
    STAND_IN = "stand_in"  # rate and dividend yield zero: nothing in the chain says more


SOURCES = tuple(CarrySource)  # by the codes of ``parity_kernels``


#: Beyond this, as ln(price behind the quotes / spot), the two are not of one moment, or a dividend lies between.
LARGEST_SPOT_GAP = 0.0025
NEAR_YEARS = 45.0 / 365.0  # beyond it ordinary dividends alone part the two


@dataclass(frozen=True, slots=True, eq=False)
class ForwardCurve:
    """Forward, discount and carry of each expiry of a chain, and of each contract.

    Parameters
    ----------
    root : (g,) root of each group; a group is what settles at one moment under one root and date.
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


def forward_curve(chain: OptionChain, *, value_early_exercise: bool = True) -> ForwardCurve:
    """The forwards and discounts that a chain's quotes imply.

    Only near-the-money strikes (|ln K/S| <= 0.15) count whose call and put both have a two-sided, uncrossed quote. The
    result does not depend on the order of the contracts.

    Parameters
    ----------
    chain : as read.
    value_early_exercise : True takes the premiums of early exercise off the quotes of American roots
        (``american_parity``); False reads them as European, which makes implied rates some per cent a year and long
        forwards up to a per cent too low.

    Returns
    -------
    ForwardCurve. Where not one expiry has usable pairs, rate and dividend yield are 0, marked ``STAND_IN`` and noted.

    Source
    ------
    Stoll, J. Finance 24 (1969) 801-824 (parity).
    """
    book, order = ordered(chain)
    carry = book_carry(book, value_early_exercise=value_early_exercise)
    group = book.series_of_contract
    if order is not None:
        unsorted = np.empty_like(group)
        unsorted[order] = group
        group = unsorted
    return ForwardCurve(
        root=book.series_root,
        settles_at=book.settles_at,
        time_to_expiry_years=series_years(book),
        forward=carry.forward,
        discount=carry.discount,
        pairs=carry.pairs,
        forward_source=tuple(SOURCES[code] for code in carry.forward_source),
        rate_source=tuple(SOURCES[code] for code in carry.rate_source),
        group=group,
        rate=carry.rate[group],
        dividend_yield=carry.dividend_yield[group],
        notes=carry_notes(book, carry, value_early_exercise=value_early_exercise),
    )


def book_carry(book: ChainBook, *, value_early_exercise: bool) -> Carry:
    """The curves of all underlyings of a book, (g,) columns, each from its own quotes alone."""
    carry, contracts, years = empty_carry(len(book.expiry)), contracts_of(book), series_years(book)
    series = widest(book.underlying_start)
    scratch = carry_scratch(widest(book.contract_start), series)
    starts = (book.series_start, book.underlying_start, book.spot, years)
    carry_kernel(contracts, *starts, scratch, carry)
    american = american_series(book)
    if value_early_exercise and american.any():
        american_carry_kernel(american, contracts, *starts, scratch, pass_scratch(series), carry)
    return carry


def american_series(book: ChainBook) -> BoolArray1D:
    """(g,) whether the contracts of each series can be exercised before expiry, known by their root."""
    american = np.fromiter((name not in EUROPEAN_ROOTS for name in book.root_names), np.bool_, len(book.root_names))
    return american[book.series_root_code]


def carry_notes(book: ChainBook, carry: Carry, *, value_early_exercise: bool) -> tuple[str, ...]:
    """What was interpolated, stood in or assumed in the curve of a book with one underlying, in words."""
    notes = []
    if (carry.forward_source == STAND_IN).any():
        notes.append("no expiry has usable call-put pairs: rate and dividend yield 0 stand in for the market's")
    elif (carry.rate_source == STAND_IN).any():
        notes.append("the quotes pin down no discount: rate 0 stands in; forwards are the market's")
    borrowed = np.flatnonzero(carry.forward_source == NEIGHBOURS)
    if len(borrowed):
        named = ", ".join(f"{book.root_names[book.series_root_code[i]]} {book.expiry[i]}" for i in borrowed[:3])
        more = f" and {len(borrowed) - 3} more" if len(borrowed) > 3 else ""
        notes.append(f"forward from neighbouring expiries' carry, for want of usable pairs: {named}{more}")
    if carry.absurd.any():
        notes.append(f"parity forward too far from spot to be carry in {int(carry.absurd.sum())} expiries: not used")
    notes.extend(_spot_notes(book, carry))
    count = int((carry.rate_source == NEIGHBOURS).sum())
    if count:
        notes.append(f"discount of {count} of {len(book.expiry)} expiries from neighbours: too short or noisy")
    american = [name for name in book.root_names if name not in EUROPEAN_ROOTS]
    if american and (carry.forward_source == PARITY).any():
        roots = ", ".join(american)
        if value_early_exercise:
            notes.append(f"American exercise of {roots}: its premiums are taken off the quotes behind forward and rate")
        else:
            notes.append(f"American exercise of {roots} is not valued: implied rates and long forwards are too low")
    return tuple(notes)


def _spot_notes(book: ChainBook, carry: Carry) -> tuple[str, ...]:
    """Whether the nearest forward says that the quotes were made at another spot than the chain's."""
    years = series_years(book)
    own = np.flatnonzero((carry.forward_source == PARITY) & (years <= NEAR_YEARS))
    if not len(own):
        return ()
    at, spot = own[0], float(book.spot[0])
    gap = float(np.log(carry.forward[at] / spot) - carry.rate[at] * years[at])
    if abs(gap) <= LARGEST_SPOT_GAP:
        return ()
    gap_words = (
        f"the quotes of {book.root_names[book.series_root_code[at]]} {book.expiry[at]} stand on a price of "
        f"{spot * np.exp(gap):,.2f}, {1e4 * gap:+.0f} bp from spot {spot:,.2f}: taken at another moment, or a dividend "
        "or borrow fee before that date; zero gamma and every distance from spot carry that gap (--spot gives another)"
    )
    return (gap_words,)
