"""Which expiries the simulated exchange lists, and on which strikes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

import numba
import numpy as np

from lightning_gex.core.sessions import previous_session_or_same, session_of, settlement_utc, to_datetime64
from lightning_gex.core.units import DateArray1D, Float64Array1D, Int64Array1D, StrArray1D, TimeArray1D

_AM_AND_PM_ROOTS = {"SPX": ("SPX", "SPXW"), "NDX": ("NDX", "NDXP"), "RUT": ("RUT", "RUTW")}
_FRIDAY = 4  # Monday is 0
_WEEK = np.timedelta64(7, "D")


class Cycle(Enum):
    """Expiry cycles: calls in the end as a multiple of a monthly's, and days from listing to the end."""

    WEEKLY = (0.7, 35)
    MONTHLY = (1.0, 126)
    QUARTERLY = (1.2, 371)

    @property
    def size(self) -> float:
        """Contracts in the end, as a multiple of a monthly's."""
        return self.value[0]

    @property
    def life_days(self) -> int:
        """Days from listing to settlement; open interest grows from nothing in that time."""
        return self.value[1]


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    """Every expiry that is listed at some moment of a span, oldest first, (m,) each.

    Parameters
    ----------
    expiry : listed dates.
    settles_at : UTC moments.
    root : option roots.
    size : contracts in the end, as a multiple of a monthly's.
    life_days : days from listing to settlement.
    """

    expiry: DateArray1D
    settles_at: TimeArray1D
    root: StrArray1D
    size: Float64Array1D
    life_days: Int64Array1D

    def __len__(self) -> int:
        return len(self.expiry)

    def alive(self, as_of: datetime) -> Int64Array1D:
        """Positions of the expiries listed by a moment and not settled at it."""
        now = to_datetime64(as_of, source="simulated listing")
        listed = self.listed_from <= session_of(as_of)
        return np.flatnonzero(listed & (self.settles_at > now))

    @property
    def listed_from(self) -> DateArray1D:
        """(m,) the first day of each."""
        dates: DateArray1D = self.expiry - self.life_days.astype("timedelta64[D]")
        return dates


def listing(underlying: str, first: np.datetime64, last: np.datetime64) -> Listing:
    """The expiries listed on any day from ``first`` to ``last``.

    Every Friday is an expiry for five weeks, a third Friday for 18, that of a quarter's last month for 53; where the
    exchange is closed it is the session before. SPX, NDX and RUT settle their monthly and quarterly expiries in the
    morning and their weekly ones at the close; every other symbol settles at the close.
    """
    friday = first + (_FRIDAY - _weekday(first)) % 7
    fridays = np.arange(friday, last + np.timedelta64(Cycle.QUARTERLY.life_days + 1, "D"), _WEEK)
    cycles = [_cycle(day) for day in fridays]
    life = np.array([c.life_days for c in cycles], dtype=np.int64)
    kept = np.flatnonzero(fridays - life.astype("timedelta64[D]") <= last)
    am_root, pm_root = _AM_AND_PM_ROOTS.get(underlying, (underlying, underlying))
    root = np.array([pm_root if cycles[i] is Cycle.WEEKLY else am_root for i in kept], dtype=np.str_)
    expiry = previous_session_or_same(fridays[kept])
    return Listing(
        expiry=expiry,
        settles_at=settlement_utc(root, expiry),
        root=root,
        size=np.array([cycles[i].size for i in kept]),
        life_days=life[kept],
    )


def _cycle(friday: np.datetime64) -> Cycle:
    day = int((friday - friday.astype("datetime64[M]").astype("datetime64[D]")).astype(np.int64))
    if not 14 <= day <= 20:
        return Cycle.WEEKLY
    month = int(friday.astype("datetime64[M]").astype(np.int64)) % 12  # January is 0
    return Cycle.QUARTERLY if month % 3 == 2 else Cycle.MONTHLY


def _weekday(date: np.datetime64) -> int:
    """Monday is 0; 1970-01-01 was a Thursday."""
    return int((date.astype(np.int64) + 3) % 7)


@numba.njit(cache=True, error_model="numpy")
def nice_below(value: float) -> float:
    """The largest of 1, 2.5, 5 times a power of ten that is not above ``value``, which must be positive."""
    scale = 10.0 ** math.floor(math.log10(value))
    if 5.0 * scale <= value:
        return 5.0 * scale
    return 2.5 * scale if 2.5 * scale <= value else scale
