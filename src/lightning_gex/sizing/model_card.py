"""What a training came to out of sample, beside plain ways of sizing: the card by which a policy may be promoted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from lightning_gex.core.errors import InputError
from lightning_gex.core.units import Float64Array2D
from lightning_gex.sizing.contest import Score, mean_interval

CARD_FORMAT: Final = "lightning-gex-sizing-card"
CARD_VERSION: Final = 1
#: The champion where no policy has been promoted.
KELLY: Final = "kelly"
#: The champion's name in a card where a policy has been promoted before.
CHAMPION: Final = "champion"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A training over several seeds, judged on candidates none of its policies saw.

    Parameters
    ----------
    trained_on, judged_on : what the candidates were, in words.
    data_sha256, config_sha256, judged_sha256 : of the training candidates, of everything that shaped the training, and
        of the candidates it was judged on.
    seeds : of the trainings.
    blocks : stretches of a quarter of a year it was judged over.
    policy_sha256 : digest of the network beside this card: that of the seed with the median growth.
    chosen_seed : which that is.
    growth_by_seed : mean log growth a block, by seed.
    policy : summary over all seeds: growth with interval, drawdown, turnover, trades.
    others : way of sizing -> its summary.
    excess : way of sizing -> mean, low and high of the policies' log growth less its own, paired by block, averaged
        over seeds.
    champion_sha256 : digest of the promoted policy it was set against; empty where there was none.
    """

    trained_on: str
    judged_on: str
    data_sha256: str
    config_sha256: str
    judged_sha256: str
    seeds: tuple[int, ...]
    blocks: int
    policy_sha256: str
    chosen_seed: int
    growth_by_seed: Mapping[str, float]
    policy: Mapping[str, float]
    others: Mapping[str, Mapping[str, float]]
    excess: Mapping[str, Mapping[str, float]]
    champion_sha256: str = ""

    def to_json(self) -> str:
        """As text, with a digest of itself; the same for the same card."""
        record = {"format": CARD_FORMAT, "format_version": CARD_VERSION, **asdict(self)}
        text = json.dumps(record, sort_keys=True)
        return json.dumps(
            {**record, "card_sha256": hashlib.sha256(text.encode()).hexdigest()}, indent=2, sort_keys=True
        )

    @classmethod
    def from_json(cls, text: str, source: str) -> ModelCard:
        """Read what :meth:`to_json` wrote. Raises ``InputError`` on anything else, an altered card included."""
        try:
            raw = json.loads(text)
        except (ValueError, RecursionError):
            raise InputError("is no card of a model: train it again", source=source) from None
        if not isinstance(raw, dict) or raw.pop("format", None) != CARD_FORMAT:
            raise InputError("is no card of a model: train it again", source=source, field="format")
        version, digest = raw.pop("format_version", None), raw.pop("card_sha256", None)
        if version != CARD_VERSION:
            raise InputError(f"version {version} is not {CARD_VERSION}: train the model again", source=source)
        try:
            card = cls(**{**raw, "seeds": tuple(raw["seeds"])})
        except (KeyError, TypeError):
            raise InputError("lacks or adds a value: train the model again", source=source) from None
        if json.loads(card.to_json())["card_sha256"] != digest:
            raise InputError("was altered after it was written: train the model again", source=source)
        return card

    def verdict(self) -> tuple[bool, str]:
        """Whether the policies beat the champion, and the reason in words."""
        name = CHAMPION if self.champion_sha256 else KELLY
        found = self.excess[name]
        low, mean, high = found["low"], found["mean"], found["high"]
        what = f"log growth a quarter over {name}: {mean:+.5f}, 95 % interval {low:+.5f} to {high:+.5f}"
        scope = f"{len(self.seeds)} seeds, {self.blocks} quarters of {self.judged_on}"
        if low > 0:  # NaN, with too few quarters for an interval, is not
            return True, f"beats {name}: {what} ({scope})"
        return False, f"does not beat {name}: {what} ({scope})"


def chosen(scores: Sequence[Score]) -> int:
    """Which of the seeds has the median growth; of two in the middle the lower. The best is never chosen."""
    return int(np.argsort([score.log_growth.mean() for score in scores], kind="stable")[(len(scores) - 1) // 2])


def excess_over(growth: Float64Array2D, other: Score) -> dict[str, float]:
    """Mean and interval of (seeds, blocks) growth less another's (blocks,), paired by block."""
    paired = growth.mean(axis=0) - other.log_growth
    low, high = mean_interval(paired)
    return {"mean": float(paired.mean()), "low": low, "high": high}


def of_policies(scores: Sequence[Score]) -> Score:
    """The mean of several seeds, block by block; trades are counted over all of them."""
    columns: dict[str, Any] = {
        name: np.mean([getattr(s, name) for s in scores], axis=0) for name in ("log_growth", "max_drawdown", "turnover")
    }
    return Score(**columns, trades=np.sum([s.trades for s in scores], axis=0))
