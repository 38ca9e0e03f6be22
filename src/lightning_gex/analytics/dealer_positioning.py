"""Where dealers stand in one option chain: exposures, zero gamma, walls, and how much of it is assumption."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np

from lightning_gex.analytics import dealer_models, exposure_tables
from lightning_gex.analytics.contract_selection import refusals
from lightning_gex.analytics.dealer_exposure import EXPOSURES
from lightning_gex.analytics.dealer_models import DealerModel
from lightning_gex.analytics.exposure_profile import spot_grid
from lightning_gex.analytics.levels import expected_move_usd
from lightning_gex.analytics.option_time import TimeClock
from lightning_gex.analytics.parity import carry_notes
from lightning_gex.analytics.positioned_contracts import EarlyExercise, PositionedContracts
from lightning_gex.analytics.positioning_columns import Workspace
from lightning_gex.analytics.positioning_kernels import LEAST_REACH, ScanStatus
from lightning_gex.analytics.positioning_result import DealerPositioning, ExposureBand
from lightning_gex.analytics.positioning_rows import early_exercise, positioned_contracts
from lightning_gex.analytics.positioning_run import PositioningRun, run_chain
from lightning_gex.analytics.zero_gamma import MAX_ROOTS, ZERO_GAMMA_STATUSES, zero_gamma
from lightning_gex.core.book import ChainBook, book_of
from lightning_gex.core.chain import OptionChain
from lightning_gex.core.errors import InputError, InsufficientDataError, SettingsError
from lightning_gex.core.sessions import to_aware
from lightning_gex.core.units import SESSIONS_PER_YEAR

COVERAGE_FLOOR = 0.8  # share of open interest that must be usable before a figure is given
_GAMMA = "gamma_exposure_usd_per_pct"
_CUT = (
    "strikes {lowest:g} .. {highest:g} do not reach {low:g} .. {high:g} (5 % to both sides of spot {spot:g}): "
    "the chain is cut"
)
_COVERAGE = (
    "only {coverage:.1%} of the open interest has a usable volatility, at least {floor:.0%} wanted (refused: {refused})"
)
_KNOWN = "open interest is known for {known:.1%} of the contracts, {floor:.0%} wanted"
#: What a chain of each status is refused with, and the field at fault.
_PROBLEMS: dict[ScanStatus, tuple[str, str | None]] = {
    ScanStatus.NO_CONTRACTS: ("the chain holds no contracts", None),
    ScanStatus.NO_SOUND_TERMS: ("no contract has sound terms (refused: {refused})", None),
    ScanStatus.OPEN_INTEREST_UNKNOWN: (_KNOWN, "open_interest"),
    ScanStatus.NO_OPEN_INTEREST: ("no open interest in the whole chain", "open_interest"),
    ScanStatus.TOO_LITTLE_COVERAGE: (_COVERAGE, None),
    ScanStatus.NO_CALLS: ("the chain has no usable calls (refused: {refused})", None),
    ScanStatus.NO_PUTS: ("the chain has no usable puts (refused: {refused})", None),
    ScanStatus.CUT_CHAIN: (_CUT, "strike"),
}


def positioning(
    chain: OptionChain | ChainBook,
    *,
    dealer_model: str | DealerModel = "naive",
    clock: TimeClock = TimeClock.CALENDAR,
    coverage_floor: float = COVERAGE_FLOOR,
    value_early_exercise: bool = True,
    max_age: timedelta | None = None,
    now: datetime | None = None,
) -> DealerPositioning:
    """Dealer positioning of one chain.

    Parameters
    ----------
    chain : one underlying at one moment; or a book of one, as ``market_file.read_books`` gives it, which saves
        putting it in order.
    dealer_model : who holds what: a registered name (naive, inverted, unsigned, volume_signed) or a model.
    clock : which time makes options decay. Prices, gamma, delta and vanna do not depend on it; charm does.
    coverage_floor : share of open interest that must be usable, and of contracts whose open interest must be known.
    value_early_exercise : whether forwards, and volatilities solved from quotes, of American options allow for it.
    max_age : how old the quotes may be at ``now``; None lets any age pass. Nights and weekends count.
    now : aware moment to measure the age from; needed with ``max_age``, since nothing here reads the clock.

    Returns
    -------
    DealerPositioning. It does not depend on the order of the contracts.

    Raises
    ------
    InsufficientDataError : no usable contract, no open interest, only calls or only puts, too little coverage, strikes
        that do not reach 5 % to both sides of spot, or quotes older than ``max_age``.
    InputError : quotes from after ``now``, or from outside the exchange's calendar; a book of no or many underlyings.
    SettingsError : unknown dealer model, one that fails or whose signs are not (n,) values in [-1, 1]; a floor outside
        0 .. 1; ``max_age`` without ``now``.
    """
    about = _About.book(chain) if isinstance(chain, ChainBook) else _About.chain(chain)
    _refuse_stale(about, max_age, now)
    book = chain if isinstance(chain, ChainBook) else book_of(chain)
    panel = dealer_models.panel(book, dealer_model)
    run, work = run_chain(
        book, panel, coverage_floor=coverage_floor, clock=clock, value_early_exercise=value_early_exercise
    )
    _require_enough(about, run)
    return _assemble(about, run, work)


class _About(NamedTuple):
    """What a result says of the chain itself."""

    underlying: str
    as_of: datetime
    spot: float
    contracts_read: int
    refused: Mapping[str, int]
    notes: tuple[str, ...]
    modelled: bool
    source: str

    @classmethod
    def chain(cls, chain: OptionChain) -> _About:
        """Of a chain."""
        return cls(
            chain.underlying,
            chain.as_of,
            chain.spot,
            chain.contracts_read,
            chain.refused,
            chain.notes,
            chain.modelled,
            chain.source,
        )

    @classmethod
    def book(cls, book: ChainBook) -> _About:
        """Of a book with one underlying."""
        if len(book.underlying) != 1:
            raise InputError(
                f"the book holds {len(book.underlying)} underlyings: market_scan is for many, chain_of picks one",
                source=book.source,
            )
        return cls(
            book.underlying[0],
            to_aware(book.as_of[0]),
            float(book.spot[0]),
            int(book.contracts_read[0]),
            {reason: int(count[0]) for reason, count in book.refused.items() if count[0]},
            (),
            book.modelled,
            book.source,
        )


def _refuse_stale(about: _About, max_age: timedelta | None, now: datetime | None) -> None:
    if max_age is None:
        return
    if now is None:
        raise SettingsError("max_age needs now: the moment from which the age of the quotes is measured")
    if now.tzinfo is None:
        raise SettingsError(f"now = {now.isoformat()} has no time zone: give one, such as +00:00")
    age = now - about.as_of
    if age < timedelta(0):
        raise InputError(
            f"the quotes are of {about.as_of.isoformat()}, after {now.isoformat()}: check the clock or the file's time",
            source=about.source,
            field="as_of",
        )
    if age > max_age:
        raise InsufficientDataError(
            f"the quotes are of {about.as_of.isoformat()}, {age} before {now.isoformat()}: older than the {max_age} "
            "allowed; bring a newer chain, or allow more",
            source=about.source,
            field="as_of",
        )


def _require_enough(about: _About, run: PositioningRun) -> None:
    """Refuse to answer from too little, saying how much there was."""
    found, floor = run.figures, run.coverage_floor
    status = ScanStatus(int(found.status[0]))
    if status is ScanStatus.OK:
        return
    tally = Counter(about.refused) + Counter(refusals(found.refused[0]))
    refused = ", ".join(f"{count} {reason}" for reason, count in tally.items()) or "none"
    problem, field = _PROBLEMS[status]
    raise InsufficientDataError(
        problem.format(
            refused=refused,
            known=found.open_interest_known[0],
            coverage=found.coverage[0],
            floor=floor,
            lowest=found.reach[0, 0],
            highest=found.reach[0, 1],
            low=about.spot * (1 - LEAST_REACH),
            high=about.spot * (1 + LEAST_REACH),
            spot=about.spot,
        ),
        source=about.source,
        field=field,
    )


def _band(run: PositioningRun) -> dict[str, ExposureBand]:
    """Each exposure under every registered model and the chosen one."""
    names = list(run.panel.models)
    return {
        exposure: _band_of(dict(zip(names, run.figures.by_model[0, :, e].tolist(), strict=True)))
        for e, exposure in enumerate(EXPOSURES)
    }


def _band_of(by_model: dict[str, float]) -> ExposureBand:
    known = [value for value in by_model.values() if math.isfinite(value)]
    views = [v for name, v in by_model.items() if name not in dealer_models.BOUNDS and math.isfinite(v)]
    agree = None if len(views) < 2 else len({math.copysign(1.0, v) if v else 0.0 for v in views}) == 1
    return ExposureBand(min(known, default=math.nan), max(known, default=math.nan), by_model, agree)


def _assemble(about: _About, run: PositioningRun, work: Workspace) -> DealerPositioning:
    found, panel = run.figures, run.panel
    contracts = positioned_contracts(run, work)
    terms = contracts.term_structure
    band = _band(run)
    model = list(panel.models.values())[panel.chosen]
    by_strike = exposure_tables.by_strike(contracts, "open_interest", include_0dte=True)
    by_expiry = exposure_tables.by_expiry(contracts, "open_interest", include_0dte=True)
    straddle = int(found.straddle_series[0])
    net, gross = band[_GAMMA].by_model[model.name], float(found.gross_gamma[0])
    month = float(found.month_vol[0])
    early = early_exercise(run, work)
    return DealerPositioning(
        underlying=about.underlying,
        spot=about.spot,
        as_of=about.as_of,
        contracts_read=about.contracts_read,
        contracts_used=int(found.contracts_used[0]),
        open_interest_coverage=float(found.coverage[0]),
        quotes_session=run.stamps.session[0],
        open_interest_session=run.stamps.open_interest_session[0],
        vendor_vols=int(found.vendor_vols[0]),
        solved_vols=int(found.contracts_used[0] - found.vendor_vols[0]),
        dealer_model=model.name,
        dealer_model_version=model.version,
        clock=run.clock,
        **{exposure: band[exposure].by_model[model.name] for exposure in EXPOSURES},
        gamma_exposure_by_volume_usd_per_pct=float(found.gamma_by_volume[0]),
        gamma_exposure_ex_0dte_usd_per_pct=float(found.gamma_ex_0dte[0]),
        gross_gamma_usd_per_pct=gross,
        net_to_gross=net / gross if gross > 0 else math.nan,
        zero_gamma=_roots(run, contracts),
        zero_gamma_nearest=float(found.root_nearest[0]),
        zero_gamma_status=ZERO_GAMMA_STATUSES[int(found.root_status[0])],
        call_wall=float(found.levels[0, 0]),
        put_wall=float(found.levels[0, 1]),
        max_pain=float(found.levels[0, 2]),
        max_pain_nearest_expiry=float(found.levels[0, 3]),
        atm_implied_vol=month,
        expected_move_usd=expected_move_usd(about.spot, month, 1.0 / SESSIONS_PER_YEAR),
        straddle_move_usd=float(found.straddle_move[0]),
        straddle_expiry=terms.expiry[straddle] if straddle >= 0 else np.datetime64("NaT", "D"),
        early_exercise=early,
        dealer_model_band=band,
        refused=dict(Counter(about.refused) + Counter(refusals(found.refused[0]))),
        strike=by_strike.strike,
        call_gamma_by_strike=by_strike.call_gamma_usd_per_pct,
        put_gamma_by_strike=by_strike.put_gamma_usd_per_pct,
        expiry=by_expiry.expiry,
        gamma_by_expiry=by_expiry.gamma_exposure_usd_per_pct,
        delta_by_expiry=by_expiry.delta_exposure_usd,
        vanna_by_expiry=by_expiry.vanna_exposure_usd_per_vol_point,
        charm_by_expiry=by_expiry.charm_exposure_usd_per_day,
        profile_spot=spot_grid(about.spot),
        profile_gamma_usd_per_pct=work.exposure,
        contracts=contracts,
        term_structure=terms,
        notes=_notes(about, run, contracts, band[_GAMMA], early),
        modelled=about.modelled,
        source=about.source,
    )


def _roots(run: PositioningRun, contracts: PositionedContracts) -> tuple[float, ...]:
    """Every root; the pass over a book keeps the nearest ``MAX_ROOTS`` only."""
    found = run.figures
    if found.root_count[0] <= MAX_ROOTS:
        return tuple(found.roots[0, : found.root_count[0]].tolist())
    return zero_gamma(contracts.spot, contracts.priced()).roots


def _notes(
    about: _About, run: PositioningRun, contracts: PositionedContracts, gamma: ExposureBand, early: EarlyExercise
) -> tuple[str, ...]:
    found = run.figures
    notes = list(about.notes)
    if about.modelled:
        notes.append("no market quoted this chain: a model made it")
    terms = contracts.term_structure
    dates = np.unique(terms.expiry[terms.contracts > 0])
    if len(dates) == 1:
        notes.append(f"a single expiry, {dates[0]}: exposures and levels are that expiry's alone")
    else:
        notes.append("max pain takes all expiries together; the nearest expiry's stands beside it")
    used, vendor = int(found.contracts_used[0]), int(found.vendor_vols[0])
    if used > vendor:
        notes.append(f"{used - vendor} of {used} volatilities solved from quotes")
    if run.clock is TimeClock.TRADING:
        notes.append("charm is per session of trading time: nights and weekends decay nothing")
        before_the_open = int(terms.contracts[run.clock_years <= 0].sum())
        if before_the_open:
            notes.append(f"{before_the_open} contracts settle before the next session trades: no charm counted")
    crossed = int(np.count_nonzero(run.book.bid > run.book.ask))
    if crossed:
        notes.append(
            f"{crossed} of {len(run.book)} quotes are crossed: they say nothing, a volatility beside is the source's"
        )
    notes.extend(carry_notes(run.book, run.carry, value_early_exercise=run.value_early_exercise))
    if early.adjusted_contracts:
        notes.append(early.words)
    if found.root_count[0] > 1:
        notes.append(f"net gamma changes sign at {int(found.root_count[0])} prices")
    if gamma.models_agree_on_sign is False:
        notes.append("dealer models disagree on the sign of net gamma")
    silent = sorted(name for name, value in gamma.by_model.items() if math.isnan(value))
    if silent:
        notes.append(f"dealer models that cannot tell on this chain: {', '.join(silent)}")
    return tuple(notes)
