"""Who holds what: named, versioned assumptions about the sign of the dealers' position in each contract.

Nobody publishes it. Each model is an object, so that a figure always says which assumption made it, and a band over
all of them says how much the assumption matters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from lightning_gex.core.chain import OptionChain
from lightning_gex.core.errors import SettingsError
from lightning_gex.core.units import Float64Array1D


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

    def position_sign(self, chain: OptionChain) -> Float64Array1D:
        """(n,) in [-1, 1]: dealers' contracts / open interest, + long; NaN where the model cannot tell."""
        ...


@dataclass(frozen=True, slots=True)
class Naive:
    """Dealers are long every call (+1) and short every put (-1).

    Customers overwrite calls and buy protective puts. Source: SqueezeMetrics, *Gamma Exposure* (2017).
    """

    name: str = "naive"
    version: str = "1"

    def position_sign(self, chain: OptionChain) -> Float64Array1D:
        """(n,) +1 for calls, -1 for puts."""
        return np.where(chain.is_call, 1.0, -1.0)


@dataclass(frozen=True, slots=True)
class Inverted:
    """The mirror of ``naive``: dealers short every call (-1), long every put (+1)."""

    name: str = "inverted"
    version: str = "1"

    def position_sign(self, chain: OptionChain) -> Float64Array1D:
        """(n,) -1 for calls, +1 for puts."""
        return np.where(chain.is_call, -1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Unsigned:
    """No side taken: every contract counts +1. The size of what could have to be hedged, not a position."""

    name: str = "unsigned"
    version: str = "1"

    def position_sign(self, chain: OptionChain) -> Float64Array1D:
        """(n,) +1."""
        return np.ones(len(chain))


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

    def position_sign(self, chain: OptionChain) -> Float64Array1D:
        """(n,) in [-1, 1], NaN where volume or open interest is absent or negative."""
        known = (chain.volume >= 0) & (chain.open_interest >= 0)
        volume = np.where(known, chain.volume, 0.0)
        everything = volume + np.where(known, chain.open_interest, 0.0)
        turnover = np.divide(volume, everything, out=np.zeros(len(chain)), where=everything > 0)
        naive = np.where(chain.is_call, 1.0, -1.0)
        return np.where(known, (1.0 - turnover) * naive - turnover, np.nan)


BUILT_IN: tuple[DealerModel, ...] = (Naive(), Inverted(), Unsigned(), VolumeSigned())
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
    if not model.name:
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


def _unknown(name: str) -> str:
    return f"no dealer model is called {name!r}: choose one of {', '.join(sorted(_registered))}"
