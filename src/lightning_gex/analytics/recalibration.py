"""From what is said to what comes true: a probability corrected by past outcomes, one outcome at a time.

A statement about direction starts from its base rate, how often moves over its horizon had that direction before. Three
things are learnt from outcomes: whether prices rise more or less often than before, whether those who are surer are
right more often, and whether statements come true more often than all this says, whichever way they point. Each starts
at nothing and is shrunk towards it (Efron & Morris 1975). Sureness counts as in the beta calibration of Kull, Silva
Filho & Flach (2017) with one slope, which is not allowed below 0: who is surer is never believed less. The skill of
statements counts as far as it is beyond two standard errors (soft thresholding, Donoho & Johnstone 1994): what chance
gives is not skill.

Outcomes that overlap in time share most of what made them: each counts one over its horizon, so that a whole horizon of
daily statements counts like one.

References
----------
- Donoho & Johnstone (1994), Ideal spatial adaptation by wavelet shrinkage, Biometrika 81(3).
- Efron & Morris (1975), Data analysis using Stein's estimator and its generalizations, JASA 70(350).
- Kull, Silva Filho & Flach (2017), Beta calibration, AISTATS, PMLR 54.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lightning_gex.core.errors import InputError
from lightning_gex.core.quick_init import quick_init
from lightning_gex.core.units import Float64Array1D, Int64Array1D

#: Share of moves of one to two weeks that were rises: S&P 500, 1999 to 2018, 56 % over 5 and 58 % over 10 sessions
#: (bars of the arch package).
LONG_RUN_RISES = 0.56
#: Windows without overlap that the long run counts like: about four years of moves over two weeks. Shares differ by
#: some 5 points in how often they rise, and 100 windows tell a share to within 5 points: one counts like the other.
LONG_RUN_WINDOWS = 100.0
#: Windows without overlap that "as often as before" counts like.
RISE_WINDOWS = 50.0
#: Windows without overlap that "no skill" counts like, and the standard errors that a skill must exceed.
SKILL_WINDOWS = 20.0
SKILL_STANDARD_ERRORS = 2.0
#: Weight of "sureness tells nothing", in windows times squared log-odds.
SURENESS_WEIGHT = 20.0
#: Windows without overlap that a usual confidence of 0.55 counts like in the mean that sureness is measured from.
USUAL_WINDOWS = 10.0
USUAL_SURENESS = math.log(0.55 / 0.45)
#: No correction may carry a probability beyond these.
LOWEST, HIGHEST = 0.05, 0.95


def share_of_rises(price: Float64Array1D, horizon_sessions: Int64Array1D) -> Float64Array1D:
    """How often the price rose over so many sessions, up to each row: the base rate of a rise.

    With m moves over the row's horizon h that ended at or before it, u of them up, (u / h + k p0) / (m / h + k): moves
    that overlap count one over h, and ``LONG_RUN_RISES`` (p0) counts ``LONG_RUN_WINDOWS`` (k).

    Parameters
    ----------
    price : (n,) USD at the close; NaN where absent.
    horizon_sessions : (n,) sessions, positive.

    Returns
    -------
    (n,) probability; NaN where not one move over the horizon has ended. Row i uses rows up to i only.

    Raises
    ------
    InputError : arrays of different lengths, or a horizon that is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> share_of_rises(np.array([1.0, 2.0, 3.0]), np.array([1, 1, 1])).round(4).tolist()
    [nan, 0.5644, 0.5686]
    """
    if price.shape != horizon_sessions.shape:
        raise InputError(f"{len(horizon_sessions)} horizons for {len(price)} prices", field="horizon_sessions")
    if (horizon_sessions < 1).any():
        raise InputError("a horizon is at least one session", field="horizon_sessions")
    out = np.full(len(price), np.nan)
    for h in np.unique(horizon_sessions).tolist():
        if h >= len(price):
            continue
        ended = np.zeros(len(price), dtype=np.int64)
        rose = np.zeros(len(price), dtype=np.int64)
        ended[h:] = ~np.isnan(price[h:] - price[:-h])
        rose[h:] = price[h:] > price[:-h]
        moves, rises = np.cumsum(ended), np.cumsum(rose)
        share = (rises / h + LONG_RUN_WINDOWS * LONG_RUN_RISES) / (moves / h + LONG_RUN_WINDOWS)
        here = (horizon_sessions == h) & (moves > 0)
        out[here] = share[here]
    return out


class Residuals(NamedTuple):
    """What came true less what was said, summed: ``weight`` in windows without overlap, ``total`` in probability times
    that.
    """

    total: float = 0.0
    weight: float = 0.0

    def mean(self, before: float, strength: float) -> float:
        """The mean, with ``before`` counting ``strength`` windows."""
        return (self.total + strength * before) / (self.weight + strength)

    def and_one(self, residual: float, weight: float) -> Residuals:
        """With one more."""
        return Residuals(self.total + weight * residual, self.weight + weight)


NO_RESIDUALS = Residuals()


@dataclass(frozen=True, slots=True)
class Statement:
    """A direction, for how long, and how likely it was said to be.

    Parameters
    ----------
    direction : -1 or 1.
    horizon_sessions : sessions, positive.
    anchor : probability of the direction before any observer spoke, in [0, 1].
    confidence : probability of the direction by the observers, in [0, 1]; below one half where it is not theirs.
    """

    direction: int
    horizon_sessions: int
    anchor: float
    confidence: float

    @property
    def sureness(self) -> float:
        """Log-odds of the confidence above the usual."""
        held = min(max(self.confidence, 1.0 - HIGHEST), HIGHEST)
        return math.log(held / (1.0 - held)) - USUAL_SURENESS


@quick_init
@dataclass(frozen=True, slots=True)
class Recalibration:
    """What outcomes have taught about statements, as a fold over them.

    Parameters
    ----------
    outcomes : how many were learnt from.
    rises : how much more often prices rose than the anchors said.
    sureness : how sure statements were, above the usual.
    covariance, variance : of sureness, about its mean so far, with the residuals that rises leave, and of sureness; in
        windows.
    unexplained : what rises and sureness leave, in the direction of the statements.
    """

    outcomes: int = 0
    rises: Residuals = NO_RESIDUALS
    sureness: Residuals = NO_RESIDUALS
    covariance: float = 0.0
    variance: float = 0.0
    unexplained: Residuals = NO_RESIDUALS

    @property
    def slope(self) -> float:
        """What one unit of log-odds of sureness adds to the probability, not negative."""
        return max(0.0, self.covariance / (self.variance + SURENESS_WEIGHT))

    @property
    def skill(self) -> float:
        """What statements come true beyond everything else, in probability; 0 within ``SKILL_STANDARD_ERRORS``."""
        weight = self.unexplained.weight
        if weight <= 0.0:
            return 0.0
        mean = self.unexplained.mean(0.0, SKILL_WINDOWS)
        by_chance = SKILL_STANDARD_ERRORS * 0.5 / math.sqrt(weight)  # one window: a coin's standard deviation of 0.5
        return math.copysign(max(0.0, abs(mean) - by_chance), mean)

    def correction(self, statement: Statement) -> float:
        """What outcomes add to the statement's anchor, in probability."""
        return self._drift(statement) + self.slope * self._unusual(statement) + self.skill

    def probability(self, statement: Statement) -> float:
        """The probability that the statement comes true: anchor and correction, within ``LOWEST`` .. ``HIGHEST``."""
        return min(max(statement.anchor + self.correction(statement), LOWEST), HIGHEST)

    def after(self, statement: Statement, *, right: bool) -> Recalibration:
        """What is known once the outcome of one more statement is."""
        weight = 1.0 / statement.horizon_sessions
        residual = float(right) - statement.anchor
        undrifted = residual - self._drift(statement)
        unusual = self._unusual(statement)
        return Recalibration(
            outcomes=self.outcomes + 1,
            rises=self.rises.and_one(residual * statement.direction, weight),
            sureness=self.sureness.and_one(statement.sureness, weight),
            covariance=self.covariance + weight * undrifted * unusual,
            variance=self.variance + weight * unusual * unusual,
            unexplained=self.unexplained.and_one(undrifted - self.slope * unusual, weight),
        )

    def _unusual(self, statement: Statement) -> float:
        return statement.sureness - self.sureness.mean(0.0, USUAL_WINDOWS)

    def _drift(self, statement: Statement) -> float:
        return statement.direction * self.rises.mean(0.0, RISE_WINDOWS)
