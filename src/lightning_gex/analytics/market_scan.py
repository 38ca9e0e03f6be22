"""Dealer positioning of a whole market: one row of figures an underlying, by the same kernels as one chain's."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from lightning_gex.analytics import dealer_models
from lightning_gex.analytics.contract_selection import ContractStatus
from lightning_gex.analytics.dealer_exposure import EXPOSURES
from lightning_gex.analytics.dealer_models import DealerModel
from lightning_gex.analytics.dealer_positioning import COVERAGE_FLOOR
from lightning_gex.analytics.option_time import TimeClock
from lightning_gex.analytics.positioned_contracts import Columns
from lightning_gex.analytics.positioning_kernels import ScanStatus
from lightning_gex.analytics.positioning_run import PositioningRun, run_book
from lightning_gex.analytics.zero_gamma import ZERO_GAMMA_STATUSES
from lightning_gex.core.book import ChainBook
from lightning_gex.core.errors import SettingsError
from lightning_gex.core.units import (
    SESSIONS_PER_YEAR,
    BoolArray1D,
    DateArray1D,
    Float64Array1D,
    Int8Array1D,
    Int64Array1D,
    StrArray1D,
    TimeArray1D,
)

UNKNOWN = -1  # of models_agree_on_sign: fewer than two models with a view could tell


@dataclass(frozen=True, slots=True, eq=False)
class ScannedExposures:
    """The four exposures of every underlying under one dealer model; (u,) each, NaN where there is no answer."""

    gamma_exposure_usd_per_pct: Float64Array1D
    delta_exposure_usd: Float64Array1D
    vanna_exposure_usd_per_vol_point: Float64Array1D
    charm_exposure_usd_per_day: Float64Array1D


@dataclass(frozen=True, slots=True, eq=False)
class MarketScan:
    """Figures of many underlyings; (u,) each, in the book's order, NaN where there is no answer.

    What a figure means, its unit and its sign, is said at the field of the same name of ``DealerPositioning``.

    Parameters
    ----------
    underlying, spot, as_of : of the book; ``as_of`` as ``datetime64[s]`` UTC.
    status : int8 codes of ``ScanStatus``; only where OK are there exposures and levels. ``positioning`` refuses a
        chain of any other status by name.
    quotes_session, open_interest_session : ``datetime64[D]``.
    contracts_read, contracts_used, vendor_vols, solved_vols : int64 counts.
    open_interest_coverage : share of the known open interest that is used.
    single_expiry : only one listed date holds contracts.
    dealer_model, dealer_model_version : the assumption behind every signed figure.
    by_model : model name -> exposures under it.
    gamma_low, gamma_high : the band of gamma over the models, USD per 1 %.
    models_agree_on_sign : int8, 1 agree, 0 disagree, -1 fewer than two models with a view could tell.
    zero_gamma_count : prices where net gamma changes sign; zero_gamma_status : int8 places in ``ZERO_GAMMA_STATUSES``.
    straddle_expiry : ``datetime64[D]``, NaT where no straddle is quoted.
    refused : reason -> int64 contracts, the reader's and this module's.
    """

    underlying: StrArray1D
    spot: Float64Array1D
    as_of: TimeArray1D
    status: Int8Array1D
    quotes_session: DateArray1D
    open_interest_session: DateArray1D
    contracts_read: Int64Array1D
    contracts_used: Int64Array1D
    vendor_vols: Int64Array1D
    solved_vols: Int64Array1D
    open_interest_coverage: Float64Array1D
    single_expiry: BoolArray1D
    dealer_model: str
    dealer_model_version: str
    gamma_exposure_usd_per_pct: Float64Array1D
    delta_exposure_usd: Float64Array1D
    vanna_exposure_usd_per_vol_point: Float64Array1D
    charm_exposure_usd_per_day: Float64Array1D
    gamma_exposure_by_volume_usd_per_pct: Float64Array1D
    gamma_exposure_ex_0dte_usd_per_pct: Float64Array1D
    gross_gamma_usd_per_pct: Float64Array1D
    net_to_gross: Float64Array1D
    by_model: Mapping[str, ScannedExposures]
    gamma_low: Float64Array1D
    gamma_high: Float64Array1D
    models_agree_on_sign: Int8Array1D
    zero_gamma_nearest: Float64Array1D
    zero_gamma_count: Int64Array1D
    zero_gamma_status: Int8Array1D
    call_wall: Float64Array1D
    put_wall: Float64Array1D
    max_pain: Float64Array1D
    max_pain_nearest_expiry: Float64Array1D
    atm_implied_vol: Float64Array1D
    expected_move_usd: Float64Array1D
    straddle_move_usd: Float64Array1D
    straddle_expiry: DateArray1D
    refused: Mapping[str, Int64Array1D]

    def __len__(self) -> int:
        return len(self.underlying)

    @property
    def status_name(self) -> StrArray1D:
        """(u,) the words of ``status``."""
        return np.array([status.name.lower() for status in ScanStatus])[self.status]

    @property
    def zero_gamma_status_name(self) -> StrArray1D:
        """(u,) the words of ``zero_gamma_status``."""
        return np.array([str(status) for status in ZERO_GAMMA_STATUSES])[self.zero_gamma_status]

    def columns(self) -> Columns:
        """Name -> (u,) array, statuses as words, models and refusals as columns of their own: a table's."""
        out: Columns = {}
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if name in ("status", "zero_gamma_status"):
                out[name] = getattr(self, f"{name}_name")
            elif isinstance(value, np.ndarray):
                out[name] = value
        for model, exposures in self.by_model.items():
            for exposure in EXPOSURES:
                out[f"{exposure}_{model}"] = getattr(exposures, exposure)
        return out | {f"refused_{reason}": count for reason, count in self.refused.items()}


def market_scan(
    book: ChainBook,
    *,
    dealer_model: str | DealerModel = "naive",
    clock: TimeClock = TimeClock.CALENDAR,
    coverage_floor: float = COVERAGE_FLOOR,
    value_early_exercise: bool = False,
    workers: int = 1,
) -> MarketScan:
    """Dealer positioning of every underlying of a book.

    Parameters
    ----------
    book : any number of underlyings, of any moments.
    dealer_model, clock, coverage_floor : as ``dealer_positioning.positioning``. A model of the user's own is called
        once, with all contracts of the book.
    value_early_exercise : as there, but off by default: it takes a tenth of a millisecond a series, which for a market
        is more than everything else together.
    workers : threads over which the underlyings are split; the figures are the same to the bit.

    Returns
    -------
    MarketScan. Each figure is the one that ``positioning`` gives for that underlying alone with the same arguments.

    Raises
    ------
    SettingsError : unknown dealer model, one that fails or whose signs are not (n,) values in [-1, 1]; a floor outside
        0 .. 1; no worker.
    InputError : a moment outside the exchange's calendar.
    """
    panel = dealer_models.panel(book, dealer_model)
    run = run_book(
        book,
        panel,
        coverage_floor=coverage_floor,
        clock=clock,
        value_early_exercise=value_early_exercise,
        workers=workers,
    )
    return _scan_of(run)


def market_scans(
    books: Iterable[ChainBook],
    *,
    dealer_model: str | DealerModel = "naive",
    clock: TimeClock = TimeClock.CALENDAR,
    coverage_floor: float = COVERAGE_FLOOR,
    value_early_exercise: bool = False,
    workers: int = 1,
) -> Iterator[MarketScan]:
    """``market_scan`` of one book after the other, of a market too large to be in memory at once.

    Parameters
    ----------
    books : as ``market_file.read_books`` gives them, each underlying whole in one of them.
    dealer_model, clock, coverage_floor, value_early_exercise : as ``market_scan``.
    workers : threads. With more than one, the next books are read while these are looked at, ``workers`` books at the
        most; the figures are the same to the bit.

    Returns
    -------
    A scan for each book, in their order.

    Raises
    ------
    As ``market_scan``, and what reading ``books`` raises, when it is gone through; ``SettingsError`` : no worker.
    """
    if workers < 1:
        raise SettingsError(f"workers must be 1 or more, not {workers}")

    def look_at(book: ChainBook) -> MarketScan:
        return market_scan(
            book,
            dealer_model=dealer_model,
            clock=clock,
            coverage_floor=coverage_floor,
            value_early_exercise=value_early_exercise,
        )

    return map(look_at, books) if workers == 1 else _read_ahead(books, look_at, workers - 1)


def _read_ahead(
    books: Iterable[ChainBook], look_at: Callable[[ChainBook], MarketScan], helpers: int
) -> Iterator[MarketScan]:
    """Books are read here and looked at by other threads, the figures handed on in the books' order."""
    with ThreadPoolExecutor(helpers) as pool:
        waiting: deque[Future[MarketScan]] = deque()
        for book in books:
            waiting.append(pool.submit(look_at, book))
            if len(waiting) > helpers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _scan_of(run: PositioningRun) -> MarketScan:
    book, found, panel = run.book, run.figures, run.panel
    names = list(panel.models)
    by_model = {
        name: ScannedExposures(*(np.ascontiguousarray(found.by_model[:, m, e]) for e in range(len(EXPOSURES))))
        for m, name in enumerate(names)
    }
    chosen = by_model[names[panel.chosen]]
    model = panel.models[names[panel.chosen]]
    gross = found.gross_gamma
    month = found.month_vol
    return MarketScan(
        underlying=np.array(book.underlying, dtype=np.str_),
        spot=book.spot,
        as_of=book.as_of,
        status=found.status,
        quotes_session=run.stamps.session,
        open_interest_session=run.stamps.open_interest_session,
        contracts_read=book.contracts_read,
        contracts_used=found.contracts_used,
        vendor_vols=found.vendor_vols,
        solved_vols=found.contracts_used - found.vendor_vols,
        open_interest_coverage=found.coverage,
        single_expiry=found.expiries == 1,
        dealer_model=model.name,
        dealer_model_version=model.version,
        **{exposure: getattr(chosen, exposure) for exposure in EXPOSURES},
        gamma_exposure_by_volume_usd_per_pct=found.gamma_by_volume,
        gamma_exposure_ex_0dte_usd_per_pct=found.gamma_ex_0dte,
        gross_gamma_usd_per_pct=gross,
        net_to_gross=np.divide(
            chosen.gamma_exposure_usd_per_pct, gross, out=np.full(len(gross), np.nan), where=gross > 0
        ),
        by_model=by_model,
        **_band(found.by_model[:, :, 0], names),
        zero_gamma_nearest=found.root_nearest,
        zero_gamma_count=found.root_count,
        zero_gamma_status=found.root_status,
        call_wall=found.levels[:, 0].copy(),
        put_wall=found.levels[:, 1].copy(),
        max_pain=found.levels[:, 2].copy(),
        max_pain_nearest_expiry=found.levels[:, 3].copy(),
        atm_implied_vol=month,
        expected_move_usd=book.spot * month * np.sqrt(1.0 / SESSIONS_PER_YEAR),
        straddle_move_usd=found.straddle_move,
        straddle_expiry=_straddle_expiry(book, found.straddle_series),
        refused=_refused(book, found.refused),
    )


def _band(gamma: np.ndarray, names: list[str]) -> dict[str, np.ndarray]:
    """Least and greatest of (u, m) gamma over the models, and whether those with a view give one sign."""
    known = np.isfinite(gamma)
    low = np.where(known, gamma, np.inf).min(axis=1)
    high = np.where(known, gamma, -np.inf).max(axis=1)
    with_view = [m for m, name in enumerate(names) if name not in dealer_models.BOUNDS]
    sign, told = np.sign(gamma[:, with_view]), known[:, with_view]
    least = np.where(told, sign, 2.0).min(axis=1)
    greatest = np.where(told, sign, -2.0).max(axis=1)
    agree = np.where(told.sum(axis=1) < 2, UNKNOWN, least == greatest).astype(np.int8)
    return {
        "gamma_low": np.where(np.isfinite(low), low, np.nan),
        "gamma_high": np.where(np.isfinite(high), high, np.nan),
        "models_agree_on_sign": agree,
    }


def _straddle_expiry(book: ChainBook, series: Int64Array1D) -> DateArray1D:
    out = np.full(len(series), np.datetime64("NaT"), dtype="datetime64[D]")
    known = series >= 0
    out[known] = book.expiry[series[known]]
    return out


def _refused(book: ChainBook, tally: np.ndarray) -> dict[str, Int64Array1D]:
    """Reason -> (u,) contracts, reasons that apply to nobody left out."""
    out = {reason: count.copy() for reason, count in book.refused.items() if count.any()}
    for code in ContractStatus:
        if code is not ContractStatus.USED and tally[:, code].any():
            out[code.reason] = out.get(code.reason, 0) + tally[:, code]
    return out
