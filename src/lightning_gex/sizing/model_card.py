"""What a training came to out of sample, beside plain ways of sizing: the card by which a policy may be promoted."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from lightning_gex.core.errors import InputError
from lightning_gex.sizing.score import LEVEL

CARD_FORMAT: Final = "lightning-gex-sizing-card"
CARD_VERSION: Final = 2
#: The champion where no policy has been promoted.
KELLY: Final = "kelly"
#: The champion's name in a card where a policy has been promoted before.
CHAMPION: Final = "champion"
#: As much invested as the policies and looking at nothing: whoever does not beat it only takes larger sizes.
SAME_EXPOSURE: Final = "same_exposure"
#: One side of what a 95 % interval leaves out: the chance that a single attempt may have of passing without merit.
CHANCE_ALLOWED: Final = (1.0 - LEVEL) / 2.0


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A training over several seeds, judged on candidates none of its policies saw.

    Parameters
    ----------
    trained_on, judged_on : what the candidates were, in words.
    data_sha256, config_sha256, judged_sha256 : of the training candidates, of everything that shaped the training, and
        of the candidates it was judged on.
    counted_sha256 : of what attempts are counted on: a history, or the terms of a simulated market.
    attempts : trainings judged on it when this card was written, this one included.
    made_with : device, processor and libraries of the training.
    seeds : of the trainings.
    blocks : quarters of a year it was judged over.
    policy_sha256 : digest of the network beside this card: that of the seed with the median growth.
    chosen_seed : which that is.
    growth_by_seed : mean log growth a block, by seed.
    policy : summary over all seeds: growth with interval, drawdown, turnover, exposure, trades.
    others : way of sizing -> its summary.
    excess : way of sizing -> mean, low, high and chance_not_better of the policies' log growth less its own, paired by
        block; see ``score.Excess``.
    champion_sha256 : digest of the promoted policy it was set against; empty where there was none.
    """

    trained_on: str
    judged_on: str
    data_sha256: str
    config_sha256: str
    judged_sha256: str
    counted_sha256: str
    attempts: int
    made_with: Mapping[str, str]
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
        """As text, with a digest of itself; the same for the same card. What is absent is null."""
        record = {"format": CARD_FORMAT, "format_version": CARD_VERSION, **_without_nan(asdict(self))}
        text = json.dumps(record, sort_keys=True, allow_nan=False)
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
        if set(raw) != {f.name for f in fields(cls)}:
            raise InputError("lacks or adds a value: train the model again", source=source)
        try:
            card = cls(**{name: _with_nan(value) for name, value in raw.items()} | {"seeds": tuple(raw["seeds"])})
            rewritten = json.loads(card.to_json())
        except (TypeError, ValueError, RecursionError):
            raise InputError("holds a value of another kind: train the model again", source=source) from None
        if rewritten["card_sha256"] != digest:
            raise InputError("was altered after it was written: train the model again", source=source)
        return card

    @property
    def champion(self) -> str:
        """What has to be beaten: the way of sizing's name in ``others``."""
        return CHAMPION if self.champion_sha256 else KELLY

    def verdict(self, attempts: int | None = None) -> tuple[bool, str]:
        """Whether the policies beat the champion and more than their own exposure, and the reason in words.

        The chance that the growth over either is not above zero may be 2.5 %, the side of a 95 % interval, divided by
        the number of attempts on the same data (Bonferroni): who tries often enough beats anything by luck.

        Parameters
        ----------
        attempts : so far; None takes what the card was written with.

        Raises
        ------
        InputError : where the card says nothing of one of the two.
        """
        tried = max(self.attempts, attempts or 0, 1)
        allowed = CHANCE_ALLOWED / tried
        found = [(name, self._over(name)) for name in (self.champion, SAME_EXPOSURE)]
        parts = [
            f"{name}: {x['mean']:+.5f}, 95 % interval {x['low']:+.5f} to {x['high']:+.5f}, chance of none "
            f"{x['chance_not_better']:.4f}"
            for name, x in found
        ]
        failed = [name for name, x in found if not x["chance_not_better"] <= allowed]
        what = f"log growth a quarter over {'; over '.join(parts)}; allowed is {allowed:.4f}"
        count = f"{tried} attempt{'s' if tried > 1 else ''} on these data"
        scope = (
            f"{len(self.seeds)} seed{'s' if len(self.seeds) > 1 else ''}, {self.blocks} quarters of {self.judged_on}"
        )
        said = f"{what} ({scope}; {count})"
        if failed:
            return False, f"does not beat {' nor '.join(failed)}: {said}"
        return True, f"beats {self.champion}: {said}"

    def _over(self, name: str) -> Mapping[str, float]:
        try:
            found = self.excess[name]
            return {key: float(found[key]) for key in ("mean", "low", "high", "chance_not_better")}
        except (KeyError, TypeError, ValueError):
            raise InputError(f"the card says nothing of {name}: train the model again", field="excess") from None


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _without_nan(value: Any) -> Any:  # noqa: ANN401 - JSON of any shape
    if isinstance(value, Mapping):
        return {name: _without_nan(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _with_nan(value: Any) -> Any:  # noqa: ANN401 - JSON of any shape
    if isinstance(value, dict):
        return {name: _with_nan(one) for name, one in value.items()}
    return math.nan if value is None else value
