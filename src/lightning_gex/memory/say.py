"""How much say memory has earned: whether its advice, before it counted, went with what came."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lightning_gex.core.patterns import Outcome, Pattern

#: Standard errors above nothing that the agreement must reach before memory has any say (one-sided 2.3 %).
LEAST_EVIDENCE = 2.0
#: Information that advice is taken to have brought already, in vain: that of 50 windows without overlap whose shift was
#: 0.2 in log-odds at even odds, 50 x 0.2^2 x 0.25.
PRIOR_INFORMATION = 0.5


@dataclass(frozen=True, slots=True)
class MemorySay:
    """What became of memory's advice so far, heeded or not, as a fold over outcomes.

    With p the probability before memory, m the shift of log-odds that memory advised and y whether the direction was
    right, the best factor on m so far is the one step of logistic regression from no say at all,
    ``sum m (y - p) / sum m^2 p (1 - p)`` (the score over its information; D. R. Cox and D. V. Hinkley, Theoretical
    Statistics, 1974, section 9.3). Windows of h sessions overlap h times, so each counts 1/h.

    Parameters
    ----------
    outcomes : how many outcomes advice had been given on.
    agreement : sum of m (y - p) / h.
    information : sum of m^2 p (1 - p) / h.
    """

    outcomes: int = 0
    agreement: float = 0.0
    information: float = 0.0

    @property
    def share(self) -> float:
        """The share of its advice that memory may carry out, in [0, 1]; exactly 0 until it has earned any."""
        if self.agreement <= 0.0 or self.evidence < LEAST_EVIDENCE:
            return 0.0
        return min(1.0, self.agreement / (self.information + PRIOR_INFORMATION))

    @property
    def evidence(self) -> float:
        """By how many standard errors the advice went with what came; NaN before any."""
        return self.agreement / math.sqrt(self.information) if self.information > 0.0 else math.nan

    def after(self, pattern: Pattern, outcome: Outcome) -> MemorySay:
        """What is known once the outcome of one more signal is; one without advice changes nothing."""
        probability, shift = pattern.confidence_before_memory, pattern.memory_shift
        if not (0.0 < probability < 1.0 and math.isfinite(shift)):
            return self
        weight = 1.0 / max(1, pattern.horizon_sessions)
        return MemorySay(
            self.outcomes + 1,
            self.agreement + weight * shift * (outcome.right - probability),
            self.information + weight * shift * shift * probability * (1.0 - probability),
        )
