"""What changed between two positionings of one underlying: contracts, levels, and why net gamma moved.

The change of net gamma is split exactly. Starting from the earlier chain, one thing after the other is brought to the
later chain's state, and each step is charged with what it moves (so the split depends on the order, which is fixed):

1. ``expired``: contracts that settled in between leave.
2. ``left``: contracts still alive that the later chain does not list or cannot use leave.
3. ``spot``: the remaining contracts at the later spot, everything else as it was (sticky strike).
4. ``time``: at the later time to expiry.
5. ``volatility``: at the later volatilities.
6. ``carry``: at the later rates and dividend yields.
7. ``open_interest``: with the later open interest and multiplier.
8. ``dealer_sign``: with the later signs (a model that reads volume changes its mind from day to day).
9. ``entered``: contracts that the earlier chain did not list or could not use join.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import StrEnum

import numpy as np

from lightning_gex.analytics.black_scholes import greeks
from lightning_gex.analytics.dealer_exposure import ONE_PER_CENT, summed_by
from lightning_gex.analytics.positioned_contracts import Columns, PositionedContracts
from lightning_gex.analytics.positioning_result import DealerPositioning
from lightning_gex.core.errors import InputError, SettingsError
from lightning_gex.core.sessions import to_datetime64
from lightning_gex.core.units import (
    BoolArray1D,
    DateArray1D,
    Float64Array1D,
    Float64Array2D,
    Int64Array1D,
    StrArray1D,
    TimeArray1D,
)

#: Beyond this |ln(spot now / spot before)| strikes of the two chains may not stand on one scale (a split).
LARGEST_PLAUSIBLE_MOVE = 0.25
#: The figures of a positioning whose change is shown.
LEVELS = (
    "spot",
    "gamma_exposure_usd_per_pct",
    "delta_exposure_usd",
    "vanna_exposure_usd_per_vol_point",
    "charm_exposure_usd_per_day",
    "gross_gamma_usd_per_pct",
    "zero_gamma_nearest",
    "call_wall",
    "put_wall",
    "max_pain",
    "atm_implied_vol",
    "straddle_move_usd",
)


class GammaStep(StrEnum):
    """What net gamma's change is charged to, in the order of the steps."""

    EXPIRED = "expired"
    LEFT = "left"
    SPOT = "spot"
    TIME = "time"
    VOLATILITY = "volatility"
    CARRY = "carry"
    OPEN_INTEREST = "open_interest"
    DEALER_SIGN = "dealer_sign"
    ENTERED = "entered"


class ContractFate(StrEnum):
    """What became of a contract between the two chains."""

    KEPT = "kept"
    EXPIRED = "expired"
    LEFT = "left"
    ENTERED = "entered"


@dataclass(frozen=True, slots=True, eq=False)
class ContractChanges:
    """Every contract of either chain, rising in settlement, root, strike, calls before puts; (n,) each.

    Parameters
    ----------
    root, expiry, settles_at, is_call, strike : the contract's key, and its settlement.
    fate : words of ``ContractFate``.
    open_interest_before, open_interest_now : contracts; 0 where the chain has no usable contract of that key.
    gamma_before_usd_per_pct, gamma_now_usd_per_pct : net gamma exposure, with dealer sign; 0 likewise.
    gamma_steps_usd_per_pct : (n, 9) the change charged to each ``GammaStep``, summing to now less before.
    """

    root: StrArray1D
    expiry: DateArray1D
    settles_at: TimeArray1D
    is_call: BoolArray1D
    strike: Float64Array1D
    fate: StrArray1D
    open_interest_before: Float64Array1D
    open_interest_now: Float64Array1D
    gamma_before_usd_per_pct: Float64Array1D
    gamma_now_usd_per_pct: Float64Array1D
    gamma_steps_usd_per_pct: Float64Array2D

    def __len__(self) -> int:
        return len(self.strike)

    @property
    def open_interest_change(self) -> Float64Array1D:
        """(n,) contracts opened (+) or closed and expired (-)."""
        return self.open_interest_now - self.open_interest_before

    @property
    def traded_open_interest(self) -> Float64Array1D:
        """(n,) contracts opened (+) or closed (-) in what the later chain still holds; NaN where a contract is gone."""
        held = np.isin(self.fate, [ContractFate.KEPT, ContractFate.ENTERED])
        return np.where(held, self.open_interest_change, np.nan)

    @property
    def gamma_change_usd_per_pct(self) -> Float64Array1D:
        """(n,) USD per 1 %: net gamma now less net gamma before."""
        return self.gamma_now_usd_per_pct - self.gamma_before_usd_per_pct

    def columns(self) -> Columns:
        """Name -> (n,) array: what a table is made of."""
        out: Columns = {f.name: getattr(self, f.name) for f in fields(self)[:-1]}
        out["open_interest_change"] = self.open_interest_change
        out["gamma_change_usd_per_pct"] = self.gamma_change_usd_per_pct
        for i, step in enumerate(GammaStep):
            out[f"gamma_{step.value}_usd_per_pct"] = self.gamma_steps_usd_per_pct[:, i]
        return out


@dataclass(frozen=True, slots=True, eq=False)
class GroupedChanges:
    """Changes summed over the contracts of a strike or of a listed expiry date; (k,) each.

    Parameters
    ----------
    strike : USD, rising; empty in a table by expiry.
    expiry : listed dates, rising; empty in a table by strike.
    open_interest_before, open_interest_now : contracts.
    gamma_before_usd_per_pct, gamma_now_usd_per_pct : net gamma exposure, with dealer sign.
    """

    strike: Float64Array1D
    expiry: DateArray1D
    open_interest_before: Float64Array1D
    open_interest_now: Float64Array1D
    gamma_before_usd_per_pct: Float64Array1D
    gamma_now_usd_per_pct: Float64Array1D

    @property
    def open_interest_change(self) -> Float64Array1D:
        """(k,) contracts opened (+) or closed and expired (-)."""
        return self.open_interest_now - self.open_interest_before

    @property
    def gamma_change_usd_per_pct(self) -> Float64Array1D:
        """(k,) USD per 1 %: net gamma now less net gamma before."""
        return self.gamma_now_usd_per_pct - self.gamma_before_usd_per_pct

    def columns(self) -> Columns:
        """Name -> (k,) array: what a table is made of."""
        out: Columns = {f.name: getattr(self, f.name) for f in fields(self)}
        del out["strike" if len(self.expiry) else "expiry"]
        out["open_interest_change"] = self.open_interest_change
        out["gamma_change_usd_per_pct"] = self.gamma_change_usd_per_pct
        return out


@dataclass(frozen=True, slots=True, eq=False)
class PositioningChanges:
    """What changed between two positionings of one underlying.

    Parameters
    ----------
    underlying : symbol.
    before, now : the two moments, aware UTC.
    open_interest_session_before, open_interest_session_now : sessions whose evenings the open interests describe.
    dealer_model : the assumption behind every signed figure, the same in both.
    gamma_steps_usd_per_pct : ``GammaStep`` -> USD per 1 %, in the order of the steps; they sum to net gamma now less
        net gamma before.
    levels : name of ``LEVELS`` -> (before, now); NaN where there was or is none.
    contracts : every contract of either chain.
    notes : what a reader must know.
    """

    underlying: str
    before: datetime
    now: datetime
    open_interest_session_before: np.datetime64
    open_interest_session_now: np.datetime64
    dealer_model: str
    gamma_steps_usd_per_pct: Mapping[GammaStep, float]
    levels: Mapping[str, tuple[float, float]]
    contracts: ContractChanges
    notes: tuple[str, ...]

    @property
    def gamma_change_usd_per_pct(self) -> float:
        """USD per 1 %: net gamma now less net gamma before, the sum of the steps."""
        return math.fsum(self.gamma_steps_usd_per_pct.values())

    def by_strike(self) -> GroupedChanges:
        """Changes of each strike over all expiries."""
        strikes, at = np.unique(self.contracts.strike, return_inverse=True)
        return _grouped(self.contracts, at, len(strikes), strike=strikes)

    def by_expiry(self) -> GroupedChanges:
        """Changes of each listed expiry date over all strikes and roots."""
        dates, at = np.unique(self.contracts.expiry, return_inverse=True)
        return _grouped(self.contracts, at, len(dates), expiry=dates)

    def expiries_gone(self) -> DateArray1D:
        """(e,) listed dates that had used contracts before and have none now."""
        before, now = self._expiries()
        return np.setdiff1d(before, now)

    def expiries_opened(self) -> DateArray1D:
        """(e,) listed dates that have used contracts now and had none before."""
        before, now = self._expiries()
        return np.setdiff1d(now, before)

    def _expiries(self) -> tuple[DateArray1D, DateArray1D]:
        """Listed dates with used contracts before, and now."""
        fate, expiry = self.contracts.fate, self.contracts.expiry
        return expiry[fate != ContractFate.ENTERED], expiry[np.isin(fate, [ContractFate.KEPT, ContractFate.ENTERED])]


def largest(change: Float64Array1D, count: int) -> Int64Array1D:
    """The rows of the largest changes, largest in size first, unchanged ones left out.

    Parameters
    ----------
    change : (n,) any unit; NaN is left out.
    count : how many at most.

    Returns
    -------
    (m,) indices, m <= count; of equal sizes the earlier row comes first.

    Examples
    --------
    >>> largest(np.array([1.0, -5.0, 0.0, 3.0]), 2).tolist()
    [1, 3]
    """
    size = np.where(np.isnan(change), 0.0, np.abs(change))
    order = np.argsort(-size, kind="stable")[:count]
    return order[size[order] > 0].astype(np.int64)


def positioning_changes(now: DealerPositioning, before: DealerPositioning) -> PositioningChanges:
    """What changed between two positionings of one underlying under one dealer model.

    Parameters
    ----------
    now, before : the later and the earlier one, made with the same dealer model.

    Returns
    -------
    PositioningChanges. The same positioning twice gives zero throughout.

    Raises
    ------
    InputError : two underlyings, or ``before`` is the later one.
    SettingsError : two dealer models.
    """
    _require_comparable(now, before)
    contracts = _contract_changes(now, before)
    steps = {step: float(contracts.gamma_steps_usd_per_pct[:, i].sum()) for i, step in enumerate(GammaStep)}
    return PositioningChanges(
        underlying=now.underlying,
        before=before.as_of,
        now=now.as_of,
        open_interest_session_before=before.open_interest_session,
        open_interest_session_now=now.open_interest_session,
        dealer_model=now.dealer_model,
        gamma_steps_usd_per_pct=steps,
        levels={name: (float(getattr(before, name)), float(getattr(now, name))) for name in LEVELS},
        contracts=contracts,
        notes=_notes(now, before, contracts),
    )


def _require_comparable(now: DealerPositioning, before: DealerPositioning) -> None:
    if now.underlying != before.underlying:
        raise InputError(
            f"it is on {before.underlying}, the later chain on {now.underlying}: give two chains of one underlying",
            source=before.source,
            field="underlying",
        )
    if before.as_of > now.as_of:
        raise InputError(
            f"it is of {before.as_of.isoformat()}, later than {now.as_of.isoformat()}: give the earlier chain second",
            source=before.source,
            field="as_of",
        )
    models = [(p.dealer_model, p.dealer_model_version) for p in (before, now)]
    if models[0] != models[1]:
        raise SettingsError(f"one positioning is under dealer model {models[0]}, the other under {models[1]}: use one")


def _notes(now: DealerPositioning, before: DealerPositioning, contracts: ContractChanges) -> tuple[str, ...]:
    notes = []
    if now.open_interest_session == before.open_interest_session:
        notes.append(
            f"both open interests are of the evening of {now.open_interest_session}: what changed in them are "
            "corrections, not trades"
        )
    move = math.log(now.spot / before.spot)
    if abs(move) > LARGEST_PLAUSIBLE_MOVE:
        notes.append(f"spot went from {before.spot:g} to {now.spot:g}: after a split the strikes do not compare")
    left = int((contracts.fate == ContractFate.LEFT).sum())
    if left:
        notes.append(f"{left} contracts that are still alive are missing from the later chain or unusable in it")
    return tuple(notes)


def _contract_changes(now: DealerPositioning, before: DealerPositioning) -> ContractChanges:
    old, new = before.contracts, now.contracts
    of_old, of_new = _matched(old, new)
    has_old, has_new = of_old >= 0, of_new >= 0
    kept = has_old & has_new
    expired = has_old & ~has_new
    settles = _taken(old.settles_at, new.settles_at, of_old, of_new)
    expired &= settles <= to_datetime64(now.as_of)
    fate = np.select(
        [kept, expired, has_old], [ContractFate.KEPT, ContractFate.EXPIRED, ContractFate.LEFT], ContractFate.ENTERED
    )
    gamma_before = _placed(before.exposures_by_contract().gamma_exposure_usd_per_pct, of_old)
    gamma_now = _placed(now.exposures_by_contract().gamma_exposure_usd_per_pct, of_new)
    steps = np.zeros((len(fate), len(GammaStep)))
    order = list(GammaStep)
    steps[expired, order.index(GammaStep.EXPIRED)] = -gamma_before[expired]
    left = fate == ContractFate.LEFT
    steps[left, order.index(GammaStep.LEFT)] = -gamma_before[left]
    entered = fate == ContractFate.ENTERED
    steps[entered, order.index(GammaStep.ENTERED)] = gamma_now[entered]
    first, last = order.index(GammaStep.SPOT), order.index(GammaStep.DEALER_SIGN)
    steps[kept, first : last + 1] = _repriced(old, new, of_old[kept], of_new[kept])
    return ContractChanges(
        root=_taken(old.root, new.root, of_old, of_new),
        expiry=_taken(old.expiry, new.expiry, of_old, of_new),
        settles_at=settles,
        is_call=_taken(old.is_call, new.is_call, of_old, of_new),
        strike=_taken(old.strike, new.strike, of_old, of_new),
        fate=fate.astype(np.str_),
        open_interest_before=_placed(old.open_interest, of_old),
        open_interest_now=_placed(new.open_interest, of_new),
        gamma_before_usd_per_pct=gamma_before,
        gamma_now_usd_per_pct=gamma_now,
        gamma_steps_usd_per_pct=steps,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    """Everything that the net gamma exposure of contracts hangs on, (m,) each."""

    spot: float
    years: Float64Array1D
    vol: Float64Array1D
    rate: Float64Array1D
    dividend: Float64Array1D
    shares: Float64Array1D
    sign: Float64Array1D

    @classmethod
    def of(cls, contracts: PositionedContracts, rows: Int64Array1D) -> _State:
        terms, series = contracts.term_structure, contracts.series[rows]
        return cls(
            spot=contracts.spot,
            years=terms.time_to_expiry_years[series],
            vol=contracts.implied_vol[rows],
            rate=terms.rate[series],
            dividend=terms.dividend_yield[series],
            shares=contracts.open_interest[rows] * contracts.multiplier[rows],
            sign=contracts.dealer_sign[rows],
        )

    def gamma(self, strike: Float64Array1D) -> Float64Array1D:
        """(m,) USD per 1 % of spot, with dealer sign."""
        S, every = self.spot, np.ones(len(strike), dtype=np.bool_)  # call and put have one gamma
        found = greeks(S, strike, self.years, self.vol, self.rate, self.dividend, every)
        return found.gamma * (self.sign * self.shares) * (S * S * ONE_PER_CENT)


def _repriced(
    old: PositionedContracts, new: PositionedContracts, of_old: Int64Array1D, of_new: Int64Array1D
) -> Float64Array2D:
    """(m, 6) what each step from spot to dealer sign moves in the contracts of both chains; 0 where nothing changed."""
    strike = old.strike[of_old]
    state, target = _State.of(old, of_old), _State.of(new, of_new)
    values = [state.gamma(strike)]
    for names in (("spot",), ("years",), ("vol",), ("rate", "dividend"), ("shares",), ("sign",)):
        state = replace(state, **{name: getattr(target, name) for name in names})
        values.append(state.gamma(strike))
    return np.diff(np.array(values), axis=0).T


def _matched(old: PositionedContracts, new: PositionedContracts) -> tuple[Int64Array1D, Int64Array1D]:
    """For each distinct contract of the two, its row in the one and in the other; -1 where it is not there.

    A key that a chain holds twice is matched in the order of the rows.
    """
    names = np.unique(np.r_[old.term_structure.root, new.term_structure.root])
    parts = [
        (np.searchsorted(names, c.term_structure.root)[c.series], c.expiry, c.settles_at, c.strike, ~c.is_call)
        for c in (old, new)
    ]
    root, expiry, settles, strike, put = (np.concatenate(pair) for pair in zip(*parts, strict=True))
    count = len(old)
    which = np.r_[np.zeros(count, dtype=np.int64), np.ones(len(new), dtype=np.int64)]
    turn = np.zeros(len(which), dtype=np.int64)
    key = (put, strike, root, expiry)
    for side in (0, 1):
        rows = np.flatnonzero(which == side)
        rows = rows[np.lexsort(tuple(column[rows] for column in key))]
        turn[rows] = _place_in_run(_same_as_before(tuple(column[rows] for column in key)))
    order = np.lexsort((which, turn, *key))
    same = _same_as_before((turn[order], *(column[order] for column in key)))
    group = np.cumsum(~same) - 1
    total = int(group[-1]) + 1 if len(group) else 0
    of_old, of_new = np.full(total, -1, dtype=np.int64), np.full(total, -1, dtype=np.int64)
    is_old = which[order] == 0
    of_old[group[is_old]] = order[is_old]
    of_new[group[~is_old]] = order[~is_old] - count
    first = order[~same]
    rank = np.lexsort(tuple(column[first] for column in (turn, put, strike, root, settles)))
    return of_old[rank], of_new[rank]


def _same_as_before(columns: tuple[np.ndarray, ...]) -> BoolArray1D:
    """(n,) whether a row equals the one before it in every column."""
    same = np.ones(len(columns[0]), dtype=np.bool_)
    same[:1] = False
    for column in columns:
        same[1:] &= column[1:] == column[:-1]
    return same


def _place_in_run(same: BoolArray1D) -> Int64Array1D:
    """(n,) 0 where a run begins, then 1, 2, ... through it."""
    at = np.arange(len(same))
    return at - np.maximum.accumulate(np.where(same, 0, at))


def _taken(old: np.ndarray, new: np.ndarray, of_old: Int64Array1D, of_new: Int64Array1D) -> np.ndarray:
    """(n,) the later chain's value, or the earlier one's where the later has none."""
    if len(new) == 0 or len(old) == 0:
        return new[of_new] if len(new) else old[of_old]
    return np.where(of_new >= 0, new[of_new], old[of_old])


def _placed(values: Float64Array1D, rows: Int64Array1D) -> Float64Array1D:
    """(n,) the values of the rows, 0 where there is none."""
    return np.where(rows >= 0, values[rows], 0.0) if len(values) else np.zeros(len(rows))


def _grouped(
    contracts: ContractChanges,
    at: Int64Array1D,
    count: int,
    *,
    strike: Float64Array1D | None = None,
    expiry: DateArray1D | None = None,
) -> GroupedChanges:
    sums = (
        summed_by(at, getattr(contracts, name), count)
        for name in (
            "open_interest_before",
            "open_interest_now",
            "gamma_before_usd_per_pct",
            "gamma_now_usd_per_pct",
        )
    )
    return GroupedChanges(
        np.zeros(0) if strike is None else strike,
        np.zeros(0, dtype="datetime64[D]") if expiry is None else expiry,
        *sums,
    )
