"""Kelly's fraction and Wilson's interval."""

from __future__ import annotations

import math
from statistics import NormalDist

from lightning_gex.core.errors import InputError


def kelly_fraction(win_probability: float, payoff_ratio: float) -> float:
    """The fraction of equity to put at risk that makes equity grow fastest in the long run.

    Parameters
    ----------
    win_probability : p in [0, 1].
    payoff_ratio : b > 0, what a win brings over what a loss costs.

    Returns
    -------
    f = p - (1 - p) / b, at most 1; zero or less where there is no edge. NaN where either argument is NaN.

    Raises
    ------
    InputError : p outside [0, 1] or b not positive.

    Notes
    -----
    Kelly, "A New Interpretation of Information Rate", 1956; Thorp, "The Kelly Criterion in Blackjack, Sports Betting
    and the Stock Market", 2006, equation for unequal payoffs.

    Examples
    --------
    >>> round(kelly_fraction(0.55, 1.0), 12)
    0.1
    """
    if math.isnan(win_probability) or math.isnan(payoff_ratio):
        return math.nan
    if not 0.0 <= win_probability <= 1.0:
        raise InputError(f"{win_probability} is no probability", field="win_probability")
    if payoff_ratio <= 0.0:
        raise InputError(f"{payoff_ratio} is not positive", field="payoff_ratio")
    return win_probability - (1.0 - win_probability) / payoff_ratio


def wilson_interval(successes: float, trials: float, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval for a proportion.

    Parameters
    ----------
    successes : in [0, trials]; need not be whole, so that an effective sample can be used.
    trials : not negative.
    level : two-sided confidence in (0, 1).

    Returns
    -------
    (low, high) within [0, 1]; (NaN, NaN) without a trial or where an argument is NaN.

    Raises
    ------
    InputError : successes outside [0, trials], or a level outside (0, 1).

    Notes
    -----
    Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22, 1927.

    Examples
    --------
    >>> [round(x, 2) for x in wilson_interval(31, 44)]
    [0.56, 0.82]
    """
    if not 0.0 < level < 1.0:
        raise InputError(f"{level} is no confidence level between 0 and 1", field="level")
    if math.isnan(successes) or math.isnan(trials) or trials == 0.0:
        return math.nan, math.nan
    if not 0.0 <= successes <= trials or math.isinf(trials):
        raise InputError(f"{successes} successes in {trials} trials", field="successes")
    z = NormalDist().inv_cdf(0.5 + 0.5 * level)
    proportion = successes / trials
    shrinkage = 1.0 + z * z / trials
    centre = (proportion + z * z / (2.0 * trials)) / shrinkage
    half = z / shrinkage * math.sqrt(proportion * (1.0 - proportion) / trials + z * z / (4.0 * trials * trials))
    # the proportion lies within its interval: rounding must not push it out at 0 and 1
    return max(0.0, min(centre - half, proportion)), min(1.0, max(centre + half, proportion))
