"""Events as JSON text and back, exactly.

Decimals are strings, times ISO 8601, enums their values. A float field that is NaN is null; a NaN or infinity among a
mapping's free values, where null means None, is ``{"float": "nan"}``. How an event stands in its record, and the fast
way there and back, is :mod:`~lightning_gex.adapters.storage.stored_form`. What that cannot take, and records that may
be anything, go through pydantic, by schemas derived from the dataclasses of ``core.events``; two changes are made to
what it derives: events are checked strictly before they are written, so that whatever is written can be read back, and
null is NaN when they are read.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, NamedTuple, cast, get_args

import msgspec
from pydantic import Field, TypeAdapter
from pydantic_core import (
    CoreConfig,
    PydanticSerializationError,
    SchemaSerializer,
    SchemaValidator,
    ValidationError,
    core_schema,
)

from lightning_gex.adapters.storage.exactness import exactness_of
from lightning_gex.adapters.storage.stored_form import NOT_FINITE, REASONS, compacted, expanded, reader, written
from lightning_gex.adapters.storage.upcast import FIRST_COMPACT, upcast
from lightning_gex.core.decision import Decision
from lightning_gex.core.deferred import settle
from lightning_gex.core.errors import InputError, IntegrityError, StoreError
from lightning_gex.core.events import EVENT_VERSION, DecisionMade, Event

_STRICT = frozenset({"str", "int", "bool", "enum", "decimal", "datetime", "tuple"})
_OPAQUE = frozenset({"cls", "members", "metadata", "expected"})  # parts of a schema that hold no schema
_KINDS = frozenset(get_args(Event))
#: What may come of reading a record that is of no known form.
_OTHER_FORMS = (ValueError, KeyError, TypeError, AttributeError, RecursionError)  # pydantic's are ValueErrors
_Schema = dict[str, Any]


class _Machinery(NamedTuple):
    checks: SchemaValidator
    writes: SchemaSerializer
    reads: SchemaValidator
    reads_without_reasons: SchemaValidator


def encode(event: Event) -> str:
    """An event as one line of JSON.

    Parameters
    ----------
    event : one of ``core.events``, its values of the declared types (numpy floats pass as floats).

    Raises
    ------
    InputError : a value that could not be read back the same: a naive time, an infinite number where a number is
        declared, another type.
    """
    try:
        kind: type = type(event)
        if isinstance(event, DecisionMade):
            for part in (event.decision, *event.decision.stages):
                settle(part)
        if kind in _KINDS and exactness_of(kind)(event):
            return written(event).decode("utf-8")
    except (msgspec.ValidationError, UnicodeEncodeError, OverflowError, AttributeError, TypeError):  # said below
        pass
    machinery = _machinery()
    try:
        checked = machinery.checks.validate_python(event)
        payload = machinery.writes.to_json(checked).decode("utf-8")
        named = json.loads(payload)
        stored = compacted(named)
        return payload if stored is named else _text(stored)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{first['msg']}: it cannot be journaled", source="event", field=place or "kind") from None
    except PydanticSerializationError as error:
        raise InputError(f"{error}: it cannot be journaled", source="event") from None


def decode(
    payload: str | bytes, *, version: int = EVENT_VERSION, source: str = "journal", with_reasons: bool = True
) -> Event:
    """The event that :func:`encode` wrote; times come back in UTC.

    Parameters
    ----------
    payload : its JSON.
    version : the version of events it was written in; an older one is brought up to the present.
    source : where it stood, for the error.
    with_reasons : False leaves a decision's stages, votes, caps and range out, which state does not depend on.

    Raises
    ------
    IntegrityError : on anything it cannot have written.
    StoreError : a version later than this program's.
    """
    if version > EVENT_VERSION:
        raise StoreError(f"{source} was written by a newer version of Lightning GEX (events {version}): upgrade")
    machinery = _machinery()
    reads = machinery.reads if with_reasons else machinery.reads_without_reasons
    try:
        fields = json.loads(payload)
        named = upcast(expanded(fields) if version >= FIRST_COMPACT else fields, version)
        return cast("Event", reads.validate_json(payload if named is fields else _text(named)))
    except _OTHER_FORMS:
        raise IntegrityError(f"{source} does not hold an event that this version knows") from None


def decode_checked(kind: str, payload: bytes, *, version: int, source: str, with_reasons: bool = True) -> Event:
    """The event of a record whose digest was checked: as :func:`decode` gives it, several times as fast.

    The chain has proved that the record is what this program wrote, so its fields are taken over in compiled code.

    Parameters
    ----------
    kind : the record's.
    payload, version, source, with_reasons : as for :func:`decode`.

    Raises
    ------
    IntegrityError, StoreError : as :func:`decode`.
    """
    return CheckedReader(source, with_reasons=with_reasons).event("", kind, payload, version)


class CheckedReader:
    """:func:`decode_checked` for many records of one source.

    Parameters
    ----------
    source : what they stand in, for errors; a record's number is put after it.
    with_reasons : as for :func:`decode`.
    """

    __slots__ = ("_readers", "_source", "_with_reasons")

    def __init__(self, source: str, *, with_reasons: bool = True) -> None:
        self._source, self._with_reasons = source, with_reasons
        self._readers: dict[str | bytes, Callable[[bytes], Event]] = {}

    def event(self, number: object, kind: str | bytes, payload: bytes, version: int) -> Event:
        """The event of one record, its kind as text or as the bytes of it."""
        if version == EVENT_VERSION:
            try:
                read = self._readers.get(kind) or self._reader(kind)
                return read(payload)
            except (msgspec.DecodeError, KeyError):  # left to the careful reader
                pass
        source = f"{self._source} {number}".rstrip()
        return decode(payload, version=version, source=source, with_reasons=self._with_reasons)

    def _reader(self, kind: str | bytes) -> Callable[[bytes], Event]:
        word = kind if isinstance(kind, str) else kind.decode("utf-8", "replace")
        found = self._readers[kind] = reader(word, with_reasons=self._with_reasons)
        return found


def utc_text(moment: datetime, *, field: str) -> str:
    """ISO 8601 in UTC with microseconds and ``Z``: sorts as time does. Raises ``InputError`` on a naive time."""
    if moment.tzinfo is UTC:  # nearly every time is
        return moment.isoformat(timespec="microseconds")[:-6] + "Z"
    if moment.tzinfo is None:
        raise InputError(f"{moment.isoformat()} has no time zone: give one, such as +00:00", field=field)
    try:
        return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    except OverflowError:
        raise InputError(f"{moment.isoformat()} lies outside the years 1 to 9999 in UTC", field=field) from None


def from_utc_text(text: str) -> datetime:
    """The aware UTC moment that :func:`utc_text` wrote. Raises ``ValueError`` on anything else."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a stored time has no time zone")
    return _in_utc(moment)


@cache
def _machinery() -> _Machinery:
    """Built on first use: it takes tens of milliseconds."""
    derived = TypeAdapter(Annotated[Event, Field(discriminator="kind")]).core_schema
    nan_as_null = CoreConfig(ser_json_inf_nan="null")
    reading = _changed(derived, _reading)
    return _Machinery(
        checks=SchemaValidator(_changed(derived, _checking)),
        writes=SchemaSerializer(_changed(derived, _writing), nan_as_null),
        reads=SchemaValidator(reading),
        reads_without_reasons=SchemaValidator(_changed(reading, _leaving_out_reasons)),
    )


def _changed(schema: Any, change: Callable[[_Schema], _Schema | None]) -> Any:  # noqa: ANN401
    """A schema with every part that ``change`` answers replaced; None leaves a part and goes on inside it."""
    if isinstance(schema, Mapping):
        replacement = change(dict(schema))
        if replacement is not None:
            return replacement
        return {k: v if k in _OPAQUE else _changed(v, change) for k, v in schema.items()}
    if isinstance(schema, list | tuple):
        return type(schema)(_changed(part, change) for part in schema)
    return schema


def _checking(part: _Schema) -> _Schema | None:
    """Strict types on the way in; ``NaN`` is a float, infinity is not."""
    kind = part.get("type")
    if kind == "float":
        finite = core_schema.float_schema(strict=True, allow_inf_nan=False)
        nan = core_schema.no_info_plain_validator_function(_nan_only)
        return cast("_Schema", core_schema.union_schema([finite, nan], mode="left_to_right"))
    if kind == "nullable" and part["schema"].get("type") == "float":  # null is None there, so NaN cannot be null
        return {**part, "schema": core_schema.float_schema(strict=True, allow_inf_nan=False)}
    if kind == "union":
        return _scalar(core_schema.float_schema(strict=True))
    if kind == "datetime":
        aware = core_schema.datetime_schema(strict=True, tz_constraint="aware")
        return cast("_Schema", core_schema.no_info_after_validator_function(_in_utc, aware))
    if kind in {"dataclass", "model"}:
        inner = _changed(part["schema"], _checking)
        return {**part, "schema": inner, "strict": True, "revalidate_instances": "always"}
    return {**part, "strict": True} if kind in _STRICT and not _has_inside(part) else None


def _writing(part: _Schema) -> _Schema | None:
    if part.get("type") != "union":
        return None
    marked = core_schema.plain_serializer_function_ser_schema(_marked)
    return _scalar(core_schema.float_schema(serialization=marked))


def _reading(part: _Schema) -> _Schema | None:
    kind = part.get("type")
    if kind == "float":
        null = core_schema.none_schema()
        nan = core_schema.with_default_schema(core_schema.float_schema(), default=math.nan, on_error="default")
        finite = core_schema.float_schema(strict=True, allow_inf_nan=False)
        choices: list[Any] = [finite, core_schema.chain_schema([null, nan])]
        return cast("_Schema", core_schema.union_schema(choices, mode="left_to_right"))
    if kind == "union":
        mark = core_schema.dict_schema(
            core_schema.literal_schema(["float"]), core_schema.literal_schema(list(NOT_FINITE)), min_length=1
        )
        unmarked = core_schema.no_info_after_validator_function(_unmarked, mark)
        return _scalar(core_schema.float_schema(strict=True, allow_inf_nan=False), unmarked)
    if kind == "decimal":  # a JSON number has been a float on its way, and money never is
        digits = core_schema.chain_schema([core_schema.str_schema(strict=True), core_schema.decimal_schema()])
        return cast("_Schema", digits)
    if kind == "datetime":
        aware = core_schema.datetime_schema(tz_constraint="aware")
        return cast("_Schema", core_schema.no_info_after_validator_function(_in_utc, aware))
    return None


def _leaving_out_reasons(part: _Schema) -> _Schema | None:
    """A decision whose reasons are looked for under a name that no record has, and so found empty."""
    if part.get("type") != "dataclass" or part.get("cls") is not Decision:
        return None
    arguments = dict(part["schema"])
    empty = {n: core_schema.with_default_schema(core_schema.any_schema(), default=v) for n, v in REASONS.items()}
    arguments["fields"] = [
        {**field, "schema": empty[field["name"]], "validation_alias": "\0"} if field["name"] in empty else field
        for field in arguments["fields"]
    ]
    return {**part, "schema": {**arguments, "extra_behavior": "ignore"}}


def _scalar(*floats: Any) -> _Schema:  # noqa: ANN401
    """The one union among the events' values: ``core.decision.Scalar``. Strict, so that 1, 1.0 and True stay apart."""
    exact = (core_schema.str_schema(strict=True), core_schema.bool_schema(strict=True))
    whole = core_schema.int_schema(strict=True)
    return cast("_Schema", core_schema.union_schema([*exact, whole, *floats], mode="left_to_right"))


def _has_inside(part: _Schema) -> bool:
    return any(name in part for name in ("schema", "items_schema"))


def _text(fields: Mapping[str, Any]) -> str:
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False)


def _nan_only(value: object) -> float:
    if isinstance(value, float) and math.isnan(value):
        return value
    raise ValueError("it is not a number")


def _marked(value: float) -> float | dict[str, str]:
    return value if math.isfinite(value) else {"float": repr(float(value))}


def _unmarked(mark: Mapping[str, str]) -> float:
    return NOT_FINITE[mark["float"]]


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("a stored time lies outside the years 1 to 9999 in UTC") from None
