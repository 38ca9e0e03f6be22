"""Which contracts can be used, at which volatility, and why the others cannot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numba
import numpy as np

from lightning_gex.analytics.book_columns import Contracts, contracts_of
from lightning_gex.analytics.implied_vol import ImpliedVolStatus, implied_vol_kernel
from lightning_gex.analytics.parity import ForwardCurve
from lightning_gex.analytics.positioned_contracts import LARGEST_COUNT, VolSource
from lightning_gex.core.book import ordered
from lightning_gex.core.chain import OptionChain
from lightning_gex.core.units import BoolArray1D, Float64Array1D, Int8Array1D, Int64Array1D

#: Volatilities a quote can mean, annualised fractions. Vendors write 0, 1e-5, -999 or thousands where they have none.
IMPLIED_VOL_RANGE = (0.01, 5.0)
#: Beyond these a number is a broken cell and no strike in USD, no deliverable in shares.
LARGEST_STRIKE_USD, LARGEST_MULTIPLIER = 1e9, 1e6
LOWEST_VOL, HIGHEST_VOL = IMPLIED_VOL_RANGE


class ContractStatus(IntEnum):
    """Whether a contract is used, or the one reason why not: the first that applies, in this order."""

    USED = 0
    STRIKE_INVALID = 1
    MULTIPLIER_INVALID = 2
    OPEN_INTEREST_MISSING = 3
    OPEN_INTEREST_INVALID = 4
    QUOTE_ONE_SIDED_OR_ABSENT = 5
    QUOTE_CROSSED = 6
    IMPLIED_VOL_BELOW_INTRINSIC = 7
    IMPLIED_VOL_NO_TIME_VALUE = 8
    IMPLIED_VOL_ABOVE_BOUND = 9
    IMPLIED_VOL_INVALID_INPUT = 10
    IMPLIED_VOL_OUT_OF_RANGE = 11
    IMPLIED_VOL_TWO_BOUNDARIES = 12  # American, at a negative rate: exercise pays between two prices
    DEALER_SIGN_UNKNOWN = 13

    @property
    def reason(self) -> str:
        """The word the refusal is counted under."""
        return self.name.lower()


_USED, _STRIKE, _MULTIPLIER, _MISSING, _INVALID = (int(ContractStatus(code)) for code in range(5))
_ONE_SIDED, _CROSSED = int(ContractStatus.QUOTE_ONE_SIDED_OR_ABSENT), int(ContractStatus.QUOTE_CROSSED)
_SIGN_UNKNOWN = int(ContractStatus.DEALER_SIGN_UNKNOWN)
VOL_FAILED = int(ContractStatus.IMPLIED_VOL_BELOW_INTRINSIC) - int(ImpliedVolStatus.BELOW_INTRINSIC)
OUT_OF_RANGE = int(ContractStatus.IMPLIED_VOL_OUT_OF_RANGE)
#: Statuses from here on (and USED) have sound terms and known open interest.
COUNTED_FROM = _ONE_SIDED
_TO_SOLVE = 127  # a status on the way: two-sided quote, no volatility given
_VENDOR, _SOLVED = int(VolSource.VENDOR), int(VolSource.SOLVED)
SOLVED_STATUS = int(ImpliedVolStatus.SOLVED)


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """The contracts of one chain that can be used.

    Parameters
    ----------
    used : (n,) bool, contracts with sound terms, known open interest and a volatility.
    implied_vol : (n,) annualised fraction; NaN where not used.
    counted : (n,) bool, contracts with sound terms and known open interest, with a volatility or not.
    status : (n,) int8 codes of ``ContractStatus``.
    vendor_vols, solved_vols : how many of the used volatilities the source gave, and how many came from quotes.
    refused : reason -> contracts; every contract that is not used is counted under exactly one.
    coverage : share of the counted contracts' open interest that is used; NaN where there is none.
    open_interest_known : share of the contracts with sound terms whose open interest is given; NaN where there are
        none.
    """

    used: BoolArray1D
    implied_vol: Float64Array1D
    counted: BoolArray1D
    status: Int8Array1D
    vendor_vols: int
    solved_vols: int
    refused: Mapping[str, int]
    coverage: float
    open_interest_known: float


class SelectionScratch(NamedTuple):
    """Room for the contracts whose volatility must be solved, (n,) each."""

    at: Int64Array1D
    price: Float64Array1D
    forward: Float64Array1D
    strike: Float64Array1D
    years: Float64Array1D
    discount: Float64Array1D
    sigma: Float64Array1D
    is_call: BoolArray1D
    status: Int8Array1D


def selection_scratch(contracts: int) -> SelectionScratch:
    """Scratch for at most so many contracts."""
    return SelectionScratch(
        at=np.empty(contracts, dtype=np.int64),
        price=np.empty(contracts),
        forward=np.empty(contracts),
        strike=np.empty(contracts),
        years=np.empty(contracts),
        discount=np.empty(contracts),
        sigma=np.empty(contracts),
        is_call=np.empty(contracts, dtype=np.bool_),
        status=np.empty(contracts, dtype=np.int8),
    )


def select_contracts(chain: OptionChain, curve: ForwardCurve) -> Selection:
    """Sort a chain's contracts into usable ones and those refused for a named reason.

    A contract keeps the source's volatility where that lies in 1 % .. 500 %. Otherwise it is solved from the mid of a
    two-sided, uncrossed quote with the expiry's parity forward; where that fails too, the contract is refused. Open
    interest 0 is kept (nobody holds it); open interest that is absent is refused, since it is not zero.

    Parameters
    ----------
    chain : as read.
    curve : ``parity.forward_curve`` of the same chain.

    Returns
    -------
    Selection, in the chain's order. Volatilities are solved as of European options.
    """
    book, order = ordered(chain)
    n = len(book)
    status, vol, source = np.empty(n, dtype=np.int8), np.empty(n), np.empty(n, dtype=np.int8)
    select_kernel(
        contracts_of(book),
        book.series_start,
        curve.forward,
        curve.discount,
        curve.time_to_expiry_years,
        selection_scratch(n),
        status,
        vol,
        source,
    )
    if order is not None:
        place = np.empty_like(order)
        place[order] = np.arange(n)
        status, vol, source = status[place], vol[place], source[place]
    return _summary(chain, status, vol, source)


def refusals(count: Int64Array1D) -> dict[str, int]:
    """Reason -> contracts of a tally by code, the used ones and reasons that never applied left out."""
    return {code.reason: int(count[code]) for code in ContractStatus if code and count[code]}


def _summary(chain: OptionChain, status: Int8Array1D, vol: Float64Array1D, source: Int8Array1D) -> Selection:
    used = status == _USED
    counted = used | (status >= COUNTED_FROM)
    sound = counted | (status > _MULTIPLIER)
    total = float(chain.open_interest[counted].sum())
    return Selection(
        used=used,
        implied_vol=vol,
        counted=counted,
        status=status,
        vendor_vols=int((used & (source == _VENDOR)).sum()),
        solved_vols=int((used & (source != _VENDOR)).sum()),
        refused=refusals(np.bincount(status, minlength=len(ContractStatus))),
        coverage=float(chain.open_interest[used].sum()) / total if total > 0 else float("nan"),
        open_interest_known=float((status[sound] != _MISSING).mean()) if sound.any() else float("nan"),
    )


@numba.njit(cache=True, error_model="numpy", nogil=True)
def select_kernel(
    contracts: Contracts,
    series_start: Int64Array1D,
    forward: Float64Array1D,
    discount: Float64Array1D,
    years: Float64Array1D,
    scratch: SelectionScratch,
    status: Int8Array1D,
    vol: Float64Array1D,
    source: Int8Array1D,
) -> None:
    """Status, volatility (NaN where not used) and its source of (n,) contracts in (g,) series, of any underlyings."""
    strike, bid, ask, given = contracts.strike, contracts.bid, contracts.ask, contracts.implied_vol
    interest, multiplier, is_call = contracts.open_interest, contracts.multiplier, contracts.is_call
    at, price, level, call = scratch.at, scratch.price, scratch.strike, scratch.is_call
    F, D, T = scratch.forward, scratch.discount, scratch.years
    count = 0
    for g in range(forward.size):
        for i in range(series_start[g], series_start[g + 1]):
            code = _first_look(strike[i], multiplier[i], interest[i], given[i], bid[i], ask[i])
            status[i] = code
            vol[i] = given[i] if code == _USED else np.nan
            source[i] = _VENDOR
            if code == _TO_SOLVE:
                at[count], price[count], level[count] = i, 0.5 * (bid[i] + ask[i]), strike[i]
                F[count], D[count], T[count], call[count] = forward[g], discount[g], years[g], is_call[i]
                count += 1
    if count:
        _solve(count, scratch, status, vol, source)


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _first_look(strike: float, multiplier: float, interest: float, sigma: float, bid: float, ask: float) -> int:
    """The status by terms, open interest, given volatility and quote."""
    if not (0.0 < strike <= LARGEST_STRIKE_USD):
        return _STRIKE
    if not (0.0 < multiplier <= LARGEST_MULTIPLIER):
        return _MULTIPLIER
    if not (0.0 <= interest <= LARGEST_COUNT):
        return _INVALID if interest == interest else _MISSING
    if LOWEST_VOL <= sigma <= HIGHEST_VOL:
        return _USED
    if not (bid > 0.0 and 0.0 < ask < np.inf):
        return _ONE_SIDED
    return _CROSSED if ask < bid else _TO_SOLVE


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _solve(
    count: int, scratch: SelectionScratch, status: Int8Array1D, vol: Float64Array1D, source: Int8Array1D
) -> None:
    """Volatilities of the gathered contracts from their mids, and why not where there is none."""
    implied_vol_kernel(
        scratch.price[:count],
        scratch.forward[:count],
        scratch.strike[:count],
        scratch.years[:count],
        scratch.discount[:count],
        scratch.is_call[:count],
        scratch.sigma[:count],
        scratch.status[:count],
    )
    for j in range(count):
        i, sigma, code = scratch.at[j], scratch.sigma[j], scratch.status[j]
        source[i] = _SOLVED
        if code != SOLVED_STATUS:
            status[i] = VOL_FAILED + code
        elif LOWEST_VOL <= sigma <= HIGHEST_VOL:
            status[i], vol[i] = _USED, sigma
        else:
            status[i] = OUT_OF_RANGE
