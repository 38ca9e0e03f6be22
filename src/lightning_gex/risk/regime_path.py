"""Regimes along time that do not flicker: danger counts at once, relief has to prove itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightning_gex.core.enums import MarketRegime
from lightning_gex.core.errors import SettingsError
from lightning_gex.core.units import BoolArray2D, Int8Array1D, Int64Array1D
from lightning_gex.risk.regime_figures import CODE, NO_REGIME

_MOST_MOVES = 10.0  # usual moves of a session; more would never let a regime end
_LONGEST_DWELL = 252  # sessions
_CUSTOM = CODE[MarketRegime.CUSTOM_REGIME]
#: How dangerous a regime is: a more dangerous one is entered at once, whatever was before.
_DANGER = dict.fromkeys(CODE.values(), 0) | {
    CODE[MarketRegime.HIGH_VOLATILITY]: 1,
    CODE[MarketRegime.CRISIS]: 2,
}


@dataclass(frozen=True, slots=True)
class RegimeRules:
    """How firmly a regime is held.

    Parameters
    ----------
    minimum_dwell_sessions : sessions that a regime lasts at least before an equally or less dangerous one takes over.
    exit_moves : a regime is left only when a figure stands this many usual sessions' moves past the threshold it was
        entered by; 0 leaves it at that threshold.

    Raises
    ------
    SettingsError : naming the rule that is out of range.
    """

    minimum_dwell_sessions: int = 5
    exit_moves: float = 1.0

    def __post_init__(self) -> None:
        dwell = self.minimum_dwell_sessions
        if not isinstance(dwell, int) or isinstance(dwell, bool) or not 1 <= dwell <= _LONGEST_DWELL:
            raise SettingsError(
                f"regimes: minimum_dwell_sessions must be whole sessions from 1 to {_LONGEST_DWELL}, not {dwell!r}"
            )
        if not 0.0 <= self.exit_moves <= _MOST_MOVES:
            raise SettingsError(f"regimes: exit_moves must be from 0 to {_MOST_MOVES:g}, not {self.exit_moves!r}")


def settled(told: Int8Array1D, holds: BoolArray2D, rules: RegimeRules) -> tuple[Int8Array1D, Int64Array1D]:
    """The regime in force at each row, and for how many sessions it has been.

    Row by row, with c the regime in force:

    - a row that tells none has none, and the next one begins anew;
    - what is more dangerous than c (high volatility, and above it crisis) takes over at once, and so does the user's
      own; the user's own ends with its rule;
    - anything else takes over once c no longer holds (its figures are past the thresholds by more than noise) and has
      lasted its minimum.

    Parameters
    ----------
    told : (n,) what each row alone tells, ``regime_figures.told_codes`` with the user's own put in.
    holds : (n, r) bool, whether each regime would still hold.
    rules : dwell; the margin is already in ``holds``.

    Returns
    -------
    (n,) regime codes, and (n,) sessions since they took over, the row's own counted: 1 on the first, 0 without one.
    Row i depends on rows up to i.
    """
    code, since = told.copy(), np.zeros(len(told), dtype=np.int64)
    candidates, still, dwell = told.tolist(), holds.tolist(), rules.minimum_dwell_sessions
    current, age = NO_REGIME, 0
    for i, candidate in enumerate(candidates):
        if candidate == current or (
            current not in (NO_REGIME, _CUSTOM)
            and candidate not in (NO_REGIME, _CUSTOM)
            and _DANGER[candidate] <= _DANGER[current]
            and (still[i][current] or age < dwell)
        ):
            age += 1
        else:
            current, age = candidate, 1
        code[i], since[i] = current, age if current != NO_REGIME else 0
    return code, since
