"""Dark-pool flow of an index: how much of its members' off-exchange volume was sold short, weighted by dollars."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightning_gex.core.errors import InputError, SettingsError
from lightning_gex.core.units import BoolArray2D, Float64Array1D, Float64Array2D, Int64Array1D

COVERAGE_FLOOR = 0.9  # share of the members' dollar volume that must have a short share before the index is given
MEMBERS_FLOOR = 0.8  # share of the members that must be known: one without bars has no dollars to be counted by


@dataclass(frozen=True, slots=True, eq=False)
class DarkPoolIndex:
    """The dark-pool index (DIX) of each session, and how much of the index it rests on.

    Parameters
    ----------
    dix : (d,) share of off-exchange volume sold short, 0..1; NaN where too little is known.
    coverage : (d,) share of the members' dollar volume whose short share is known, 0..1; NaN without any dollars.
    members : (d,) tickers in the index that session.
    members_used : (d,) of them, those with bars and a short share.
    """

    dix: Float64Array1D
    coverage: Float64Array1D
    members: Int64Array1D
    members_used: Int64Array1D


def dark_pool_index(
    short_volume: Float64Array2D,
    total_volume: Float64Array2D,
    dollar_volume: Float64Array2D,
    member: BoolArray2D,
    *,
    coverage_floor: float = COVERAGE_FLOOR,
    members_floor: float = MEMBERS_FLOOR,
) -> DarkPoolIndex:
    """The members' short share of off-exchange volume, each weighted by its dollar volume that session.

    DIX_d = sum_i w_di s_di / T_di over the members i of session d whose short share is known, with w the dollar volume
    and the weights summing to 1.

    Parameters
    ----------
    short_volume, total_volume : (d, k) shares sold short off exchange, and all shares traded there, of ticker i in
        session d; NaN where the source has no row.
    dollar_volume : (d, k) USD, close x volume of the ticker's bar; NaN without a bar. Never the off-exchange volume
        times a price: adjusted prices stand beside adjusted volumes only.
    member : (d, k) bool, whether the ticker belongs to the index that session.
    coverage_floor, members_floor : shares, 0..1, of dollar volume and of members below which a session gets NaN.

    Returns
    -------
    DarkPoolIndex of (d,) arrays. A ticker without off-exchange volume has no short share. What is not a member is not
    looked at.

    Raises
    ------
    SettingsError : a floor outside 0..1.
    InputError : arrays of different shapes, a negative volume, or more sold short than traded.

    Source
    ------
    SqueezeMetrics, *Short is Long* (2018): DIX is the dollar-weighted short share of the S&P 500's components.

    Examples
    --------
    >>> found = dark_pool_index(
    ...     np.array([[40.0, 60.0]]), np.array([[100.0, 100.0]]), np.array([[3e6, 1e6]]), np.array([[True, True]])
    ... )
    >>> float(found.dix[0].round(12)), float(found.coverage[0])
    (0.45, 1.0)
    """
    for name, floor in (("coverage_floor", coverage_floor), ("members_floor", members_floor)):
        if not 0.0 <= floor <= 1.0:
            raise SettingsError(f"{name} must lie in 0..1, not {floor:g}")
    _require_sound(short_volume, total_volume, dollar_volume, member)
    weighed = member & (dollar_volume > 0)
    known = weighed & (total_volume > 0) & np.isfinite(short_volume)
    share = np.divide(short_volume, total_volume, out=np.zeros(member.shape), where=known)
    dollars = np.where(known, dollar_volume, 0.0)
    used, every = dollars.sum(axis=1), np.where(weighed, dollar_volume, 0.0).sum(axis=1)
    coverage = np.divide(used, every, out=np.full(len(every), np.nan), where=every > 0)
    members, members_used = member.sum(axis=1), known.sum(axis=1)
    enough = (coverage >= coverage_floor) & (members_used >= members_floor * members) & (used > 0)
    dix = np.divide((dollars * share).sum(axis=1), used, out=np.full(len(used), np.nan), where=enough)
    return DarkPoolIndex(dix, coverage, members.astype(np.int64), members_used.astype(np.int64))


def _require_sound(
    short_volume: Float64Array2D, total_volume: Float64Array2D, dollar_volume: Float64Array2D, member: BoolArray2D
) -> None:
    arrays = {"short_volume": short_volume, "total_volume": total_volume, "dollar_volume": dollar_volume}
    for name, values in arrays.items():
        if values.shape != member.shape or values.ndim != 2:
            raise InputError(f"{name} has shape {values.shape}, the members {member.shape}", field=name)
        wrong = (values < 0) | np.isinf(values)
        if wrong.any():
            session, ticker = (int(at[0]) for at in np.nonzero(wrong))
            raise InputError(
                f"{values[session, ticker]:g} of ticker {ticker} is negative or infinite", row=session, field=name
            )
    more = short_volume > total_volume
    if more.any():
        session, ticker = (int(at[0]) for at in np.nonzero(more))
        raise InputError(f"more of ticker {ticker} was sold short than traded", row=session, field="short_volume")
