"""Breakout Agent: closes beyond support or resistance, from levels and volume."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightning_gex.agents.ballot import Terms, View, above_zero, cast, finding, known_or, ramp, sign_of
from lightning_gex.core.features import Features
from lightning_gex.core.votes import Votes

_NEEDED = ("price", "resistance", "support")
_HEAVY, _LIGHT = "on {0:.2f} times average volume", "on only {0:.2f} times average volume"


@dataclass(frozen=True, slots=True)
class BreakoutAgent:
    """Goes with a close beyond the extreme of the 20 sessions before, more firmly on heavy volume.

    score = +-(``quiet_volume_score`` rising to 1 as volume goes from its average to ``heavy_volume`` times it); neutral
    between the levels. Without volume (a cash index has none) a break counts as one on quiet volume, and says so.

    Parameters
    ----------
    quiet_volume_score : strength of a break at or below average volume, [0, 1].
    heavy_volume : multiple of average volume that confirms a break fully, above 1.
    target_atr : distance of the target from the price, in ATR 14; 2.1 is about one standard deviation of a ten-session
        move.
    stop_atr : distance of the stop from the price, in ATR 14, about as far; nearer where ``level_atr`` behind the
        broken level is.
    level_atr : ATR 14 behind the broken level at which the break has failed.
    horizon_sessions : sessions the vote is meant for.
    max_edge : confidence above one half at full strength.
    """

    quiet_volume_score: float = 0.4
    heavy_volume: float = 2.0
    target_atr: float = 2.1
    stop_atr: float = 2.0
    level_atr: float = 1.0
    horizon_sessions: int = 10
    max_edge: float = 0.25

    @property
    def name(self) -> str:
        """Display name."""
        return "Breakout Agent"

    @property
    def strategy(self) -> str:
        """The word the tactical layer knows it by."""
        return "breakout"

    def vote(self, features: Features) -> Votes:
        """(n,) votes; abstains where price, resistance or support is absent. Target and stop need ATR."""
        price, resistance, support = (features[name] for name in _NEEDED)
        side = sign_of((price > resistance).astype(np.float64) - (price < support))
        relative_volume = features["volume"] / above_zero(features["avg_volume"])
        confirmed = known_or(ramp(relative_volume, 1.0, self.heavy_volume), 0.0)
        score = side * (self.quiet_volume_score + (1 - self.quiet_volume_score) * confirmed)
        atr = features["atr"]
        level = np.where(side > 0, resistance, support)
        distance = np.minimum(self.stop_atr * atr, side * (price - level) + self.level_atr * atr)
        heavy, unknown = relative_volume > 1.0, np.isnan(relative_volume)
        evidence = (
            finding(
                "close {0:.2f}, above the resistance of 20 sessions at {1:.2f}",
                "close {0:.2f}, below the support of 20 sessions at {1:.2f}",
                side,
                price,
                level,
            ),
            finding(_HEAVY, _HEAVY, np.where(heavy, side, 0), relative_volume),
            finding(_LIGHT, _LIGHT, np.where(~heavy & ~unknown, side, 0), relative_volume),
            finding("volume unknown", "volume unknown", np.where(unknown, side, 0)),
        )
        view = View(score, price + side * self.target_atr * atr, price - side * distance, evidence)
        terms = Terms(self.name, self.strategy, self.max_edge, self.horizon_sessions)
        return cast(terms, view, features, {name: features[name] for name in _NEEDED})
