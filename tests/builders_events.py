"""Events for the storage tests: one of each kind, and hypothesis strategies that draw any."""

from __future__ import annotations

import dataclasses
import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from lightning_gex.core.decision import Decision, StageRecord, not_asked
from lightning_gex.core.enums import (
    Action,
    DecisionStatus,
    Direction,
    MarketRegime,
    RunMode,
    StageName,
    StageVerdict,
)
from lightning_gex.core.events import AuditNoted, CashAccrued, Event, Marked, RunStarted, WeightChanged
from lightning_gex.core.patterns import Outcome, Pattern

AT = datetime(2024, 3, 1, 21, 0, 0, 123456, tzinfo=UTC)


def marked(number: int = 0) -> Marked:
    """The close of the ``number``-th day, recognisable by its equity."""
    return Marked(AT + timedelta(days=number), Decimal(100_000 + number), Decimal("12.50"))


def run_started() -> RunStarted:
    return RunStarted(AT, RunMode.LIVE, Decimal("100000.00"), {"enable_memory": True, "kelly_fraction": 0.25})


def some_events() -> list[Event]:
    return [
        run_started(),
        marked(),
        CashAccrued(AT, Decimal("-0.10"), "a bill's interest"),
        WeightChanged(AT, "Trend Agent", math.nan, 'ünïcode, "quotes" and a NaN in words'),
        AuditNoted(AT, "export", {"none": None, "nan": math.nan, "whole": 1, "float": 1.0, "yes": True, "text": "NaN"}),
    ]


def decided(number: int = 0) -> Decision:
    """A decision that ended at its first station, recognisable by its price."""
    said = StageRecord(StageName.SIGNAL, StageVerdict.ABSTAINED, f"no direction in {number}", {"voting": number})
    return Decision(
        decision_id=f"SPY-{number}",
        ticker="SPY",
        as_of=AT,
        status=DecisionStatus.NO_SIGNAL,
        action=Action.HOLD,
        direction=Direction.NEUTRAL,
        quantity=0,
        entry_price=100.0 + number,
        target_price=math.nan,
        stop_loss=math.nan,
        confidence=0.5,
        time_horizon_days=5,
        size_pct=0.0,
        regime=None,
        reason=said.reason,
        blocked_by=None,
        stages=(said, *map(not_asked, list(StageName)[1:])),
        votes=(),
    )


def pattern(
    pattern_id: str = "p1",
    *,
    day: int = 0,
    ticker: str = "SPY",
    direction: Direction = Direction.BULLISH,
    vector: tuple[float, ...] = (0.5, -0.25, math.nan),
    outcome: Outcome | None = None,
    regime: MarketRegime | None = MarketRegime.BULL_TRENDING,
    target_price: float = 110.0,
) -> Pattern:
    return Pattern(
        pattern_id=pattern_id,
        ticker=ticker,
        as_of=AT + timedelta(days=day),
        vector=vector,
        direction=direction,
        confidence=0.6,
        horizon_sessions=7,
        entry_price=100.0,
        target_price=target_price,
        stop_price=95.0,
        regime=regime,
        outcome=outcome,
    )


def outcome(day: int, net_return: float = 0.02) -> Outcome:
    return Outcome(net_return=net_return, won=net_return > 0, known_at=AT + timedelta(days=day))


def same(one: object, other: object) -> bool:
    """Equality in which NaN equals NaN, and 1, 1.0 and True are three different things."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return (math.isnan(one) and math.isnan(other)) or one == other
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, Decimal):
        return one.as_tuple() == other.as_tuple()
    if dataclasses.is_dataclass(one):
        return all(same(getattr(one, f.name), getattr(other, f.name)) for f in dataclasses.fields(one))
    return one == other


_TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
_SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), _TEXT)
_LEAVES: dict[Any, st.SearchStrategy[Any]] = {
    str: _TEXT,
    int: st.integers(),
    bool: st.booleans(),
    float: st.floats(allow_infinity=False),
    NoneType: st.none(),
    Decimal: st.decimals(allow_nan=False, allow_infinity=False),
    datetime: st.datetimes(timezones=st.just(UTC)),
}


def any_of(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of a declared type."""
    if hint in _LEAVES:
        return _LEAVES[hint]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is UnionType:
        if set(arguments) == {float, NoneType}:  # None says that there is no number: NaN is refused
            return st.none() | st.floats(allow_nan=False, allow_infinity=False)
        return _SCALARS if float in arguments and str in arguments else st.one_of([any_of(part) for part in arguments])
    if origin is tuple:
        return st.lists(any_of(arguments[0]), max_size=3).map(tuple)
    if dataclasses.is_dataclass(hint):
        hints = get_type_hints(hint)
        return st.builds(hint, **{f.name: any_of(hints[f.name]) for f in dataclasses.fields(hint)})
    if isinstance(hint, type):
        return st.sampled_from(list(hint))
    values = _LEAVES[float] if arguments[1] is float else _SCALARS
    return st.dictionaries(_TEXT, values, max_size=4)  # Mapping[str, float] or Mapping[str, Scalar]


def events() -> st.SearchStrategy[Event]:
    """Any event at all, derived from the declared types, so that a new field is drawn without being asked for."""
    return st.one_of([any_of(kind) for kind in get_args(Event)])
