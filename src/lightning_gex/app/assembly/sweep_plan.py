"""What a sweep goes over, and that all of it may be run, before anything is."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from lightning_gex.app.settings import Settings, load_settings
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.decision import Scalar
from lightning_gex.core.errors import InputError, SettingsError, shown

#: Sections that shape no run of a history, or that name files which every run of a sweep shares.
NOT_SWEPT = frozenset({"storage", "vault", "alerts", "rate_limits", "universe", "data", "migration"})
#: More runs than this need the word of whoever will wait for them.
MOST_RUNS_UNASKED = 1_000
#: More variants than this are no question that one history could answer.
MOST_VARIANTS = 10_000
#: The keys of a plan that name files, relative to the folder it lies in.
FILE_KEYS = ("bars", "flow", "history", "volatility_index", "rates", "market", "market_bars", "universe", "among")
_KINDS: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(FILE_KEYS, (str,)),
    "tickers": (list,),
    "each": (bool,),
    "largest": (int,),
    "start": (str,),
    "end": (str,),
    "capital": (int, float),
    "set": (dict,),
    "folds": (int,),
    "scheme": (str,),
    "embargo": (int,),
    "seed": (int,),
    "by": (str,),
}

Grid = Mapping[str, tuple[Scalar, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class Combination:
    """One way to set the swept settings.

    Parameters
    ----------
    words : swept setting, as ``section.key`` -> its value.
    settings : all of them.
    as_set : whether nothing differs from the workspace's own.
    """

    words: Mapping[str, Scalar]
    settings: Settings
    as_set: bool


def read_plan(file: Path) -> dict[str, Any]:
    """The keys of a plan's TOML file, each of its kind, paths made absolute and ``set`` made a grid.

    Raises
    ------
    InputError : it cannot be read or is no TOML.
    SettingsError : a key that is unknown or of another kind.
    """
    try:
        found = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise InputError(f"cannot be read: {(error.strerror or str(error)).lower()}", source=str(file)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"is no TOML: {error}", source=str(file)) from None
    plan: dict[str, Any] = {}
    for key, value in found.items():
        if key not in _KINDS:
            raise SettingsError(f"{file}: a sweep has no key {shown(key)}: it has {', '.join(_KINDS)}")
        value = str(value) if key in ("start", "end") else value  # TOML has dates of its own
        if not isinstance(value, _KINDS[key]) or (isinstance(value, bool) and bool not in _KINDS[key]):
            raise SettingsError(f"{file}, key '{key}': {shown(value)} is no {_KINDS[key][0].__name__}")
        plan[key] = value
    for key in FILE_KEYS:
        if key in plan:
            plan[key] = file.absolute().parent / plan[key]
    if "tickers" in plan and not all(isinstance(ticker, str) for ticker in plan["tickers"]):
        raise SettingsError(f"{file}, key 'tickers': write symbols in quotes")
    plan["set"] = dict(_grid_of(plan.get("set", {}), str(file)))
    return plan


def _grid_of(table: Mapping[str, Any], source: str, prefix: str = "") -> Iterator[tuple[str, tuple[Scalar, ...]]]:
    for key, value in table.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _grid_of(value, source, f"{name}.")
            continue
        values = value if isinstance(value, list) else [value]
        for one in values:
            if not isinstance(one, bool | int | float | str):
                raise SettingsError(f"{source}, set '{name}': {shown(one)} is no value of a setting")
        yield name, _checked_values(name, values)


def grid_from_options(options: Sequence[str]) -> dict[str, tuple[Scalar, ...]]:
    """``section.key=a,b,c`` each, as a grid.

    Raises
    ------
    SettingsError : no key, no value, or one key twice.

    Examples
    --------
    >>> grid_from_options(["decision.minimum_confidence=0.5,0.55", "enhancements.memory=true,false"])
    {'decision.minimum_confidence': (0.5, 0.55), 'enhancements.memory': (True, False)}
    """
    grid: dict[str, tuple[Scalar, ...]] = {}
    for option in options:
        name, equals, values = (part.strip() for part in option.partition("="))
        if not equals or not name or not values:
            raise SettingsError(f"--set {shown(option)}: write it as section.key=value,value")
        if name in grid:
            raise SettingsError(f"--set {name} is given twice: name all its values at once, separated by commas")
        grid[name] = _checked_values(name, [_value_of(text.strip(), name) for text in values.split(",")])
    return grid


def _value_of(text: str, name: str) -> Scalar:
    if not text:
        raise SettingsError(f"--set {name}: a value is empty")
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, bool | int | float) else text


def _checked_values(name: str, values: Sequence[Scalar]) -> tuple[Scalar, ...]:
    if not values:
        raise SettingsError(f"'{name}' has no values to go over")
    for k, value in enumerate(values):
        if isinstance(value, float) and not math.isfinite(value):
            raise SettingsError(f"'{name}': {value} is no number")
        if value in values[:k]:
            raise SettingsError(f"'{name}': the value {shown(value)} is given twice")
    return tuple(values)


def combinations(workspace: Workspace, grid: Grid) -> tuple[Combination, ...]:
    """Every way to set the swept settings, the workspace's own first, whether or not the grid holds it.

    Parameters
    ----------
    workspace : whose settings stand where nothing is swept.
    grid : setting -> values, each different.

    Raises
    ------
    SettingsError : a setting that is unknown or shapes no run, a value out of its range, alone or beside others, or
        more variants than ``MOST_VARIANTS``.
    """
    for name in grid:
        if name.partition(".")[0] in NOT_SWEPT:
            raise SettingsError(f"'{name}' is not swept: it shapes no run, or names a file that every run shares")
    count = math.prod(len(values) for values in grid.values())
    if count > MOST_VARIANTS:
        raise SettingsError(f"{count:,} variants: no history tells so many apart (at most {MOST_VARIANTS:,})")
    own = workspace.settings
    flat = own.flat()
    for name, values in grid.items():
        for value in values:  # each alone first: the error then names the one that is wrong
            _settings_with(workspace, {name: value})
        if name not in flat:
            raise SettingsError(f"'{name}' is a section: name one of its settings")
    found = [Combination({name: flat[name] for name in grid}, own, True)]
    seen = {own.config_hash()}
    for values in product(*grid.values()) if grid else ():
        chosen = dict(zip(grid, values, strict=True))
        settings = _settings_with(workspace, chosen)
        if settings.config_hash() in seen:
            continue
        seen.add(settings.config_hash())
        swept = settings.flat()
        found.append(Combination({name: swept[name] for name in grid}, settings, False))
    return tuple(found)


def _settings_with(workspace: Workspace, chosen: Mapping[str, Scalar]) -> Settings:
    """The workspace's settings, wherever they came from, with these on top."""
    own = workspace.settings
    changed: dict[str, Any] = {}
    for name, value in chosen.items():
        section, *path = name.split(".")
        if not path:
            raise SettingsError(f"'{name}' is no setting: write section.key")
        place = changed.setdefault(section, getattr(own, section).model_dump() if hasattr(own, section) else {})
        for part in path[:-1]:
            place = place.setdefault(part, {}) if isinstance(place, dict) else None
        if not isinstance(place, dict):
            raise SettingsError(f"'{name}' is no setting: '{name.rpartition('.')[0]}' has none of its own")
        place[path[-1]] = value
    try:
        sections = {name: type(getattr(own, name)).model_validate(values) for name, values in changed.items()}
    except (ValidationError, AttributeError):
        return load_settings(workspace.settings_file, changed)  # says in words what is wrong
    return own.model_copy(update=sections)
