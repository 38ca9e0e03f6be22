"""American options: what the right to exercise early is worth, and the volatility without it.

A quote of an American option holds the premium of early exercise. Put into the European formula it gives a volatility
that is too high. ``european_equivalent`` finds the volatility at which the American model gives the quote: the one to
put into European Greeks, and the one a European option on the same share would have. The premium is Kim's integral

    put: int_0^T [r K e^{-ru} N(-d-(u, S / B(T - u))) - q S e^{-qu} N(-d+(u, S / B(T - u)))] du

over the boundary B of ``american_boundary``. Boundaries are solved once for each series (years, rate, dividend yield)
at the volatilities of a fixed grid and interpolated between them, so a chain costs little more than its quadrature, and
a contract's value depends on its own terms alone. Every kernel takes contracts of one series.

Limits. Dividends are a continuous yield, as put-call parity of the chain implies it: right for indices and for funds
that pay little and often. A share that pays one large dividend before expiry makes exercise of its calls worth while
just before it only; the premium of those calls is then wrong by up to a part of that dividend. A borrow fee acts like a
dividend yield and is in the implied one. Rates and fees do not change over the life of the option.

Sources: Kim, Rev. Financial Studies 3 (1990) 547-572; Andersen, Lake & Offengenden, J. Comput. Finance 20(1) (2016)
39-87; Carr, Jarrow & Myneni, Math. Finance 2 (1992) 87-106 (the premium as the carry earned after exercise).
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike

from lightning_gex.analytics.american_kernels import TWO_BOUNDARIES, equivalent_runs, premium_runs
from lightning_gex.analytics.black_scholes import broadcast_columns
from lightning_gex.analytics.black_scholes import price as european_price
from lightning_gex.core.units import Float64Array1D, Int8Array1D


class AmericanVolStatus(IntEnum):
    """How the search for a volatility ended: the words and codes of ``ImpliedVolStatus``, and one more."""

    SOLVED = 0
    BELOW_INTRINSIC = 1
    NO_TIME_VALUE = 2
    ABOVE_BOUND = 3
    INVALID_INPUT = 4
    OUT_OF_RANGE = 5
    TWO_BOUNDARIES = TWO_BOUNDARIES

    @property
    def reason(self) -> str:
        """The word the refusal is counted under."""
        return f"implied_vol_{self.name.lower()}"


def early_exercise_premium(
    spot: ArrayLike,
    strike: ArrayLike,
    time_to_expiry_years: ArrayLike,
    implied_vol: ArrayLike,
    rate: ArrayLike,
    dividend_yield: ArrayLike,
    is_call: ArrayLike,
) -> Float64Array1D:
    """What the right to exercise before expiry adds to the price of an option.

    Parameters
    ----------
    As ``black_scholes.price``. Contracts of one series (same spot, time, rate, yield) share their work.

    Returns
    -------
    (n,) USD per share, >= 0, within about 1e-5 of the strike (puts) or spot (calls) and mostly within 1e-6. Where the
    share is beyond the boundary it is the value of exercising now less the European price. NaN where an input is not
    finite or not positive as there, where the volatility is outside ``LEAST_VOL`` .. ``LARGEST_VOL`` (0.8 % .. 566 %),
    and where the option has two boundaries: a put with dividend yield < rate < 0, a call with rate < yield < 0.

    Raises
    ------
    InputError : where the arguments' lengths do not fit together.

    Examples
    --------
    >>> round(float(early_exercise_premium(36.0, 40.0, 1.0, 0.2, 0.06, 0.0, False)[0]), 3)
    0.642
    """
    names = ("spot", "strike", "time_to_expiry_years", "implied_vol", "rate", "dividend_yield")
    arguments = (spot, strike, time_to_expiry_years, implied_vol, rate, dividend_yield)
    (S, K, T, sigma, r, q), call = broadcast_columns(dict(zip(names, arguments, strict=True)), is_call)
    order = np.lexsort((S, q, r, T))
    found = np.empty(len(call))
    out = np.empty(len(call))
    premium_runs(S[order], K[order], T[order], sigma[order], r[order], q[order], call[order], found)
    out[order] = found
    return out


def american_price(
    spot: ArrayLike,
    strike: ArrayLike,
    time_to_expiry_years: ArrayLike,
    implied_vol: ArrayLike,
    rate: ArrayLike,
    dividend_yield: ArrayLike,
    is_call: ArrayLike,
) -> Float64Array1D:
    """Price of American options on a share with a continuous dividend yield.

    Parameters
    ----------
    As ``black_scholes.price``.

    Returns
    -------
    (n,) USD per share: the European price and ``early_exercise_premium``, with the accuracy and the NaN rule of that.

    Raises
    ------
    InputError : where the arguments' lengths do not fit together.

    Examples
    --------
    >>> round(float(american_price(36.0, 40.0, 1.0, 0.2, 0.06, 0.0, False)[0]), 3)
    4.487
    """
    terms = (spot, strike, time_to_expiry_years, implied_vol, rate, dividend_yield, is_call)
    return european_price(*terms) + early_exercise_premium(*terms)


def european_equivalent(
    price: ArrayLike,
    spot: ArrayLike,
    strike: ArrayLike,
    time_to_expiry_years: ArrayLike,
    rate: ArrayLike,
    dividend_yield: ArrayLike,
    is_call: ArrayLike,
) -> tuple[Float64Array1D, Float64Array1D, Int8Array1D]:
    """The volatility at which the American model gives each price, and the premium in it.

    Parameters
    ----------
    price : USD per share today, of an American option.
    spot, strike : USD, positive.
    time_to_expiry_years : positive.
    rate, dividend_yield : continuous, per year.
    is_call : bool.
        Each is a number or (n,); numbers are broadcast. Contracts of one series share their work.

    Returns
    -------
    (n,) annualised volatility as a fraction; (n,) USD premium, the American less the European price at it; both NaN
    where there is none; and (n,) int8 codes of ``AmericanVolStatus``: ``SOLVED``; ``BELOW_INTRINSIC`` (price below the
    best of exercising now, later without uncertainty, and the European bound); ``NO_TIME_VALUE`` (equal to that within
    rounding: every low volatility gives it); ``ABOVE_BOUND`` (at or above strike for a put, spot for a call);
    ``INVALID_INPUT`` (not finite or not positive); ``OUT_OF_RANGE`` (volatility outside 0.8 % .. 566 %);
    ``TWO_BOUNDARIES`` (see ``early_exercise_premium``). Where early exercise never pays, volatility and status are
    those of ``implied_vol`` and the premium is 0.

    Raises
    ------
    InputError : where the arguments' lengths do not fit together.

    Examples
    --------
    >>> sigma, premium, status = european_equivalent(4.4866, 36.0, 40.0, 1.0, 0.06, 0.0, False)
    >>> round(float(sigma[0]), 3), round(float(premium[0]), 3), AmericanVolStatus(status[0]).name
    (0.2, 0.642, 'SOLVED')
    """
    names = ("price", "spot", "strike", "time_to_expiry_years", "rate", "dividend_yield")
    arguments = (price, spot, strike, time_to_expiry_years, rate, dividend_yield)
    (P, S, K, T, r, q), call = broadcast_columns(dict(zip(names, arguments, strict=True)), is_call)
    order = np.lexsort((S, q, r, T))
    n = len(call)
    sigma, premium, status = np.empty(n), np.empty(n), np.empty(n, dtype=np.int8)
    found = (np.empty(n), np.empty(n), np.empty(n, dtype=np.int8))
    equivalent_runs(P[order], S[order], K[order], T[order], r[order], q[order], call[order], *found)
    sigma[order], premium[order], status[order] = found
    return sigma, premium, status
