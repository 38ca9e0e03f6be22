"""What a custom agent of a few lines answers: one signal about one moment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lightning_gex.core.enums import Direction
from lightning_gex.core.errors import InputError, shown

LONGEST_HORIZON = 10_000  # sessions: forty years; more is a typing error


@dataclass(frozen=True, slots=True)
class AgentSignal:
    """A custom agent's opinion at one moment.

    Parameters
    ----------
    agent_name : who says it.
    direction : ``bullish``, ``bearish`` or ``neutral``.
    confidence : probability in [0, 1] that the direction is right.
    reasoning : why, in a sentence.
    target_price, stop_loss : USD, positive; None or NaN where it names none (NaN then).
    time_horizon : sessions, at least 1.
    supporting_indicators : names of what it looked at.

    Raises
    ------
    InputError : naming the field that is wrong.
    """

    agent_name: str
    direction: str
    confidence: float
    reasoning: str
    target_price: float | None
    stop_loss: float | None
    time_horizon: int
    supporting_indicators: Sequence[str] = ()

    def __post_init__(self) -> None:
        for field in ("agent_name", "direction", "reasoning"):
            if not isinstance(getattr(self, field), str):
                raise InputError(f"must be text, not {shown(getattr(self, field))}", field=field)
        if not self.agent_name.strip():
            raise InputError("is empty: name the agent", field="agent_name")
        try:
            Direction.from_word(self.direction)
        except ValueError as error:
            raise InputError(str(error), field="direction") from None
        confidence = _number(self.confidence, "confidence")
        if not 0.0 <= confidence <= 1.0:
            raise InputError(f"must be a probability between 0 and 1, not {confidence}", field="confidence")
        object.__setattr__(self, "confidence", confidence)
        for field in ("target_price", "stop_loss"):
            object.__setattr__(self, field, _price_or_nan(getattr(self, field), field))
        object.__setattr__(self, "time_horizon", _sessions(self.time_horizon))
        object.__setattr__(self, "supporting_indicators", _names(self.supporting_indicators))

    @property
    def direction_sign(self) -> Direction:
        """The direction as the enum."""
        return Direction.from_word(self.direction)


def _number(value: object, field: str) -> float:
    try:
        return float(value)  # type: ignore[arg-type]  # whatever is no number is refused below
    except Exception:  # a stranger's object may raise anything when it is asked for its number
        raise InputError(f"must be a number, not {shown(value)}", field=field) from None


def _price_or_nan(value: object, field: str) -> float:
    price = math.nan if value is None else _number(value, field)
    if not (math.isnan(price) or 0.0 < price < math.inf):
        raise InputError(f"must be a positive price, or None, not {price}", field=field)
    return price


def _sessions(value: object) -> int:
    horizon = _number(value, "time_horizon")
    if not (1 <= horizon <= LONGEST_HORIZON and horizon.is_integer()):
        problem = f"must be a whole number of sessions, at least 1 and at most {LONGEST_HORIZON}, not {shown(value)}"
        raise InputError(problem, field="time_horizon")
    return int(horizon)


def _names(value: object) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise InputError(f"must be a list of names, not {shown(value)}", field="supporting_indicators")
    return tuple(name if isinstance(name, str) else shown(name) for name in value)
