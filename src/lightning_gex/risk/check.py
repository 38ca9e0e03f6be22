"""What a risk layer answers: yes or no, which gate said no, why, and the numbers behind it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from lightning_gex.core.decision import GATE_KEY, Scalar
from lightning_gex.core.quick_init import quick_init


class Gate(StrEnum):
    """Everything that can say no, by the name it is counted under. A size of zero is counted under its binding cap."""

    # memory
    LEAST_CONFIDENCE = "least_confidence"
    # strategic
    NO_REGIME = "no_regime"
    # tactical
    ONLY_LEARNING = "only_learning"
    SHORTS_OFF = "shorts_off"
    ALREADY_OPEN = "already_open"
    SAME_MOVE = "same_move"
    STRATEGY = "strategy"
    EVENT = "event"
    EXPIRY = "expiry"
    RANK = "rank"
    POSITIONS = "positions"
    REGIME_DAILY_LOSS = "regime_daily_loss"
    OPEN_RISK = "open_risk"
    NO_BRACKET = "no_bracket"
    # sizing; beside it the caps, by their names
    HELD_SIZE = "held_size"
    # execution
    QUANTITY = "quantity"
    PRICE = "price"
    CAPITAL = "capital"
    PRICE_MOVED = "price_moved"
    STOP = "stop"
    TARGET = "target"
    REWARD_TO_RISK = "reward_to_risk"
    LIQUIDITY = "liquidity"
    ORDER_PLAN = "order_plan"
    # guardrails
    EQUITY = "equity"
    HALT = "halt"
    BREAKER = "breaker"
    DAILY_TRADES = "daily_trades"
    DAILY_LOSS = "daily_loss"
    POSITION_SIZE = "position_size"
    TICKER_EXPOSURE = "ticker_exposure"
    TOTAL_EXPOSURE = "total_exposure"
    CAPITAL_AT_WORK = "capital_at_work"
    ORDER_RATE = "order_rate"
    PRICE_COLLAR = "price_collar"


@quick_init
@dataclass(frozen=True, slots=True)
class Check:
    """One answer. A no is a value, never an exception.

    Parameters
    ----------
    passed : whether trading may go on.
    reason : the first thing that failed, or that nothing did.
    detail : the value and bound of everything that was looked at; on a no also ``gate``, which said it.
    """

    passed: bool
    reason: str
    detail: Mapping[str, Scalar] = field(default_factory=dict)


def refused(gate: Gate | str, reason: str, detail: Mapping[str, Scalar] | None = None) -> Check:
    """A no of this gate."""
    return Check(False, reason, {GATE_KEY: str(gate), **(detail or {})})


def first_failure(
    failures: Iterable[tuple[Gate, str | None]], passed_reason: str, detail: Mapping[str, Scalar]
) -> Check:
    """The check that names the first gate with a failure, or passes where all are None."""
    for gate, failure in failures:
        if failure is not None:
            return refused(gate, failure, detail)
    return Check(True, passed_reason, detail)


def over_bound(
    name: str, value: float, bound: float, *, shown_as: str = ".2%", reaching_fails: bool = True
) -> str | None:
    """Why a value breaks its upper bound, or None. What is no number breaks every bound.

    Parameters
    ----------
    name : what the value is, in words.
    value, bound : in the same unit.
    shown_as : format of both.
    reaching_fails : whether a value equal to the bound breaks it.
    """
    if not math.isfinite(value):
        return f"{name} is not known ({value}): no entry until it is"
    if value > bound or (reaching_fails and value == bound):
        return f"{name} {value:{shown_as}} {'reaches' if value == bound else 'exceeds'} the limit {bound:{shown_as}}"
    return None
