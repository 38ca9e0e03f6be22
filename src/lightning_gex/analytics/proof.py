"""What an observer's calls have proved: more right than their comparison, beyond luck, as a fold over sessions.

A call says that a price rises or falls over so many sessions. It is compared twice. *Across*: was it right more often
than the same call on the other tickers of the same dates? *In time*: did the calls of a session, taken together, go
with what prices did beyond their base rates? The two are the parts of one sum and know nothing of each other: with
d the direction of a call (0 where there is none), y whether the price rose, b the base rate of that and e = y - b,

    sum d e  =  sum d (e - mean e)  +  mean e x sum d.

Of luck the first part has the variance that handing the same outcomes to the tickers in another order would give,
sum (d - mean d)^2 x sum (e - mean e)^2 / (n - 1): what all tickers have in common falls out (Pitman 1937). The second
has at most (sum d)^2 x mean b (1 - b), as if all tickers were one. Windows of h sessions overlap h times, so each
counts one over h. Some tickers may have more in common than others, a sector for example: the variance between months
takes over where it is the larger (Cochran 1977, 6.3 and 9A).

References
----------
- Cochran (1977), Sampling techniques, 3rd edition, Wiley.
- Donoho & Johnstone (1994), Ideal spatial adaptation by wavelet shrinkage, Biometrika 81(3): soft thresholding.
- Pitman (1937), Significance tests which may be applied to samples from any populations, Supplement to the Journal of
  the Royal Statistical Society 4(1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

import numba
import numpy as np

from lightning_gex.core.units import Float64Array1D, Float64Array2D, Int8Array2D

#: Chance that luck alone lets any of several observers prove anything, in either way, at one look.
PROOF_LEVEL = 0.01
#: Windows without overlap at no edge that what is proved is averaged with.
PROOF_WINDOWS = 20.0


class Score(NamedTuple):
    """What the calls of one observer that ended with one session came to.

    Parameters
    ----------
    total : how many more of them were right than the comparison says, each over its horizon.
    variance : of ``total`` by luck.
    calls : how many, each over its horizon.
    """

    total: float
    variance: float
    calls: float

    def plus(self, other: Score) -> Score:
        """Of both together."""
        return Score(self.total + other.total, self.variance + other.variance, self.calls + other.calls)


class Proof(NamedTuple):
    """What is known of an observer's edge, as a fold over its scores; all figures forget.

    Parameters
    ----------
    total, variance, calls : sums of scores of earlier months and of this one; of ``Score``.
    month_total, month_calls : this month's part of them.
    months : earlier months with a call.
    totals_squared, calls_squared, cross : over those, the sums of total^2, of calls^2 and of total times calls.
    """

    total: float = 0.0
    variance: float = 0.0
    calls: float = 0.0
    month_total: float = 0.0
    month_calls: float = 0.0
    months: float = 0.0
    totals_squared: float = 0.0
    calls_squared: float = 0.0
    cross: float = 0.0

    def after(self, score: Score) -> Proof:
        """With the scores of one more session."""
        return self._replace(
            total=self.total + score.total,
            variance=self.variance + score.variance,
            calls=self.calls + score.calls,
            month_total=self.month_total + score.total,
            month_calls=self.month_calls + score.calls,
        )

    def at_month(self, kept: float) -> Proof:
        """The month so far joins the earlier ones, and everything is forgotten but for the share ``kept``."""
        total, calls, squared = self.month_total, self.month_calls, kept * kept
        return Proof(
            total=self.total * kept,
            variance=self.variance * squared,
            calls=self.calls * kept,
            months=self.months + (calls > 0.0),
            totals_squared=(self.totals_squared + total * total) * squared,
            calls_squared=(self.calls_squared + calls * calls) * squared,
            cross=(self.cross + total * calls) * squared,
        )

    @property
    def standard_error(self) -> float:
        """Of ``total``: by luck within sessions, or between months where that is more."""
        months = self.months + (self.month_calls > 0.0)
        between = 0.0
        if months >= 2.0:
            mean = self.total / self.calls
            squares = self.totals_squared + self.month_total**2
            squares -= 2.0 * mean * (self.cross + self.month_total * self.month_calls)
            squares += mean * mean * (self.calls_squared + self.month_calls**2)
            between = max(squares, 0.0) * months / (months - 1.0)
        return math.sqrt(max(self.variance, between))

    @property
    def standard_errors(self) -> float:
        """By how many of them the calls did better than their comparison; NaN before any."""
        error = self.standard_error
        return self.total / error if error > 0.0 else math.nan

    def edge(self, hurdle: float) -> float:
        """What is proved: how much more often a call is right than its comparison, in probability; 0 where nothing is.

        Parameters
        ----------
        hurdle : standard errors that luck is granted; only what lies beyond them counts.
        """
        error = self.standard_error
        if not error > 0.0:  # calls that cannot be told from their comparison
            return 0.0
        return max(0.0, self.total - hurdle * error) / (self.calls + PROOF_WINDOWS)


def hurdle(observers: int) -> float:
    """Standard errors that luck is granted where so many are looked at, each in two ways, at ``PROOF_LEVEL`` together.

    Examples
    --------
    >>> round(hurdle(5), 2), round(hurdle(1), 2)
    (3.09, 2.58)
    """
    return NormalDist().inv_cdf(1.0 - PROOF_LEVEL / (2.0 * max(1, observers)))


@dataclass(frozen=True, slots=True)
class SessionScores:
    """Scores of several observers for one session, one entry each.

    Parameters
    ----------
    across : against the same dates' tickers.
    in_time : of all tickers together, against their base rates.
    """

    across: tuple[Score, ...]
    in_time: tuple[Score, ...]


def session_scores(
    direction: Int8Array2D, rose: Float64Array1D, base_rate: Float64Array1D, horizon_sessions: int
) -> SessionScores:
    """What calls that ended with one session came to.

    Parameters
    ----------
    direction : (a, n) -1, 0, 1: what each of a observers said of each of n tickers; 0 where it said nothing.
    rose : (n,) 1 where the price had risen at the end, 0 where not.
    base_rate : (n,) how often it rose over so many sessions before, in (0, 1).
    horizon_sessions : sessions, positive.

    Returns
    -------
    Scores, one an observer in either way.

    Examples
    --------
    >>> import numpy as np
    >>> found = session_scores(np.array([[1, -1]], dtype=np.int8), np.array([1.0, 0.0]), np.array([0.5, 0.5]), 1)
    >>> found.across[0], found.in_time[0]
    (Score(total=1.0, variance=1.0, calls=2.0), Score(total=0.0, variance=0.0, calls=2.0))
    """
    sums = _session_sums(direction, rose, base_rate)
    sums *= 1.0 / horizon_sessions
    rows = sums.tolist()
    return SessionScores(
        across=tuple(Score(total, variance, number) for total, variance, _, _, number in rows),
        in_time=tuple(Score(total, variance, number) for _, _, total, variance, number in rows),
    )


@numba.njit(cache=True, error_model="numpy")
def _session_sums(direction: Int8Array2D, rose: Float64Array1D, base_rate: Float64Array1D) -> Float64Array2D:
    """(a, 5) total and variance across, total and variance in time, and calls; a kernel, since every session asks."""
    observers, count = direction.shape
    common, drift = 0.0, 0.0
    for k in range(count):
        common += rose[k] - base_rate[k]
        drift += base_rate[k] * (1.0 - base_rate[k])
    common /= count
    drift /= count
    squares = 0.0
    for k in range(count):
        apart = rose[k] - base_rate[k] - common
        squares += apart * apart
    luck = squares / (count - 1) if count > 1 else 0.0
    sums = np.empty((observers, 5))
    for one in range(observers):
        net, calls = 0.0, 0.0
        for k in range(count):
            net += direction[one, k]
            calls += abs(direction[one, k])
        middle = net / count
        total, spread = 0.0, 0.0
        for k in range(count):
            leaning = direction[one, k] - middle  # exactly 0 where all is said to go one way: no dust is ever proved
            total += leaning * (rose[k] - base_rate[k] - common)
            spread += leaning * leaning
        sums[one] = (total, spread * luck, net * common, net * net * drift, calls)
    return sums
