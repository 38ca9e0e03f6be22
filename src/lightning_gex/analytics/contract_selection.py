"""Which contracts of a chain can be used, at which volatility, and why the others cannot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lightning_gex.analytics.implied_vol import ImpliedVolStatus, implied_vol
from lightning_gex.analytics.parity import ForwardCurve
from lightning_gex.core.chain import OptionChain
from lightning_gex.core.units import BoolArray1D, Float64Array1D

#: Volatilities a quote can mean, annualised fractions. Vendors write 0, 1e-5, -999 or thousands where they have none.
IMPLIED_VOL_RANGE = (0.01, 5.0)


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """The contracts that can be used.

    Parameters
    ----------
    used : (n,) bool, contracts with sound terms, known open interest and a volatility.
    implied_vol : (n,) annualised fraction; NaN where not used.
    counted : (n,) bool, contracts with sound terms and known open interest, with a volatility or not.
    vendor_vols, solved_vols : how many of the used volatilities the source gave, and how many came from quotes.
    refused : reason -> contracts; every contract that is not used is counted under exactly one.
    coverage : share of the counted contracts' open interest that is used; NaN where there is none.
    open_interest_known : share of the contracts with sound terms whose open interest is given; NaN where there are
        none.
    """

    used: BoolArray1D
    implied_vol: Float64Array1D
    counted: BoolArray1D
    vendor_vols: int
    solved_vols: int
    refused: Mapping[str, int]
    coverage: float
    open_interest_known: float


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
    Selection.
    """
    reasons = _Reasons(len(chain))
    reasons.add("strike_invalid", ~_positive(chain.strike))
    reasons.add("multiplier_invalid", ~_positive(chain.multiplier))
    sound = reasons.open
    known = ~np.isnan(chain.open_interest)
    reasons.add("open_interest_missing", ~known)
    reasons.add("open_interest_invalid", ~((chain.open_interest >= 0) & np.isfinite(chain.open_interest)))
    counted = reasons.open
    low, high = IMPLIED_VOL_RANGE
    vendor = counted & (chain.implied_vol >= low) & (chain.implied_vol <= high)
    vol = np.where(vendor, chain.implied_vol, np.nan)
    _solve(chain, curve, counted & ~vendor, vol, reasons)
    used = reasons.open
    total = float(chain.open_interest[counted].sum())
    return Selection(
        used=used,
        implied_vol=np.where(used, vol, np.nan),
        counted=counted,
        vendor_vols=int((used & vendor).sum()),
        solved_vols=int((used & ~vendor).sum()),
        refused=reasons.counts,
        coverage=float(chain.open_interest[used].sum()) / total if total > 0 else float("nan"),
        open_interest_known=float(known[sound].mean()) if sound.any() else float("nan"),
    )


def _solve(
    chain: OptionChain, curve: ForwardCurve, wanted: BoolArray1D, vol: Float64Array1D, reasons: _Reasons
) -> None:
    """Fill in ``vol`` where a quote allows it and refuse the rest of ``wanted``."""
    reasons.add("quote_one_sided_or_absent", wanted & ~((chain.bid > 0) & np.isfinite(chain.ask) & (chain.ask > 0)))
    reasons.add("quote_crossed", wanted & (chain.ask < chain.bid))
    at = np.flatnonzero(wanted & reasons.open)
    if len(at) == 0:
        return
    sigma, status = implied_vol(
        0.5 * (chain.bid[at] + chain.ask[at]),
        curve.contract_forward[at],
        chain.strike[at],
        curve.contract_years[at],
        curve.contract_discount[at],
        chain.is_call[at],
    )
    low, high = IMPLIED_VOL_RANGE
    outside = (status == ImpliedVolStatus.SOLVED) & ~((sigma >= low) & (sigma <= high))
    status[outside] = ImpliedVolStatus.OUT_OF_RANGE
    for failure in ImpliedVolStatus:
        if failure is not ImpliedVolStatus.SOLVED:
            failed = np.zeros(len(chain), dtype=np.bool_)
            failed[at[status == failure]] = True
            reasons.add(failure.reason, failed)
    vol[at] = sigma


def _positive(values: Float64Array1D) -> BoolArray1D:
    return np.isfinite(values) & (values > 0)


class _Reasons:
    """Refuses each contract for the first reason that applies."""

    def __init__(self, count: int) -> None:
        self._open = np.ones(count, dtype=np.bool_)
        self.counts: dict[str, int] = {}

    @property
    def open(self) -> BoolArray1D:
        """(n,) contracts not refused so far."""
        return self._open.copy()

    def add(self, reason: str, wrong: BoolArray1D) -> None:
        """Refuse the contracts that are wrong and were not refused before."""
        newly = self._open & wrong
        if newly.any():
            self.counts[reason] = self.counts.get(reason, 0) + int(newly.sum())
            self._open &= ~wrong
