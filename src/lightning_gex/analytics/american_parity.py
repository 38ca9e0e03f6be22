"""Forwards of American options: put-call parity less what early exercise adds to calls and puts.

An American put near the money is worth more than a European one, so that call less put is too small, and the more so
the higher the strike: read as European, quotes with a rate of 4.5 % say a rate of about 0 and forwards up to a per cent
low. So the premiums are estimated at the curve known so far (``american_kernels.parity_premiums_kernel``), taken off,
and the curve is read again: twice, and then extrapolated. Exercising is weighed at the spot behind the quotes
(``american_kernels.quoted_spot``), which a saved chain's printed spot often is not.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from lightning_gex.analytics.american_kernels import (
    extrapolated,
    parity_premiums_kernel,
    quoted_spot,
)
from lightning_gex.analytics.american_lanes import american_scratch
from lightning_gex.analytics.book_columns import Contracts
from lightning_gex.analytics.parity_kernels import (
    PARITY,
    RATE_BOUNDS,
    STAND_IN,
    Carry,
    CarryScratch,
    estimate,
    fill_pairs,
)
from lightning_gex.core.units import BoolArray1D, Float64Array1D, Float64Array2D, Int64Array1D

_PASSES = 3  # the curve as quoted, and two with premiums taken off
_LOWEST_RATE, _HIGHEST_RATE = RATE_BOUNDS


def pass_scratch(series: int) -> Float64Array2D:
    """(6, g) room for the rates and yearly carries of the passes."""
    return np.empty((2 * _PASSES, max(series, 1)))


@numba.njit(cache=True, error_model="numpy", nogil=True)
def american_carry_kernel(
    american: BoolArray1D,
    contracts: Contracts,
    series_start: Int64Array1D,
    underlying_start: Int64Array1D,
    spot: Float64Array1D,
    years: Float64Array1D,
    scratch: CarryScratch,
    passes: Float64Array2D,
    out: Carry,
) -> None:
    """Corrects the curves that ``carry_kernel`` wrote, of the underlyings that hold American series (g,)."""
    space = american_scratch()
    for u in range(spot.size):
        first, last = underlying_start[u], underlying_start[u + 1]
        if not american[first:last].any():
            continue
        fill_pairs(contracts, series_start, first, last, spot[u], scratch)
        whole = scratch.start[: last - first + 1].copy()
        _keep(first, last, years, spot[u], out, passes, 0)
        for k in range(1, _PASSES):
            count, share = 0, share_behind_quotes(first, last, spot[u], years, out)
            for g in range(first, last):
                a, b = whole[g - first], whole[g - first + 1]
                bias = scratch.slope[: b - a]
                if american[g]:
                    parity_premiums_kernel(
                        scratch.call[a:b],
                        scratch.put[a:b],
                        scratch.strike[a:b],
                        share,
                        years[g],
                        out.rate[g],
                        out.rate[g] - math.log(out.forward[g] / share) / years[g],
                        space,
                        bias,
                    )
                else:
                    bias[:] = 0.0
                scratch.start[g - first] = count
                count = _less_bias(a, b, bias, count, scratch)
            scratch.start[last - first] = count
            estimate(first, last, spot[u], years, scratch.kept, scratch.difference, scratch, out)
            _keep(first, last, years, spot[u], out, passes, k)
        _lead_on(american, first, last, years, spot[u], passes, out)


@numba.njit(cache=True, error_model="numpy", nogil=True)
def share_behind_quotes(first: int, last: int, spot: float, years: Float64Array1D, carry: Carry) -> float:
    """``quoted_spot`` of one underlying, from the forwards that its own quotes gave."""
    own = carry.forward_source[first:last] == PARITY
    return quoted_spot(spot, years[first:last][own], carry.forward[first:last][own])


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _less_bias(a: int, b: int, bias: Float64Array1D, count: int, scratch: CarryScratch) -> int:
    """Adds the pairs ``a`` .. ``b`` - 1 whose bias is known, the bias taken off."""
    for i in range(a, b):
        if bias[i - a] == bias[i - a]:
            scratch.kept[count] = scratch.strike[i]
            scratch.difference[count] = scratch.call[i] - scratch.put[i] - bias[i - a]
            count += 1
    return count


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _keep(
    first: int, last: int, years: Float64Array1D, spot: float, out: Carry, passes: Float64Array2D, k: int
) -> None:
    for g in range(first, last):
        passes[k, g - first] = out.rate[g]
        passes[_PASSES + k, g - first] = math.log(out.forward[g] / spot) / years[g]


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _lead_on(
    american: BoolArray1D,
    first: int,
    last: int,
    years: Float64Array1D,
    spot: float,
    passes: Float64Array2D,
    out: Carry,
) -> None:
    """Where the passes lead, in place of the last one's curve."""
    for g in range(first, last):
        if not american[g] or out.forward_source[g] == STAND_IN:
            continue
        j = g - first
        rate = extrapolated(passes[0, j], passes[1, j], passes[2, j])
        if _LOWEST_RATE <= rate <= _HIGHEST_RATE:
            out.rate[g] = rate
        carry = extrapolated(passes[3, j], passes[4, j], passes[5, j])
        out.discount[g] = math.exp(-out.rate[g] * years[g])
        out.dividend_yield[g] = out.rate[g] - carry
        out.forward[g] = spot * math.exp(carry * years[g])
