"""How an event stands in its record, and back, in compiled code.

Every event stands as an object, its fields by name, but for a decision. What state depends on stands under
``decision``; what the decision says of its reasons stands apart under ``reasons``, where a replay passes over it. There
the numerous small parts (stages, votes, caps) are rows: their fields in declared order without names. The stations at
the end of the path that were not asked are counted, not written.

msgspec does the work: shapes of its own are derived from the dataclasses of ``core.events``; an event is converted into
its shape, which checks its types, and written; a record is read into a shape, and the event built from it. A value that
JSON cannot hold is for :mod:`~lightning_gex.adapters.storage.exactness` to find, and whatever this refuses for
:mod:`~lightning_gex.adapters.storage.codec` to take over.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from lightning_gex.core.decision import Cap, Decision, StageRecord, not_asked
from lightning_gex.core.enums import StageName
from lightning_gex.core.events import DecisionMade, Event
from lightning_gex.core.patterns import AgentCall
from lightning_gex.core.votes import Vote

Fields = dict[str, Any]

#: What a decision says of its reasons, and what stands there in a replay, whose state depends on none of it.
REASONS: Mapping[str, object] = {"stages": (), "votes": (), "caps": (), "expected_range": None, "range_absence": None}
NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
#: Parts that come by the dozen: as rows.
_ROWS = frozenset({Vote, StageRecord, Cap, AgentCall})
_ROWS_OF_REASONS: Mapping[str, type] = {"stages": StageRecord, "votes": Vote, "caps": Cap}
_KINDS: Mapping[str, type] = {str(get_args(get_type_hints(kind)["kind"])[0]): kind for kind in get_args(Event)}
_DECISION_MADE = "decision_made"
_NOT_ASKED = tuple(map(not_asked, StageName))
#: Where a decision's reasons begin. Within a text the quotation marks would be escaped, so it is found nowhere else;
#: half of a record need not even be parsed.
_REASONS_BEGIN = b',"reasons":{"stages":'
_ENCODER = msgspec.json.Encoder()
_Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class _Mark(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A number among free values that JSON has no word for."""

    float: Literal["nan", "inf", "-inf"]


_Scalars = dict[str, str | int | float | bool | _Mark | None]


# --- the parts by name, as the careful reader and writer have them ------------------------------------------------


def compacted(named: Fields) -> Fields:
    """An event's fields by name, as JSON has them, in the form in which they are stored."""
    if named.get("kind") != _DECISION_MADE:
        return named
    decision = dict(named["decision"])
    stages = [_row(stage, StageRecord) for stage in decision.pop("stages")]
    skipped = _skipped(stages, [_row(_in_json(stage), StageRecord) for stage in _NOT_ASKED])
    reasons = {
        "stages": stages[: len(stages) - skipped],
        "skipped": skipped,
        "votes": [_row(vote, Vote) for vote in decision.pop("votes")],
        "caps": [_row(cap, Cap) for cap in decision.pop("caps")],
        "expected_range": decision.pop("expected_range"),
        "range_absence": decision.pop("range_absence"),
    }
    pattern = named["pattern"]
    if pattern is not None:
        pattern = pattern | {"calls": [_row(call, AgentCall) for call in pattern["calls"]]}
    return {"at": named["at"], "decision": decision, "pattern": pattern, "reasons": reasons, "kind": named["kind"]}


def expanded(stored: Fields) -> Fields:
    """The inverse of :func:`compacted`. Raises ``KeyError``, ``TypeError`` or ``ValueError`` on another form."""
    if stored.get("kind") != _DECISION_MADE:
        return stored
    reasons = dict(stored["reasons"])
    skipped = reasons.pop("skipped")
    if type(skipped) is not int or not 0 <= skipped <= len(_NOT_ASKED):
        raise ValueError("no count of stations")
    for name, kind in _ROWS_OF_REASONS.items():
        reasons[name] = [_by_name(row, kind) for row in reasons[name]]
    reasons["stages"] += [_in_json(stage) for stage in _last(_NOT_ASKED, skipped)]
    pattern = stored["pattern"]
    if pattern is not None:
        pattern = pattern | {"calls": [_by_name(row, AgentCall) for row in pattern["calls"]]}
    return {
        "at": stored["at"],
        "decision": stored["decision"] | reasons,
        "pattern": pattern,
        "kind": stored["kind"],
    }


def _row(named: Fields, kind: type) -> list[Any]:
    return [named[name] for name in _names(kind)]


def _by_name(row: list[Any], kind: type) -> Fields:
    return dict(zip(_names(kind), row, strict=True))


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(f.name for f in fields(kind))


def _in_json(stage: StageRecord) -> Fields:
    found: Fields = msgspec.to_builtins(stage)
    return found


def _skipped(stages: Any, not_asked_stages: Any) -> int:  # noqa: ANN401
    """How many stations at the end are as if nobody had asked them, the last one first."""
    count = 0
    for stage, silent in zip(reversed(stages), reversed(not_asked_stages), strict=False):
        if stage is not silent and stage != silent:
            break
        count += 1
    return count


def _last(values: tuple[Any, ...], count: int) -> tuple[Any, ...]:
    return values[len(values) - count :]


# --- shapes and what is built from them --------------------------------------------------------------------------


class _StoredDecision(msgspec.Struct, gc=False):
    """``DecisionMade`` as it is stored; ``decision``, ``pattern`` and ``reasons`` are shapes."""

    at: datetime
    decision: Any
    pattern: Any
    reasons: Any
    kind: Literal["decision_made"] = "decision_made"


def written(event: Event) -> bytes:
    """An event's JSON.

    Raises
    ------
    msgspec.ValidationError : a value of another type than declared.
    OverflowError, UnicodeEncodeError : a number or a text that JSON cannot hold here.
    """
    kind: type = type(event)
    if kind is not DecisionMade:
        shape = msgspec.convert(event, _shape(kind, reading=False), from_attributes=True)
        for name in _free_fields(kind):
            setattr(shape, name, _marked(getattr(shape, name)))
        return _ENCODER.encode(shape)
    made: Any = event
    pattern = made.pattern
    essentials, reasons, patterns = _decision_shapes(reading=False)
    said = msgspec.convert(made.decision, reasons, from_attributes=True)
    skipped = _skipped(made.decision.stages, _NOT_ASKED)
    if skipped:
        said.stages = said.stages[: len(said.stages) - skipped]
        said.skipped = skipped
    for stage in said.stages:
        stage.detail = _marked(stage.detail)
    stored = _StoredDecision(
        msgspec.convert(made.at, datetime),
        msgspec.convert(made.decision, essentials, from_attributes=True),
        None if pattern is None else msgspec.convert(pattern, patterns, from_attributes=True),
        said,
        msgspec.convert(made.kind, Literal["decision_made"]),
    )
    return _ENCODER.encode(stored)


@cache
def _free_fields(kind: type) -> tuple[str, ...]:
    """The fields of an event that map names to free values."""
    hints = get_type_hints(kind)
    return tuple(n for n, h in hints.items() if _is_mapping(get_origin(h)) and get_args(h)[1] is not float)


def _marked(values: dict[str, Any]) -> dict[str, Any]:
    """The same values, those that JSON has no word for marked."""
    for value in values.values():
        if value.__class__ is float and value - value != 0.0:
            return {n: _mark_of(v) if v.__class__ is float else v for n, v in values.items()}
    return values


def _mark_of(value: float) -> float | dict[str, str]:
    return value if math.isfinite(value) else {"float": repr(value)}


@cache
def reader(kind: str, *, with_reasons: bool) -> Callable[[bytes], Event]:
    """What reads records of one kind in their stored form. Raises ``KeyError`` for an unknown kind.

    The reader raises ``msgspec.DecodeError`` on what is not of that form, and checks no more than that: for records
    that the chain has proved to be what this program wrote.
    """
    made = _KINDS[kind]
    if made is DecisionMade:
        return _decision_reader(with_reasons=with_reasons)
    decode = msgspec.json.Decoder(_shape(made, reading=True)).decode
    build = _builder(made)
    return lambda payload: build(decode(payload))


def _decision_reader(*, with_reasons: bool) -> Callable[[bytes], Event]:
    essentials, reasons, patterns = _decision_shapes(reading=True)
    shape = [("at", _Moment), ("decision", essentials), ("pattern", patterns | None)]
    if with_reasons:
        shape.append(("reasons", reasons))
    decode: Callable[[bytes], Any] = msgspec.json.Decoder(msgspec.defstruct("_DecisionMade", shape, gc=False)).decode
    build_decision, build_pattern = _decision_builder(with_reasons=with_reasons), _builder(_pattern_kind())

    def read(payload: bytes) -> Event:
        if not with_reasons:
            reasons_at = payload.find(_REASONS_BEGIN)
            if reasons_at >= 0:
                payload = payload[:reasons_at] + b"}"
        stored = decode(payload)
        pattern = stored.pattern
        return DecisionMade(stored.at, build_decision(stored), None if pattern is None else build_pattern(pattern))

    return read


def _pattern_kind() -> type:
    (kind,) = (part for part in get_args(get_type_hints(DecisionMade)["pattern"]) if part is not NoneType)
    return kind  # type: ignore[no-any-return]


@cache
def _decision_shapes(*, reading: bool) -> tuple[Any, Any, Any]:
    hints = get_type_hints(Decision)
    own = [(n, _hint(h, reading=reading)) for n, h in hints.items() if n not in REASONS]
    said = [(n, _hint(hints[n], reading=reading)) for n in REASONS]
    skipped = Annotated[int, msgspec.Meta(ge=0, le=len(_NOT_ASKED))]
    place = [name for name, _ in said].index("stages") + 1
    after = [(name, hint) for name, hint in said[place:]]
    with_count: list[Any] = [*said[:place], ("skipped", skipped) if reading else ("skipped", skipped, 0), *after]
    return (
        msgspec.defstruct("_Decision", own, gc=False),
        msgspec.defstruct("_Reasons", with_count, gc=False, kw_only=True),
        _shape(_pattern_kind(), reading=reading),
    )


@cache
def _shape(kind: type, *, reading: bool) -> Any:  # noqa: ANN401
    hints = get_type_hints(kind)
    columns = [(f.name, _hint(hints[f.name], reading=reading)) for f in fields(kind)]
    rows = kind in _ROWS
    return msgspec.defstruct(f"_{kind.__name__}", columns, array_like=rows, forbid_unknown_fields=rows, gc=False)


def _hint(hint: Any, *, reading: bool) -> Any:  # noqa: ANN401
    """A field's type in a shape: NaN is read as null, nested dataclasses are shapes, times have a zone."""
    if hint is float:
        return float | None if reading else float
    if hint is datetime:
        return _Moment
    if is_dataclass(hint):
        return _shape(hint, reading=reading)  # type: ignore[arg-type]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is tuple:
        return tuple[_hint(arguments[0], reading=reading), ...]  # type: ignore[misc]
    if origin in {Union, UnionType}:
        return Union[tuple(_optional(part, reading=reading) for part in arguments)]  # noqa: UP007
    if _is_mapping(origin):
        if arguments[1] is float:
            return dict[str, float | None] if reading else dict[str, float]
        return _Scalars if reading else dict[str, str | int | float | bool | None]
    return hint


def _optional(part: Any, *, reading: bool) -> Any:  # noqa: ANN401
    return part if part is float else _hint(part, reading=reading)  # null is None there, and NaN is refused


def _decision_builder(*, with_reasons: bool) -> Callable[[Any], Decision]:
    names: dict[str, Any] = {"cls": Decision, "nan": math.nan, "silent": _NOT_ASKED, "silent_count": len(_NOT_ASKED)}
    hints = get_type_hints(Decision)
    terms = []
    for number, field in enumerate(fields(Decision)):
        if field.name not in REASONS:
            terms.append(f"{field.name}={_term(f'd.{field.name}', hints[field.name], f'b{number}', names)}")
        elif with_reasons:
            term = _term(f"r.{field.name}", hints[field.name], f"b{number}", names)
            whole = f"{term} + silent[silent_count - r.skipped:]" if field.name == "stages" else term
            terms.append(f"{field.name}={whole}")
        elif field.default is MISSING:
            terms.append(f"{field.name}=()")
    reasons = "    r = s.reasons\n" if with_reasons else ""
    return _function(f"def build(s):\n    d = s.decision\n{reasons}    return cls({', '.join(terms)})", names)


@cache
def _builder(kind: type) -> Callable[[Any], Any]:
    """What builds a dataclass from its shape; generated, as ``dataclasses`` generates ``__init__``."""
    hints = get_type_hints(kind)
    names: dict[str, Any] = {"cls": kind, "nan": math.nan}
    terms = [
        _term(f"s.{field.name}", hints[field.name], f"b{number}", names)
        for number, field in enumerate(fields(kind))
        if get_origin(hints[field.name]) is not Literal
    ]
    return _function(f"def build(s):\n    return cls({', '.join(terms)})", names)


def _function(source: str, names: dict[str, Any]) -> Callable[[Any], Any]:
    exec(source, names)  # noqa: S102 - our own dataclasses' field names and nothing else
    made: Callable[[Any], Any] = names["build"]
    return made


def _term(place: str, hint: Any, name: str, names: dict[str, Any]) -> str:  # noqa: ANN401
    """The expression that builds one field; what it calls by name goes into ``names``."""
    if hint is float:
        return f"(nan if {place} is None else {place})"
    if is_dataclass(hint):
        names[name] = _builder(hint)  # type: ignore[arg-type]
        return f"{name}({place})"
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in {Union, UnionType} and len(arguments) == 2 and NoneType in arguments:
        (inner,) = (part for part in arguments if part is not NoneType)
        built = place if inner is float else _term(place, inner, name, names)
        return built if built == place else f"(None if {place} is None else {built})"
    if origin is tuple:
        names[name] = _tuple_builder(arguments[0])
        return place if names[name] is None else f"{name}({place})"
    if _is_mapping(origin):
        names[name] = _with_nan if arguments[1] is float else _unmarked
        return f"{name}({place})"
    return place


def _is_mapping(origin: Any) -> bool:  # noqa: ANN401
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _tuple_builder(element: Any) -> Callable[[Any], Any] | None:  # noqa: ANN401
    if element is float:
        return lambda values: tuple([math.nan if v is None else v for v in values]) if None in values else values
    if not is_dataclass(element):
        return None
    build = _builder(element)  # type: ignore[arg-type]
    return lambda values: tuple([build(value) for value in values])


def _with_nan(values: dict[str, float | None]) -> dict[str, float]:
    return {name: math.nan if value is None else value for name, value in values.items()}


def _unmarked(values: dict[str, Any]) -> dict[str, Any]:
    if _Mark not in set(map(type, values.values())):
        return values
    return {n: NOT_FINITE[v.float] if v.__class__ is _Mark else v for n, v in values.items()}
