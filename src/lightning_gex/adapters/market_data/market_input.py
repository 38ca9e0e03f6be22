"""The market's context as the user gives it: one record, or a table by date, both answered by session."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from difflib import get_close_matches

import numpy as np

from lightning_gex.adapters.market_data.content import Content
from lightning_gex.adapters.market_data.quote_time import checked_moment
from lightning_gex.adapters.market_data.tables import Table, clipped, read_table
from lightning_gex.core.errors import InputError
from lightning_gex.core.features import MARKET_FEATURES
from lightning_gex.core.series import DatedSeries
from lightning_gex.core.sessions import session_of
from lightning_gex.core.units import DateArray1D, Float64Array1D

#: The file's word -> the feature's name.
FEATURE_OF = {
    "spy_trend": "spy_trend",
    "vix": "vix",
    "vix_20_avg": "vix_20_avg",
    "adx": "market_adx",
    "advance_decline_ratio": "advance_decline_ratio",
}
_WRAPPER = "market_data"  # the founding document's name for the whole record
_MAX_AGE_DAYS = 4  # a value serves over a long weekend and no longer
_LOW = {"vix": 1.0, "vix_20_avg": 1.0, "adx": 0.0, "advance_decline_ratio": 0.0}
_HIGH = {"vix": 1_000.0, "vix_20_avg": 1_000.0, "adx": 100.0}
_EXAMPLE_MOMENT = "2024-03-01T16:00:00-05:00"


@dataclass(frozen=True, slots=True, eq=False)
class AlignedMarket:
    """Market features along sessions.

    Parameters
    ----------
    columns : name (of ``MARKET_FEATURES``) -> (n,) float64, NaN where absent.
    absent : name -> why it is absent, or on which sessions only it is known.
    """

    columns: Mapping[str, Float64Array1D]
    absent: Mapping[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class MarketInput:
    """What a market file said: a table by date, or one record, dated or not. Exactly one of the two is set.

    Parameters
    ----------
    source : the file.
    by_date : columns named as in ``MARKET_FEATURES``; None where the file held one record.
    record : name (of ``MARKET_FEATURES``) -> value; empty where the file held a table.
    as_of : aware, when the record was true; None where the file did not say.
    """

    source: str
    by_date: DatedSeries | None = None
    record: Mapping[str, float] = field(default_factory=dict)
    as_of: datetime | None = None

    def aligned(self, sessions: DateArray1D, *, max_age_days: int = _MAX_AGE_DAYS) -> AlignedMarket:
        """The market's features on each session.

        A table gives the latest row at or before the session. A dated record serves from the session of its ``as_of``
        on. An undated one serves the last session only: it says nothing about any other day.

        Parameters
        ----------
        sessions : (n,) ``datetime64[D]``, increasing.
        max_age_days : calendar days after which a value is stale and absent.

        Returns
        -------
        Every name of ``MARKET_FEATURES`` has a column or a reason in ``absent``; an undated or dated record has both.
        """
        if self.by_date is None:
            columns = self._from_record(sessions, max_age_days)
        else:
            table = self.by_date
            columns = {name: table.aligned(name, sessions, max_age_days=max_age_days) for name in table.columns}
        absent = {name: f"not in {self.source}" for name in MARKET_FEATURES if name not in columns}
        absent.update(self._scope(columns, sessions))
        return AlignedMarket(columns, absent)

    def _from_record(self, sessions: DateArray1D, max_age_days: int) -> dict[str, Float64Array1D]:
        serves = np.zeros(len(sessions), dtype=np.bool_)
        if self.as_of is None:
            serves[-1:] = True
        else:
            age = (sessions - session_of(self.as_of)).astype("timedelta64[D]").astype(np.int64)
            serves = (age >= 0) & (age <= max_age_days)
        return {name: np.where(serves, value, np.nan) for name, value in self.record.items()}

    def _scope(self, columns: Mapping[str, Float64Array1D], sessions: DateArray1D) -> dict[str, str]:
        """Where a record serves, or why a column that is there has no value."""
        notes: dict[str, str] = {}
        for name, values in columns.items():
            if not np.isfinite(values).any():
                notes[name] = f"{self.source} has no value recent enough for these sessions"
            elif self.by_date is None and self.as_of is None:
                notes[name] = f"one undated record in {self.source}: it serves the last session only ({sessions[-1]})"
            elif self.by_date is None and self.as_of is not None:
                notes[name] = f"one record of {self.as_of.isoformat()} in {self.source}: absent before it"
        return notes


def market_of(content: Content) -> MarketInput:
    """What the bytes of a market file say: Parquet, JSON (begins with a brace), CSV (has a ``date`` column), else TOML.

    Raises
    ------
    InputError : as ``series_files.read_market``.
    """
    if content.is_parquet:
        return _table_input(read_table(content))
    text = content.text()
    if text.lstrip().startswith("{"):
        return _record_input(_json_record(text, content.source), content.source)
    first_line = text.lstrip().partition("\n")[0]
    if "=" not in first_line and not first_line.lstrip().startswith(("#", "[")):
        return _table_input(read_table(content))
    return _record_input(_toml_record(text, content.source), content.source)


def _table_input(table: Table) -> MarketInput:
    table.demand(("date",), tuple(FEATURE_OF))
    names = [name for name in table.columns if name in FEATURE_OF]
    if not names:
        raise InputError(f"it has no column besides date (known: {', '.join(FEATURE_OF)})", source=table.source, row=1)
    session = table.dates("date")
    step = np.diff(session.astype(np.int64), prepend=-(2**40))
    table.refuse(step == 0, "date", lambda i: f"{session[i]} appears twice")
    table.refuse(step < 0, "date", lambda i: f"{session[i]} is earlier than the row before it: sort by date")
    columns: dict[str, Float64Array1D] = {}
    for name in names:
        columns[FEATURE_OF[name]] = values = table.floats(name)
        problems = {i: problem for i, value in enumerate(values.tolist()) if (problem := _problem(name, value))}
        if problems:
            first = min(problems)
            raise InputError(problems[first], source=table.source, row=int(table.line[first]), field=name)
    return MarketInput(table.source, by_date=DatedSeries(session, columns, table.source))


def _problem(name: str, value: float) -> str | None:
    """What is wrong with a value; None where nothing is. NaN is absent, not wrong."""
    if np.isinf(value):
        return "is infinite: leave it out where there is no value"
    if value < _LOW.get(name, -np.inf) or value > _HIGH.get(name, np.inf):
        return f"{value:g} lies outside {_LOW[name]:g}..{_HIGH.get(name, np.inf):g}"
    return None


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise InputError("the name appears twice", field=clipped(key))
        found[key] = value
    return found


def _json_record(text: str, source: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_unique_keys)
    except json.JSONDecodeError as error:
        raise InputError(f"is damaged or cut JSON ({error.msg})", source=source, row=error.lineno) from None
    except InputError as error:
        raise InputError(error.problem, source=source, field=error.field) from None
    except (RecursionError, ValueError) as error:  # nested too deep; a number of too many digits
        raise InputError(f"is no usable JSON ({error})", source=source) from None


def _toml_record(text: str, source: str) -> object:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise InputError(f"is neither JSON, TOML nor a table with a date column ({error})", source=source) from None


def _record_input(found: object, source: str) -> MarketInput:
    if isinstance(found, dict) and set(found) == {_WRAPPER}:
        found = found[_WRAPPER]
    if not isinstance(found, dict):
        raise InputError("must be one record of names and values; give several days as a table", source=source)
    record: dict[str, float] = {}
    as_of: datetime | None = None
    for name, value in found.items():
        if name == "as_of":
            as_of = _moment(value, source)
        elif name in FEATURE_OF:
            record[FEATURE_OF[name]] = _number(name, value, source)
        else:
            known = ("as_of", *FEATURE_OF)
            near = get_close_matches(name.lower(), known, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise InputError(f"unknown name{hint} (known: {', '.join(known)})", source=source, field=clipped(name))
    if not record:
        raise InputError(f"it names nothing of {', '.join(FEATURE_OF)}", source=source)
    return MarketInput(source, record=record, as_of=as_of)


def _number(name: str, value: object, source: str) -> float:
    if value is None:
        return float("nan")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"'{clipped(str(value))}' is not a number", source=source, field=name)
    try:
        number = float(value)
    except OverflowError:
        number = float("inf")
    if problem := _problem(name, number):
        raise InputError(problem, source=source, field=name)
    return number


def _moment(value: object, source: str) -> datetime:
    moment = value
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
    if not isinstance(moment, datetime):
        what = "a date alone; add the time" if isinstance(value, date) else "no time"
        raise InputError(f"'{clipped(str(value))}' is {what}, such as {_EXAMPLE_MOMENT}", source=source, field="as_of")
    if moment.tzinfo is None:
        raise InputError(
            f"{moment.isoformat()} has no time zone: give one, such as {_EXAMPLE_MOMENT}",
            source=source,
            field="as_of",
        )
    try:
        return checked_moment(moment, source=source, field="as_of")
    except OverflowError:  # so near the calendar's ends that New York's wall clock lies beyond them
        raise InputError(f"'{moment.isoformat()}' is no usable time", source=source, field="as_of") from None
