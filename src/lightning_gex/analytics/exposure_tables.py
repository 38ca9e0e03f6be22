"""Dealers' exposures by strike, by expiry and by both, weighted by open interest or by the day's volume."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import NamedTuple

import numba
import numpy as np

from lightning_gex.analytics.dealer_exposure import ONE_PER_CENT, ONE_VOL_POINT
from lightning_gex.analytics.positioned_contracts import (
    LARGEST_COUNT,
    Columns,
    PositionedContracts,
    PricedColumns,
)
from lightning_gex.core.errors import SettingsError
from lightning_gex.core.units import BoolArray1D, DateArray1D, Float64Array1D, Float64Array2D, Int64Array1D

_FIGURES = 6  # gamma, delta, vanna, charm, gamma of calls, gamma of puts


class ExposureWeight(StrEnum):
    """Which contracts an exposure counts."""

    OPEN_INTEREST = "open_interest"  # held the evening before
    VOLUME = "volume"  # traded today, with the dealer model's sign


@dataclass(frozen=True, slots=True, eq=False)
class ExposuresByStrike:
    """Exposures of each strike over all expiries, with dealer sign; (k,) each.

    Parameters
    ----------
    strike : USD, rising.
    gamma_exposure_usd_per_pct, delta_exposure_usd, vanna_exposure_usd_per_vol_point, charm_exposure_usd_per_day : sums.
    call_gamma_usd_per_pct, put_gamma_usd_per_pct : gamma's two parts.
    contracts : contracts summed. Where none is left (volumes unknown, or 0DTE left out) the exposures are 0.
    """

    strike: Float64Array1D
    gamma_exposure_usd_per_pct: Float64Array1D
    delta_exposure_usd: Float64Array1D
    vanna_exposure_usd_per_vol_point: Float64Array1D
    charm_exposure_usd_per_day: Float64Array1D
    call_gamma_usd_per_pct: Float64Array1D
    put_gamma_usd_per_pct: Float64Array1D
    contracts: Int64Array1D

    def columns(self) -> Columns:
        """Name -> (k,) array: what a table is made of."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


@dataclass(frozen=True, slots=True, eq=False)
class ExposuresByExpiry:
    """Exposures of each listed expiry date over all strikes and roots, with dealer sign; (e,) each.

    Parameters
    ----------
    expiry : ``datetime64[D]``, rising. The rest as in ``ExposuresByStrike``.
    """

    expiry: DateArray1D
    gamma_exposure_usd_per_pct: Float64Array1D
    delta_exposure_usd: Float64Array1D
    vanna_exposure_usd_per_vol_point: Float64Array1D
    charm_exposure_usd_per_day: Float64Array1D
    call_gamma_usd_per_pct: Float64Array1D
    put_gamma_usd_per_pct: Float64Array1D
    contracts: Int64Array1D

    def columns(self) -> Columns:
        """Name -> (e,) array: what a table is made of."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


@dataclass(frozen=True, slots=True, eq=False)
class ExposuresByStrikeAndExpiry:
    """Exposures of each strike of each listed expiry date, with dealer sign; (k, e) each.

    Parameters
    ----------
    strike : (k,) USD, rising. expiry : (e,) ``datetime64[D]``, rising.
    contracts : (k, e) contracts summed; 0 where none is listed, and the exposures are 0 there too.
        The rest as in ``ExposuresByStrike``.
    """

    strike: Float64Array1D
    expiry: DateArray1D
    gamma_exposure_usd_per_pct: Float64Array2D
    delta_exposure_usd: Float64Array2D
    vanna_exposure_usd_per_vol_point: Float64Array2D
    charm_exposure_usd_per_day: Float64Array2D
    call_gamma_usd_per_pct: Float64Array2D
    put_gamma_usd_per_pct: Float64Array2D
    contracts: np.ndarray

    def columns(self) -> Columns:
        """Name -> (cells,) array in long form, cells without a contract left out."""
        at = np.flatnonzero(self.contracts.ravel())
        out: Columns = {
            "strike": self.strike[at // max(len(self.expiry), 1)],
            "expiry": self.expiry[at % max(len(self.expiry), 1)],
        }
        for f in fields(self)[2:]:
            out[f.name] = getattr(self, f.name).ravel()[at]
        return out


@dataclass(frozen=True, slots=True, eq=False)
class ExposuresByContract:
    """What each used contract adds to the exposures, with dealer sign; (n,) each, NaN where its weight is unknown."""

    gamma_exposure_usd_per_pct: Float64Array1D
    delta_exposure_usd: Float64Array1D
    vanna_exposure_usd_per_vol_point: Float64Array1D
    charm_exposure_usd_per_day: Float64Array1D

    def columns(self) -> Columns:
        """Name -> (n,) array: what a table is made of."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


def weight_named(weight: str) -> ExposureWeight:
    """The weight of that name. Raises ``SettingsError``, listing the known ones, on any other."""
    try:
        return ExposureWeight(weight)
    except ValueError:
        known = " or ".join(ExposureWeight)
        raise SettingsError(f"no exposure is weighted by {weight!r}: choose {known}") from None


def by_strike(contracts: PositionedContracts, weight: str, *, include_0dte: bool) -> ExposuresByStrike:
    """Exposures summed over the contracts of each strike that has used ones."""
    cells = _cells_of(contracts, weight)
    if include_0dte:
        sums, count = cells.sums.sum(axis=1), cells.count.sum(axis=0)
    else:
        later = cells.later()
        sums, count = cells.sums[:, later].sum(axis=1), cells.count[later].sum(axis=0)
    return ExposuresByStrike(contracts.priced_columns.strikes, *_six(sums), count)


def by_expiry(contracts: PositionedContracts, weight: str, *, include_0dte: bool) -> ExposuresByExpiry:
    """Exposures summed over the contracts of each listed date that has used ones."""
    cells, terms = _cells_of(contracts, weight), contracts.term_structure
    dates = cells.date[cells.first_of_date]
    kept = (terms.contracts > 0) & (include_0dte | ~terms.is_0dte)
    at = np.searchsorted(dates, terms.expiry[kept])
    sums = np.array([np.bincount(at, figure, len(dates)) for figure in cells.series_sums[:, kept]])
    count = np.bincount(at, cells.series_count[kept], len(dates)).astype(np.int64)
    return ExposuresByExpiry(dates, *_six(sums), count)


def by_strike_and_expiry(
    contracts: PositionedContracts, weight: str, *, include_0dte: bool
) -> ExposuresByStrikeAndExpiry:
    """Exposures summed over the contracts of each strike of each listed date; the arrays are read-only."""
    cells = _cells_of(contracts, weight)
    sums, count, first = cells.sums, cells.count, cells.first_of_date
    if not include_0dte and cells.is_0dte.any():
        sums, count = sums.copy(), count.copy()
        sums[:, cells.is_0dte], count[cells.is_0dte] = 0.0, 0
    if len(first) < len(cells.date):
        sums, count = np.add.reduceat(sums, first, axis=1), np.add.reduceat(count, first, axis=0)
    sums.setflags(write=False)
    count.setflags(write=False)
    strikes = contracts.priced_columns.strikes
    return ExposuresByStrikeAndExpiry(strikes, cells.date[first], *_six(sums.transpose(0, 2, 1)), count.T)


def by_contract(contracts: PositionedContracts, weight: str) -> ExposuresByContract:
    """What each contract adds."""
    held = contracts.dealer_sign * contracts.multiplier
    held *= contracts.volume if weight_named(weight) is ExposureWeight.VOLUME else contracts.open_interest
    gamma, delta, vanna, charm = _scales(contracts)
    return ExposuresByContract(
        gamma_exposure_usd_per_pct=contracts.gamma * held * gamma,
        delta_exposure_usd=contracts.delta * held * delta,
        vanna_exposure_usd_per_vol_point=contracts.vanna * held * vanna,
        charm_exposure_usd_per_day=contracts.charm * held * charm,
    )


def series_sums(contracts: PositionedContracts, weight: str) -> tuple[Float64Array2D, Int64Array1D]:
    """(6, g) exposures of each series as in ``ExposuresByExpiry``, and (g,) contracts summed."""
    cells = _cells_of(contracts, weight)
    return cells.series_sums, cells.series_count


def _six(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    return sums[0], sums[1], sums[2], sums[3], sums[4], sums[5]


def _scales(contracts: PositionedContracts) -> tuple[float, float, float, float]:
    """What turns Greek x shares into each exposure."""
    S = contracts.spot
    return S * S * ONE_PER_CENT, S, S * ONE_VOL_POINT, S / contracts.days_per_year


class _Weighed(NamedTuple):
    """What both kernels read of every contract of a chain; volatility is NaN where one is not used."""

    implied_vol: Float64Array1D
    sign: Float64Array1D
    weight: Float64Array1D
    multiplier: Float64Array1D
    is_call: BoolArray1D
    gamma: Float64Array1D
    delta: Float64Array1D
    vanna: Float64Array1D
    charm: Float64Array1D


def _weighed(columns: PricedColumns, weight: str) -> _Weighed:
    book = columns.book
    traded = weight_named(weight) is ExposureWeight.VOLUME
    return _Weighed(
        columns.implied_vol,
        columns.dealer_sign,
        book.volume if traded else book.open_interest,
        book.multiplier,
        book.is_call,
        columns.gamma,
        columns.delta,
        columns.vanna,
        columns.charm,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """Sums by listed date and strike, what settles today apart from what shares its date.

    ``date``, ``is_0dte`` (r,), rising; ``sums`` (6, r, k), ``count`` (r, k); and of each series (6, g) and (g,).
    """

    date: DateArray1D
    is_0dte: BoolArray1D
    sums: np.ndarray
    count: np.ndarray
    series_sums: Float64Array2D
    series_count: Int64Array1D

    def later(self) -> slice | BoolArray1D:
        """The rows that do not settle today: a slice where those that do stand first, as they nearly always do."""
        first = int(self.is_0dte.sum())
        return slice(first, None) if self.is_0dte[:first].all() else ~self.is_0dte

    @property
    def first_of_date(self) -> Int64Array1D:
        """(e,) the first row of each date."""
        return np.flatnonzero(np.concatenate(([True], self.date[1:] != self.date[:-1])))


def _cells_of(contracts: PositionedContracts, weight: str) -> _Cells:
    """The cells of one weight, summed when they are first asked for and kept with the contracts."""
    chosen = weight_named(weight)
    kept = contracts.memo.get(chosen)
    if not isinstance(kept, _Cells):
        kept = _summed(contracts, chosen)
        contracts.memo[chosen] = kept
    return kept


def _summed(contracts: PositionedContracts, weight: ExposureWeight) -> _Cells:
    columns, terms = contracts.priced_columns, contracts.term_structure
    g = len(columns.book.expiry)
    used = terms.contracts > 0
    key = 2 * terms.expiry.astype("datetime64[D]").astype(np.int64) + terms.is_0dte
    rows = np.unique(key[used])
    shape = (len(rows), len(columns.strikes))
    cells = _Cells(
        date=(rows // 2).astype("datetime64[D]"),
        is_0dte=rows % 2 == 1,
        sums=np.zeros((_FIGURES, *shape)),
        count=np.zeros(shape, dtype=np.int64),
        series_sums=np.empty((_FIGURES, g)),
        series_count=np.empty(g, dtype=np.int64),
    )
    _sum_kernel(
        columns.book.series_start,
        np.where(used, np.searchsorted(rows, key), 0),
        columns.ladder_index,
        columns.strike_place,
        _weighed(columns, weight),
        _scales(contracts),
        cells.sums,
        cells.count,
        cells.series_sums,
        cells.series_count,
    )
    return cells


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _held(implied_vol: float, sign: float, weight: float, multiplier: float) -> float:
    """Signed shares; NaN where a contract is not used or its weight is unknown."""
    known = (weight >= 0.0) & (weight <= LARGEST_COUNT) & (implied_vol == implied_vol)
    return sign * weight * multiplier if known else np.nan


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _sum_kernel(
    series_start: Int64Array1D,
    row: Int64Array1D,
    ladder_index: Int64Array1D,
    strike_place: Int64Array1D,
    contracts: _Weighed,
    scale: tuple[float, float, float, float],
    sums: np.ndarray,
    count: np.ndarray,
    series_sums: Float64Array2D,
    series_count: Int64Array1D,
) -> None:
    """Adds each contract to its strike in its series' row, and to its series, in the order given."""
    vol, sign, weight, multiplier = contracts.implied_vol, contracts.sign, contracts.weight, contracts.multiplier
    gamma, delta, vanna, charm = contracts.gamma, contracts.delta, contracts.vanna, contracts.charm
    is_call = contracts.is_call
    for g in range(row.size):
        at, known = row[g], 0
        calls, puts, deltas, vannas, charms = 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(series_start[g], series_start[g + 1]):
            held = _held(vol[i], sign[i], weight[i], multiplier[i])
            if held != held:
                continue
            k = strike_place[ladder_index[i]]
            of_gamma, of_delta = gamma[i] * held * scale[0], delta[i] * held * scale[1]
            of_vanna, of_charm = vanna[i] * held * scale[2], charm[i] * held * scale[3]
            sums[0, at, k] += of_gamma
            sums[1, at, k] += of_delta
            sums[2, at, k] += of_vanna
            sums[3, at, k] += of_charm
            sums[4 if is_call[i] else 5, at, k] += of_gamma
            count[at, k] += 1
            calls += of_gamma if is_call[i] else 0.0
            puts += 0.0 if is_call[i] else of_gamma
            deltas += of_delta
            vannas += of_vanna
            charms += of_charm
            known += 1
        series_sums[0, g], series_sums[4, g], series_sums[5, g] = calls + puts, calls, puts
        series_sums[1, g], series_sums[2, g], series_sums[3, g] = deltas, vannas, charms
        series_count[g] = known
