"""How far similar past signals move the confidence of a new one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lightning_gex.core.errors import InputError, SettingsError
from lightning_gex.core.patterns import Neighbours

#: The founding document's bounds of the multiplier. A configuration may narrow them, never widen them.
LOWEST_MULTIPLIER = 0.8
HIGHEST_MULTIPLIER = 1.2
RECENT_SIGNALS = 50  # the founding document's short-term memory


@dataclass(frozen=True, slots=True)
class MemoryConfig:
    """How memory is asked and how far its answer counts.

    Parameters
    ----------
    neighbours : how many similar signals are recalled.
    similarity_threshold : in [0, 1]; less similar signals are not considered. 0.8 is a root mean square difference of
        0.4 on a scale from -1 to 1.
    minimum_neighbours : with fewer to consider the confidence stays as it is.
    prior_strength : how many imagined signals at the base win rate the considered ones are averaged with. Neighbours in
        time share most of their outcome, so this is large on purpose.
    lowest_multiplier, highest_multiplier : bounds, within 0.8 .. 1.2 and around 1.
    recent_signals : length of the short-term memory.
    """

    neighbours: int = 20
    similarity_threshold: float = 0.8
    minimum_neighbours: int = 10
    prior_strength: float = 30.0
    lowest_multiplier: float = LOWEST_MULTIPLIER
    highest_multiplier: float = HIGHEST_MULTIPLIER
    recent_signals: int = RECENT_SIGNALS

    def __post_init__(self) -> None:
        if self.neighbours < 1 or self.minimum_neighbours < 1 or self.recent_signals < 1:
            raise SettingsError("memory: neighbours, minimum_neighbours and recent_signals must be at least 1")
        if not 0.0 <= self.similarity_threshold <= 1.0:
            raise SettingsError(f"memory: similarity_threshold {self.similarity_threshold} must lie in [0, 1]")
        if not 0.0 < self.prior_strength < math.inf:
            raise SettingsError(f"memory: prior_strength {self.prior_strength} must be a positive number")
        if not LOWEST_MULTIPLIER <= self.lowest_multiplier <= 1.0 <= self.highest_multiplier <= HIGHEST_MULTIPLIER:
            raise SettingsError(
                f"memory: the multiplier's bounds {self.lowest_multiplier} and {self.highest_multiplier} must lie "
                f"within {LOWEST_MULTIPLIER} and {HIGHEST_MULTIPLIER}, on either side of 1"
            )


@dataclass(frozen=True, slots=True)
class ConfidenceAdjustment:
    """What memory made of a confidence.

    Parameters
    ----------
    confidence : the adjusted probability, [0, 1]; NaN where there was none to adjust.
    multiplier : within the configured bounds; exactly 1 where memory has nothing to say.
    reason : why, in words.
    considered : how many neighbours counted.
    fallback : what stood in for something missing, or None.
    """

    confidence: float
    multiplier: float
    reason: str
    considered: int
    fallback: str | None


def adjust_confidence(
    confidence: float, neighbours: Neighbours, *, base_win_rate: float, config: MemoryConfig
) -> ConfidenceAdjustment:
    """Scale a confidence by how often similar past signals won, against how often signals win at all.

    The neighbours at or above the similarity threshold are averaged, each weighted by its similarity, with a Beta prior
    of ``prior_strength`` signals at the base win rate. The multiplier is that average over the base win rate, cut to
    the bounds: neighbours that won as often as any signal leave the confidence alone, and so do few neighbours.

    Parameters
    ----------
    confidence : probability that the direction is right; cut to [0, 1].
    neighbours : what ``recall`` answered.
    base_win_rate : share of all resolved signals that won, in (0, 1]; NaN or 0 where none is known, then the confidence
        itself stands in for it and the record says so.
    config : thresholds, prior and bounds.

    Returns
    -------
    The adjusted confidence in [0, 1], never falling when another neighbour won. NaN confidence stays NaN.

    Raises
    ------
    InputError : a base win rate outside [0, 1].
    """
    if base_win_rate < 0.0 or base_win_rate > 1.0:
        raise InputError(f"{base_win_rate} is no share of signals", field="base_win_rate")
    if math.isnan(confidence):
        return ConfidenceAdjustment(math.nan, 1.0, "there is no confidence to adjust", 0, None)
    confidence = min(1.0, max(0.0, confidence))
    alike = neighbours.similarity >= config.similarity_threshold
    considered = int(np.count_nonzero(alike))
    if considered < config.minimum_neighbours:
        reason = (
            f"{considered} of {neighbours.resolved_in_book} resolved signals are similar enough, "
            f"{config.minimum_neighbours} are needed: confidence unchanged"
        )
        return ConfidenceAdjustment(confidence, 1.0, reason, considered, None)
    base, fallback = _base(base_win_rate, confidence)
    if base == 0.0:
        return ConfidenceAdjustment(confidence, 1.0, "a confidence of 0 cannot be scaled", considered, fallback)
    weight = neighbours.similarity[alike]
    won = neighbours.won[alike]
    prior = config.prior_strength
    expected = (prior * base + float(weight[won].sum())) / (prior + float(weight.sum()))
    multiplier = min(config.highest_multiplier, max(config.lowest_multiplier, expected / base))
    reason = (
        f"{int(np.count_nonzero(won))} of {considered} similar past signals won, where {base:.0%} usually do: "
        f"confidence x {multiplier:.3f}"
    )
    return ConfidenceAdjustment(min(1.0, confidence * multiplier), multiplier, reason, considered, fallback)


def _base(base_win_rate: float, confidence: float) -> tuple[float, str | None]:
    if base_win_rate > 0.0:
        return base_win_rate, None
    return confidence, "no base win rate is known yet: the confidence itself stands in"
