"""Who holds what: named, versioned assumptions about the sign of the dealers' position in each contract.

Nobody publishes it. Each model is an object, so that a figure always says which assumption made it, and a band over
all of them says how much the assumption matters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numba
import numpy as np

from lightning_gex.core.book import ChainBook
from lightning_gex.core.errors import SettingsError
from lightning_gex.core.units import (
    BoolArray1D,
    DateArray1D,
    Float64Array1D,
    Float64Array2D,
    StrArray1D,
    TimeArray1D,
)


@dataclass(frozen=True, slots=True, eq=False)
class ListedContracts:
    """What a dealer model sees: every contract of a chain, or of a whole market at once; (n,) columns.

    Parameters
    ----------
    book : the contracts, in the book's order. Unsound rows are among them: a model may give them NaN.
    """

    book: ChainBook

    def __len__(self) -> int:
        return len(self.book)

    @property
    def is_call(self) -> BoolArray1D:
        """(n,) bool."""
        return self.book.is_call

    @property
    def strike(self) -> Float64Array1D:
        """(n,) USD."""
        return self.book.strike

    @property
    def bid(self) -> Float64Array1D:
        """(n,) USD; NaN where absent."""
        return self.book.bid

    @property
    def ask(self) -> Float64Array1D:
        """(n,) USD; NaN where absent."""
        return self.book.ask

    @property
    def implied_vol(self) -> Float64Array1D:
        """(n,) as the source gave it, annualised fraction; NaN or a sentinel where it had none."""
        return self.book.implied_vol

    @property
    def open_interest(self) -> Float64Array1D:
        """(n,) contracts, the previous evening's; NaN where absent."""
        return self.book.open_interest

    @property
    def volume(self) -> Float64Array1D:
        """(n,) contracts traded today; NaN where absent."""
        return self.book.volume

    @property
    def multiplier(self) -> Float64Array1D:
        """(n,) shares a contract."""
        return self.book.multiplier

    @property
    def root(self) -> StrArray1D:
        """(n,) option root."""
        return self.book.series_root[self.book.series_of_contract]

    @property
    def expiry(self) -> DateArray1D:
        """(n,) listed expiry date."""
        return self.book.expiry[self.book.series_of_contract]

    @property
    def settles_at(self) -> TimeArray1D:
        """(n,) ``datetime64[s]`` UTC."""
        return self.book.settles_at[self.book.series_of_contract]

    @property
    def spot(self) -> Float64Array1D:
        """(n,) USD: the price of each contract's underlying."""
        return np.repeat(self.book.spot, np.diff(self.book.contract_start))

    @property
    def as_of(self) -> TimeArray1D:
        """(n,) ``datetime64[s]`` UTC: when each contract's quote was true."""
        return np.repeat(self.book.as_of, np.diff(self.book.contract_start))


class DealerModel(Protocol):
    """An assumption about the dealers' position in each contract."""

    @property
    def name(self) -> str:
        """The word a user chooses it by, unique among the registered models."""
        ...

    @property
    def version(self) -> str:
        """Changes whenever the same chain would get other signs."""
        ...

    def position_sign(self, contracts: ListedContracts) -> Float64Array1D:
        """(n,) in [-1, 1]: dealers' contracts / open interest, + long; NaN where the model cannot tell.

        It is called once with every contract of a chain, or of thousands of chains: a contract's sign must depend on
        that contract's columns only, or a market and a chain will not agree.
        """
        ...


@dataclass(frozen=True, slots=True)
class Naive:
    """Dealers are long every call (+1) and short every put (-1).

    Customers overwrite calls and buy protective puts. Source: SqueezeMetrics, *Gamma Exposure* (2017).
    """

    name: str = "naive"
    version: str = "1"

    def position_sign(self, contracts: ListedContracts) -> Float64Array1D:
        """(n,) +1 for calls, -1 for puts."""
        return np.where(contracts.is_call, 1.0, -1.0)


@dataclass(frozen=True, slots=True)
class Inverted:
    """The mirror of ``naive``: dealers short every call (-1), long every put (+1)."""

    name: str = "inverted"
    version: str = "1"

    def position_sign(self, contracts: ListedContracts) -> Float64Array1D:
        """(n,) -1 for calls, +1 for puts."""
        return np.where(contracts.is_call, -1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Unsigned:
    """No side taken: every contract counts +1. The size of what could have to be hedged, not a position."""

    name: str = "unsigned"
    version: str = "1"

    def position_sign(self, contracts: ListedContracts) -> Float64Array1D:
        """(n,) +1."""
        return np.ones(len(contracts))


@dataclass(frozen=True, slots=True)
class VolumeSigned:
    """``naive`` for what was held yesterday, customers as buyers in what trades today.

    With turnover u = volume / (volume + open interest), the sign is (1 - u) * naive - u. The assumptions: open
    interest is the previous evening's and stands as ``naive`` says; all of the day's volume is customers buying from
    dealers, calls and puts alike, so that it leaves dealers short. So a put stays at -1, and a call goes from +1
    (no trade today) through 0 (as much volume as open interest) towards -1 (a contract opened today). NaN where
    volume or open interest is absent; an option without either counts as ``naive``.
    """

    name: str = "volume_signed"
    version: str = "1"

    def position_sign(self, contracts: ListedContracts) -> Float64Array1D:
        """(n,) in [-1, 1], NaN where volume or open interest is absent or negative."""
        known = (contracts.volume >= 0) & (contracts.open_interest >= 0)
        volume = np.where(known, contracts.volume, 0.0)
        everything = volume + np.where(known, contracts.open_interest, 0.0)
        turnover = np.divide(volume, everything, out=np.zeros(len(contracts)), where=everything > 0)
        naive = np.where(contracts.is_call, 1.0, -1.0)
        return np.where(known, (1.0 - turnover) * naive - turnover, np.nan)


BUILT_IN: tuple[DealerModel, ...] = (Naive(), Inverted(), Unsigned(), VolumeSigned())
NAIVE, INVERTED, UNSIGNED, VOLUME_SIGNED = range(4)  # positions in BUILT_IN
#: Bounds of the assumption rather than views of the market: ``inverted`` opposes ``naive`` on every chain by
#: construction, and ``unsigned`` has no sign. They widen the band; they have no say in whether models agree on a sign.
BOUNDS = frozenset({"inverted", "unsigned"})
_registered: dict[str, DealerModel] = {model.name: model for model in BUILT_IN}


def register(model: DealerModel) -> None:
    """Add a model of one's own, so that it can be chosen by name and widens the band.

    Raises
    ------
    SettingsError : where the name is empty or taken by another model.
    """
    if not isinstance(model.name, str) or not model.name:
        raise SettingsError("a dealer model needs a name")
    if _registered.get(model.name, model) is not model:
        raise SettingsError(f"a dealer model named {model.name!r} exists already: choose another name")
    _registered[model.name] = model


def unregister(name: str) -> None:
    """Take a model of one's own back. Raises ``SettingsError`` on a built-in or unknown name."""
    if name in {model.name for model in BUILT_IN}:
        raise SettingsError(f"{name!r} is built in and stays")
    if name not in _registered:
        raise SettingsError(_unknown(name))
    del _registered[name]


def by_name(name: str) -> DealerModel:
    """The registered model of that name. Raises ``SettingsError``, listing the known names, on any other."""
    try:
        return _registered[name]
    except KeyError:
        raise SettingsError(_unknown(name)) from None


def all_models() -> tuple[DealerModel, ...]:
    """Every registered model, the built-in ones first."""
    return tuple(_registered.values())


@dataclass(frozen=True, slots=True, eq=False)
class ModelPanel:
    """The models a book is looked at under: every registered one and the chosen one.

    Parameters
    ----------
    models : name -> model, the built-in ones first.
    chosen : index of the chosen one.
    kind : (m,) int64, position in ``BUILT_IN``, or ``CUSTOM`` + row of ``custom``.
    custom : (c, n) signs of the models that are not built in.
    """

    models: Mapping[str, DealerModel]
    chosen: int
    kind: np.ndarray
    custom: Float64Array2D


CUSTOM = 100  # kinds from here on are rows of ``ModelPanel.custom``


def panel(book: ChainBook, chosen: str | DealerModel) -> ModelPanel:
    """All registered models and the chosen one, those of the user's own asked for their signs.

    Raises
    ------
    SettingsError : unknown name, or one that another model is registered by; a model that raises, or whose signs are
        not (n,) numbers in [-1, 1] or NaN.
    """
    model = by_name(chosen) if isinstance(chosen, str) else chosen
    if _registered.get(model.name, model) is not model:
        raise SettingsError(f"another dealer model named {model.name!r} is registered: choose another name")
    models = dict(_registered)
    models[model.name] = model
    kind: list[int] = []
    custom: list[Float64Array1D] = []
    for one in models.values():
        place = next((i for i, built_in in enumerate(BUILT_IN) if built_in is one), None)
        if place is None:
            place = CUSTOM + len(custom)
            custom.append(signs_of(one, book))
        kind.append(place)
    return ModelPanel(
        models=models,
        chosen=list(models).index(model.name),
        kind=np.array(kind, dtype=np.int64),
        custom=np.array(custom, dtype=np.float64).reshape(len(custom), len(book)),
    )


def panel_signs(models: ModelPanel, book: ChainBook) -> dict[str, Float64Array1D]:
    """Model name -> (n,) its signs of the book that the panel was made for; NaN where it cannot tell."""
    out = {}
    for name, kind in zip(models.models, models.kind.tolist(), strict=True):
        if kind >= CUSTOM:
            out[name] = models.custom[kind - CUSTOM]
        else:
            out[name] = np.empty(len(book))
            built_in_signs_kernel(kind, book.is_call, book.volume, book.open_interest, out[name])
    return out


def signs_of(model: DealerModel, book: ChainBook) -> Float64Array1D:
    """(n,) a model's signs, checked. Raises ``SettingsError`` naming the model and what is wrong."""
    try:
        signs = np.asarray(model.position_sign(ListedContracts(book)), dtype=np.float64)
    except Exception as problem:
        raise SettingsError(
            f"dealer model {model.name!r} failed on {book.source}: {type(problem).__name__}: {problem}"
        ) from problem
    if signs.shape != (len(book),):
        raise SettingsError(
            f"dealer model {model.name!r} gave signs of shape {signs.shape}: one a contract is wanted, ({len(book)},)"
        )
    wild = np.abs(signs) > 1.0  # NaN compares False: a model may say that it cannot tell
    if wild.any():
        raise SettingsError(
            f"dealer model {model.name!r} gave a sign of {signs[wild][0]:g}: signs lie in [-1, 1], or are NaN where "
            "the model cannot tell"
        )
    return np.ascontiguousarray(signs)


@numba.njit(cache=True, error_model="numpy", nogil=True)
def built_in_signs_kernel(
    kind: int, is_call: BoolArray1D, volume: Float64Array1D, open_interest: Float64Array1D, out: Float64Array1D
) -> None:
    """(n,) signs of a built-in model by its position in ``BUILT_IN``; the classes above are the readable form."""
    for i in range(out.size):
        naive = 1.0 if is_call[i] else -1.0
        if kind == NAIVE:
            out[i] = naive
        elif kind == INVERTED:
            out[i] = -naive
        elif kind == UNSIGNED:
            out[i] = 1.0
        else:
            traded, held = volume[i], open_interest[i]
            everything = traded + held
            turnover = traded / everything if everything > 0.0 else 0.0
            out[i] = (1.0 - turnover) * naive - turnover if traded >= 0.0 and held >= 0.0 else np.nan


def _unknown(name: str) -> str:
    return f"no dealer model is called {name!r}: choose one of {', '.join(sorted(_registered))}"
