"""Options Flow Agent: dealer positioning and dark-pool flow, from ranks or from one chain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightning_gex.agents.ballot import Terms, View, cast, finding, known_or, sign_of
from lightning_gex.core.features import OPTIONS_FEATURES, Features
from lightning_gex.core.units import BoolArray1D, Float64Array1D
from lightning_gex.core.votes import Evidence, Votes

_RANK_SENTENCES = {
    "gex_signal": (
        "dealers' gamma is high for its year (rank {0:+.2f}): calm",
        "dealers' gamma is low for its year (rank {0:+.2f}): unrest",
    ),
    "charm_pressure": (
        "time decay makes dealers buy (rank {0:+.2f})",
        "time decay makes dealers sell (rank {0:+.2f})",
    ),
    "vanna_sensitivity": (
        "the volatility trend makes dealers buy (rank {0:+.2f})",
        "the volatility trend makes dealers sell (rank {0:+.2f})",
    ),
    "dark_pool_flow": (
        "dark-pool buying is high for its year (rank {0:+.2f})",
        "dark-pool buying is low for its year (rank {0:+.2f})",
    ),
}
#: Weights of what one chain tells: sign of net gamma, side of zero gamma, place between the walls. They sum to 1.
_CHAIN_WEIGHTS = (0.5, 0.3, 0.2)
_NEEDED = "an options feature or a chain"


@dataclass(frozen=True, slots=True)
class OptionsFlowAgent:
    """Reads the four ranks where at least one is known, else what one chain tells without history, and says which.

    With ranks: score = mean of the known ones, shrunk by (known + 4) / 8. With a chain only: weighted signs of net
    gamma, of price against zero gamma, and of the room between the walls (only while net gamma is positive, when walls
    hold), times ``chain_factor``, and times ``disagreement_factor`` where dealer models differ on the sign of gamma.
    What the chain does not have (no zero gamma, no wall) is silent. Dealer gamma forecasts calm rather than direction,
    and charm and vanna are experimental, so the strength is kept modest.

    Parameters
    ----------
    min_score : |score| below which it is neutral, [0, 1].
    chain_factor : strength of a single chain against four ranks, [0, 1]. Small: the sign of gamma tells how restless a
        market is and hardly which way it goes.
    disagreement_factor : what is left of a chain's score where dealer models disagree, [0, 1].
    near_wall : share of the distance between the walls within which a wall is near, (0, 0.5].
    target_atr, stop_atr : distances of target and stop from the price, in ATR 14, where no wall lies nearer; 2.1 is
        about one standard deviation of a ten-session move.
    wall_atr : a wall closer than this many ATR 14 is too near to be a target or a stop.
    horizon_sessions : sessions the vote is meant for.
    max_edge : confidence above one half at full strength.
    """

    min_score: float = 0.15
    chain_factor: float = 0.25
    disagreement_factor: float = 0.5
    near_wall: float = 0.25
    target_atr: float = 2.1
    stop_atr: float = 2.1
    wall_atr: float = 1.0
    horizon_sessions: int = 7
    max_edge: float = 0.25

    @property
    def name(self) -> str:
        """Display name."""
        return "Options Flow Agent"

    @property
    def strategy(self) -> str:
        """The word the tactical layer knows it by."""
        return "options_flow"

    def vote(self, features: Features) -> Votes:
        """(n,) votes; abstains where no options feature and no net gamma of a chain is known."""
        ranks = {name: features[name] for name in OPTIONS_FEATURES}
        known = np.zeros(len(features))
        total = np.zeros(len(features))
        for values in ranks.values():
            known = known + ~np.isnan(values)
            total = total + known_or(values, 0.0)
        has_ranks = known > 0
        signs = self._chain_signs(features)
        rank_score = total / np.maximum(known, 1.0) * (known + len(ranks)) / (2 * len(ranks))
        score = np.where(has_ranks, rank_score, self._chain_score(signs, features["dealer_models_agree"]))
        score = np.where(np.abs(score) >= self.min_score, score, 0.0)
        target, stop = self._levels(features, score)
        view = View(score, target, stop, self._evidence(ranks, signs, features, has_ranks))
        has_input = has_ranks | ~np.isnan(features["gamma_exposure_usd_per_pct"])
        terms = Terms(self.name, self.strategy, self.max_edge, self.horizon_sessions)
        return cast(terms, view, features, {_NEEDED: np.where(has_input, 0.0, np.nan)})

    def _chain_signs(self, features: Features) -> tuple[Float64Array1D, ...]:
        """Signs (n,) of net gamma, of price against zero gamma, and of the room between the walls; 0 where unknown."""
        price, call_wall, put_wall = (features[name] for name in ("price", "call_wall", "put_wall"))
        gamma = sign_of(features["gamma_exposure_usd_per_pct"]).astype(np.float64)
        flip = sign_of(price - features["zero_gamma"]).astype(np.float64)
        span = np.where(call_wall > put_wall, call_wall - put_wall, np.nan)
        place = (price - put_wall) / span
        near_put = (place >= 0) & (place <= self.near_wall)
        near_call = (place <= 1) & (place >= 1 - self.near_wall)
        walls = np.where(gamma > 0, near_put.astype(np.float64) - near_call, 0.0)
        return gamma, flip, walls

    def _chain_score(self, signs: tuple[Float64Array1D, ...], agree: Float64Array1D) -> Float64Array1D:
        total = np.zeros(len(agree))
        for weight, sign in zip(_CHAIN_WEIGHTS, signs, strict=True):
            total = total + weight * sign
        return total * self.chain_factor * np.where(agree == 0, self.disagreement_factor, 1.0)

    def _levels(self, features: Features, score: Float64Array1D) -> tuple[Float64Array1D, Float64Array1D]:
        """Target and stop: so many ATR, or a wall that lies nearer and yet not too near."""
        price, atr, side = features["price"], features["atr"], sign_of(score)
        ahead = np.where(side > 0, features["call_wall"], features["put_wall"])
        behind = np.where(side > 0, features["put_wall"], features["call_wall"])
        target = _nearer(side * (ahead - price), self.target_atr * atr, self.wall_atr * atr)
        stop = _nearer(side * (price - behind), self.stop_atr * atr, self.wall_atr * atr)
        return price + side * target, price - side * stop

    def _evidence(
        self,
        ranks: dict[str, Float64Array1D],
        signs: tuple[Float64Array1D, ...],
        features: Features,
        has_ranks: BoolArray1D,
    ) -> tuple[Evidence, ...]:
        gamma, flip, walls = (np.where(has_ranks, 0.0, sign) for sign in signs)
        only_chain = np.where(~has_ranks & ~np.isnan(features["gamma_exposure_usd_per_pct"]), 1.0, 0.0)
        agree = features["dealer_models_agree"]
        note = "one chain without history: its signs and levels are read, not its ranks"
        same, differ = "dealer models agree on the sign of gamma", "dealer models disagree on the sign of gamma"
        return (
            *(
                finding(*_RANK_SENTENCES[name], np.where(np.abs(v) >= self.min_score, v, 0.0), v)
                for name, v in ranks.items()
            ),
            finding(
                "dealers are long gamma, {0:,.0f} USD per 1 %",
                "dealers are short gamma, {0:,.0f} USD per 1 %",
                gamma,
                features["gamma_exposure_usd_per_pct"],
            ),
            finding(
                "price {0:.2f} above zero gamma {1:.2f}",
                "price {0:.2f} below zero gamma {1:.2f}",
                flip,
                features["price"],
                features["zero_gamma"],
            ),
            finding(
                "price {0:.2f} near the put wall {1:.2f}",
                "price {0:.2f} near the call wall {2:.2f}",
                walls,
                features["price"],
                features["put_wall"],
                features["call_wall"],
            ),
            finding(same, same, np.where(agree == 1, only_chain, 0.0)),
            finding(differ, differ, np.where(agree == 0, only_chain, 0.0)),
            finding(note, note, only_chain),
        )


def _nearer(wall: Float64Array1D, usual: Float64Array1D, least: Float64Array1D) -> Float64Array1D:
    """(n,) the distance to the wall where it is at least ``least`` and below ``usual``, else ``usual``."""
    return np.where((wall >= least) & (wall < usual), wall, usual)
