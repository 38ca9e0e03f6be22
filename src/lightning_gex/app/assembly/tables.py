"""The tables that a positioning can be taken apart into."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lightning_gex.analytics.positioning_changes import PositioningChanges
from lightning_gex.analytics.positioning_result import DealerPositioning
from lightning_gex.core.errors import SettingsError
from lightning_gex.evaluation.frames import Frame, frame

_OF_ONE_CHAIN: Mapping[str, Callable[[DealerPositioning, str], object]] = {
    "strike": lambda p, weight: p.exposures_by_strike(weight),
    "expiry": lambda p, weight: p.exposures_by_expiry(weight),
    "strike_expiry": lambda p, weight: p.exposures_by_strike_and_expiry(weight),
    "contract": lambda p, weight: {**p.contracts.columns(), **p.exposures_by_contract(weight).columns()},
    "term_structure": lambda p, _: p.term_structure,
    "profile": lambda p, _: {
        "spot": p.profile_spot,
        "gamma_exposure_usd_per_pct": p.profile_gamma_usd_per_pct,
    },
}
_OF_TWO_CHAINS: Mapping[str, Callable[[PositioningChanges], object]] = {
    "changes": lambda c: c.contracts,
    "changes_by_strike": lambda c: c.by_strike(),
    "changes_by_expiry": lambda c: c.by_expiry(),
}
#: What ``--table`` may name.
TABLES = (*_OF_ONE_CHAIN, *_OF_TWO_CHAINS)


def positioning_frame(
    found: DealerPositioning, table: str, *, weight: str = "open_interest", changes: PositioningChanges | None = None
) -> Frame:
    """One table of a positioning.

    Parameters
    ----------
    found : the positioning.
    table : a name of ``TABLES``.
    weight : ``open_interest`` or ``volume``, where the table is one of exposures.
    changes : since an earlier chain, for the tables of changes.

    Raises
    ------
    SettingsError : an unknown table or weight, or a table of changes without changes.
    """
    if table in _OF_ONE_CHAIN:
        return frame(_OF_ONE_CHAIN[table](found, weight))
    if table not in _OF_TWO_CHAINS:
        raise SettingsError(f"there is no table {table!r}: choose one of {', '.join(TABLES)}")
    if changes is None:
        raise SettingsError(f"the table {table!r} needs an earlier chain: name it with --since FILE")
    return frame(_OF_TWO_CHAINS[table](changes))
