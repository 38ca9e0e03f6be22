"""The tickers of one session beside each other: the best one's idea is served first."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lightning_gex.core.units import Float64Array1D

#: Sessions of a year: the window of the high and of the usual volatility.
HIGH_SESSIONS = 252
#: Sessions of half a year, over which momentum is taken.
MOMENTUM_SESSIONS = 126
#: Sessions of a quarter, whose volatility is the unit of the distance to the high.
UNIT_SESSIONS = 63
#: Sessions of a month, whose volatility is set beside the year's.
CALM_SESSIONS = 21
#: Parts of the score: nearness to the high, momentum, calm. Momentum, which both pairs tried had, counts twice.
WEIGHTS = (0.25, 0.50, 0.25)


#: Points of accuracy over the same dates' universe that these traits showed in 2012-2021, as a fraction: what an agent
#: has proved is set beside it.
USUAL_EDGE = 0.03


@dataclass(frozen=True, slots=True)
class Rank:
    """A ticker's place in the universe of its session.

    Parameters
    ----------
    place : 1 for the best.
    of : how many traded in the session.
    score : what they are ordered by; NaN where it is not known, which comes last.
    proved_share : the part of the score that is the opinion of agents that have proved themselves, [0, 1).
    """

    place: int
    of: int
    score: float
    proved_share: float = 0.0


@dataclass(frozen=True, slots=True)
class ProvedOpinion:
    """What agents that have proved themselves think of each ticker of a session.

    Parameters
    ----------
    edge : proved against the same dates' tickers, in probability; 0 where nobody has proved anything.
    log_odds : ticker -> of a rise, by those agents; 0 where they say nothing.
    """

    edge: float
    log_odds: Mapping[str, float]

    @property
    def share(self) -> float:
        """The part of the order that it makes, [0, 1): its edge over that and the usual order's."""
        return self.edge / (self.edge + USUAL_EDGE)


NO_OPINION = ProvedOpinion(0.0, {})


@dataclass(frozen=True, slots=True)
class Traits:
    """What a ticker is compared by; larger is better, NaN where it is not known.

    Parameters
    ----------
    nearness : logarithm of the close over the highest of a year's, in standard deviations of a session.
    momentum : return of half a year, a fraction.
    calm : less the last month's volatility over the year's.
    """

    nearness: float
    momentum: float
    calm: float


UNKNOWN = Traits(math.nan, math.nan, math.nan)


def ranked(scores: Mapping[str, float], proved_share: float = 0.0) -> dict[str, Rank]:
    """Every ticker's rank, best first: by score, then by name. The order in which they come does not matter.

    Parameters
    ----------
    scores : ticker -> score; what is no number comes last.
    proved_share : the part of the scores that is proved opinion, for the record.

    Examples
    --------
    >>> [(ticker, rank.place) for ticker, rank in ranked({"MSFT": 0.55, "AAPL": 0.6, "IBM": 0.55}).items()]
    [('AAPL', 1), ('IBM', 2), ('MSFT', 3)]
    """

    def order(ticker: str) -> tuple[bool, float, str]:
        score = scores[ticker]
        return math.isnan(score), -score if not math.isnan(score) else 0.0, ticker

    count = len(scores)
    return {
        ticker: Rank(k, count, scores[ticker], proved_share)
        for k, ticker in enumerate(sorted(scores, key=order), start=1)
    }


def heeding(usual: Mapping[str, float], opinion: ProvedOpinion) -> dict[str, float]:
    """The scores of a session with the opinion of agents that have proved themselves as one more trait.

    The opinion becomes the share of the others that are thought worse of, as every trait does, and counts by what it
    has proved beside what the usual order has shown: ``opinion.share`` of the whole.

    Parameters
    ----------
    usual : ticker -> score by ``standing``; NaN, where it is not known, counts as the worst.
    opinion : of those agents.

    Returns
    -------
    ticker -> score; the usual scores themselves where nothing is proved.

    Examples
    --------
    >>> heeding({"A": 1.0, "B": 0.0}, ProvedOpinion(0.03, {"A": -0.2, "B": 0.2}))
    {'A': 0.5, 'B': 0.5}
    >>> heeding({"A": 1.0, "B": 0.0}, ProvedOpinion(0.09, {"A": -0.2, "B": 0.2}))
    {'A': 0.25, 'B': 0.75}
    """
    share = opinion.share
    if share == 0.0:
        return dict(usual)
    thought = np.array([opinion.log_odds.get(ticker, 0.0) for ticker in usual])
    worse = (thought[:, None] > thought[None, :]).sum(axis=1)
    equal = (thought[:, None] == thought[None, :]).sum(axis=1) - 1
    place = (worse + 0.5 * equal) / max(1, len(thought) - 1)
    return {
        ticker: (1.0 - share) * (0.0 if math.isnan(score) else score) + share * at
        for (ticker, score), at in zip(usual.items(), place.tolist(), strict=True)
    }


def traits_of(close: Float64Array1D, row: int) -> Traits:
    """What a ticker is compared by, from the year of closes up to a row.

    Parameters
    ----------
    close : (n,) USD, adjusted for splits.
    row : the session's row; nothing after it is looked at.

    Returns
    -------
    All three; ``UNKNOWN`` with fewer than 253 closes, or where prices did not move or are no positive numbers.

    Examples
    --------
    >>> import numpy as np
    >>> traits = traits_of(100.0 * np.exp(0.01 * (np.arange(253) % 2)), 252)
    >>> round(traits.nearness, 2), round(traits.momentum, 2), round(traits.calm, 2)
    (-1.0, 0.0, -1.0)
    """
    if row < HIGH_SESSIONS:
        return UNKNOWN
    year = close[row - HIGH_SESSIONS : row + 1]
    if not (np.isfinite(year).all() and (year > 0.0).all()):
        return UNKNOWN
    log_price = np.log(year)
    steps = log_price[1:] - log_price[:-1]
    unit, usual = _spread(steps[-UNIT_SESSIONS:]), _spread(steps)
    if not (unit > 0.0 and usual > 0.0):
        return UNKNOWN
    return Traits(
        nearness=float(log_price[-1] - log_price[1:].max()) / unit,
        momentum=float(year[-1] / year[-1 - MOMENTUM_SESSIONS]) - 1.0,
        calm=-_spread(steps[-CALM_SESSIONS:]) / usual,
    )


def _spread(steps: Float64Array1D) -> float:
    """Their standard deviation, as ``numpy.std`` takes it but without what that spends on other shapes and types."""
    away = steps - np.add.reduce(steps) / len(steps)
    return math.sqrt(np.add.reduce(away * away) / len(steps))


def standing(traits: Mapping[str, Traits]) -> dict[str, float]:
    """Every ticker's score in its session's universe, 0 for the worst possible and 1 for the best.

    Each trait is turned into the share of the others that are worse (half of those that are equal), so that no trait
    counts for more because its numbers are larger; the score is their mean by ``WEIGHTS``. Nearness to a year's high is
    George and Hwang's order (Journal of Finance 59, 2004), the return of half a year Jegadeesh and Titman's (Journal of
    Finance 48, 1993); that past winners do better when they are calm is Barroso and Santa-Clara's observation (Journal
    of Financial Economics 116, 2015). ``docs/concepts/what_was_tried.md`` has every order that was tried.

    Parameters
    ----------
    traits : ticker -> what it is compared by.

    Returns
    -------
    ticker -> score; NaN where one of its traits is, which then counts for nobody. One ticker alone has 0.5.

    Examples
    --------
    >>> standing({"A": Traits(-1.0, 0.2, -1.0), "B": Traits(-2.0, 0.1, -1.0), "C": UNKNOWN})
    {'A': 0.875, 'B': 0.125, 'C': nan}
    """
    table = np.array([(t.nearness, t.momentum, t.calm) for t in traits.values()], dtype=np.float64).reshape(-1, 3)
    known = np.isfinite(table).all(axis=1)
    scores = np.full(len(table), np.nan)
    count = int(known.sum())
    if count == 1:
        scores[known] = 0.5
    elif count > 1:
        there = table[known]
        worse = (there[:, None, :] > there[None, :, :]).sum(axis=1)
        equal = (there[:, None, :] == there[None, :, :]).sum(axis=1) - 1
        shares = (worse + 0.5 * equal) / (count - 1)
        scores[known] = shares[:, 0] * WEIGHTS[0] + shares[:, 1] * WEIGHTS[1] + shares[:, 2] * WEIGHTS[2]
    return dict(zip(traits, scores.tolist(), strict=True))
