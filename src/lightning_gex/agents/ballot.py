"""How an agent's view becomes votes: one place for abstention, confidence and brackets.

Only + - * / and comparisons appear here and in the agents, so that a row's vote is the same to the bit whether it is
computed in a history or as an array of length one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from lightning_gex.core.features import Features
from lightning_gex.core.units import BoolArray1D, Float64Array1D, Int8Array1D
from lightning_gex.core.votes import Evidence, Votes


@dataclass(frozen=True, slots=True, eq=False)
class BallotVotes(Votes):
    """Votes that can name what was absent on each row.

    Parameters
    ----------
    missing : input -> (n,) bool, True where it is absent.
    explanation : what the features say about inputs that are absent throughout; may be empty.
    """

    missing: tuple[tuple[str, BoolArray1D], ...] = ()
    explanation: str = ""

    def why_not(self, i: int) -> str:
        """The inputs that are absent on row ``i``."""
        names = ", ".join([name for name, absent in self.missing if absent[i]])
        return f"absent: {names}{self.explanation}"


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What an agent makes of the features, before it is put as votes.

    Parameters
    ----------
    score : (n,) in [-1, 1]: the sign is the direction, the size the strength, 0 neutral. Ignored where an input is
        absent.
    target_price, stop_price : (n,) USD, meant for the direction of the score; NaN where there is none.
    evidence : the findings.
    """

    score: Float64Array1D
    target_price: Float64Array1D
    stop_price: Float64Array1D
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """What stays the same on every row of an agent's votes.

    Parameters
    ----------
    agent, strategy : names.
    max_edge : confidence above one half at full strength, (0, 0.5].
    horizon_sessions : sessions the vote is meant for.
    """

    agent: str
    strategy: str
    max_edge: float
    horizon_sessions: int


def cast(terms: Terms, view: View, features: Features, needed: Mapping[str, Float64Array1D]) -> Votes:
    """Votes from a view: confidence = 0.5 + max_edge |score|, abstaining where a needed input is absent.

    Parameters
    ----------
    terms : the agent's constants.
    view : its score, levels and findings.
    features : (n,) rows; ``features.absent`` explains what is missing throughout.
    needed : input -> (n,) float64, NaN where absent.

    Returns
    -------
    (n,) votes. Targets and stops survive where they are positive and on the right side of the price.
    """
    missing = tuple((name, np.isnan(values)) for name, values in needed.items())
    abstained = np.zeros(len(features), dtype=np.bool_)
    for _, absent in missing:
        abstained |= absent
    score = np.where(abstained | np.isnan(view.score), 0.0, np.clip(view.score, -1.0, 1.0))
    direction = sign_of(score)
    price = features["price"]
    return BallotVotes(
        agent=terms.agent,
        strategy=terms.strategy,
        direction=direction,
        confidence=np.where(abstained, np.nan, 0.5 + terms.max_edge * np.abs(score)),
        target_price=_on_side(view.target_price, price, direction),
        stop_price=_on_side(view.stop_price, price, -direction),
        horizon_sessions=np.full(len(features), terms.horizon_sessions, dtype=np.int64),
        abstained=abstained,
        abstain_reason=f"needs {', '.join(needed)}",
        evidence=tuple(replace(e, sign=np.where(abstained, 0, e.sign).astype(np.int8)) for e in view.evidence),
        missing=missing,
        explanation=_explained(features, needed),
    )


def finding(bullish: str, bearish: str, leaning: Float64Array1D | Int8Array1D, *values: Float64Array1D) -> Evidence:
    """Evidence whose sign is that of ``leaning`` (n,); silent where it is 0 or NaN.

    ``{0}``, ``{1}`` ... in its sentences stand for the (n,) ``values``.
    """
    return Evidence(bullish, bearish, sign_of(leaning), values)


def sign_of(values: Float64Array1D | Int8Array1D) -> Int8Array1D:
    """(n,) -1, 0, 1; 0 where NaN."""
    return (values > 0).astype(np.int8) - (values < 0).astype(np.int8)


def ramp(values: Float64Array1D, low: float, high: float) -> Float64Array1D:
    """(n,) 0 at ``low``, 1 at ``high``, straight between and flat outside; NaN where NaN."""
    risen: Float64Array1D = np.clip((values - low) / (high - low), 0.0, 1.0)
    return risen


def known_or(values: Float64Array1D, other: float) -> Float64Array1D:
    """(n,) the values, and ``other`` where they are absent: for inputs whose absence a rule has a defined answer to."""
    return np.where(np.isnan(values), other, values)


def above_zero(values: Float64Array1D) -> Float64Array1D:
    """(n,) the values, NaN where they are not positive: an average of zero is nothing to compare with."""
    return np.where(values > 0, values, np.nan)


def _on_side(level: Float64Array1D, price: Float64Array1D, side: Int8Array1D) -> Float64Array1D:
    """The level where it is positive and lies strictly on that side of the price; NaN elsewhere."""
    right = ((side > 0) & (level > price)) | ((side < 0) & (level < price) & (level > 0))
    return np.where(right, level, np.nan)


def _explained(features: Features, needed: Mapping[str, Float64Array1D]) -> str:
    """Why the inputs that are absent throughout are so, in the words of whoever made the features."""
    why = {features.absent[name]: None for name in needed if name not in features.columns and name in features.absent}
    return f" ({'; '.join(why)})" if why else ""
