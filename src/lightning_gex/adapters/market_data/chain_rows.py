"""From the rows of any format to an ``OptionChain``: every row is kept, or refused for one named reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np

from lightning_gex.core.chain import OptionChain
from lightning_gex.core.errors import InputError
from lightning_gex.core.sessions import (
    AM_SETTLED_ROOTS,
    FIRST_SESSION_YEAR,
    LAST_SESSION_YEAR,
    settlement_utc,
    to_datetime64,
)
from lightning_gex.core.units import BoolArray1D, DateArray1D, Float64Array1D, StrArray1D

#: Volatilities at or below this are a source's way of saying that it has none (0, 1e-5, -999).
_NO_VOLATILITY = 1e-4
#: Beyond these a number is no count of contracts, and no deliverable: a broken cell.
_LARGEST_COUNT = 1e10
_LARGEST_MULTIPLIER = 1e6
#: A file in which more than this share of rows belongs to another underlying holds two chains.
_FOREIGN_SHARE = 0.1


class Refusal(StrEnum):
    """Why a row is no contract of the chain."""

    BAD_SYMBOL = "bad_symbol"  # not an option symbol
    BAD_RECORD = "bad_record"  # not a record of names and values
    BAD_NUMBER = "bad_number"  # a quote, volatility or count that is text
    BAD_ROOT = "bad_root"  # the table has roots, this row none
    FOREIGN_ROOT = "foreign_root"  # an option on something else
    ADJUSTED_DELIVERABLE = "adjusted_deliverable"  # the symbol says that it is not 100 shares, and not what it is
    BAD_RIGHT = "bad_right"
    BAD_EXPIRY = "bad_expiry"
    BAD_STRIKE = "bad_strike"
    BAD_MULTIPLIER = "bad_multiplier"
    BAD_SETTLEMENT = "bad_settlement"
    DUPLICATE_CONTRACT = "duplicate_contract"  # the first row of the contract is kept
    EXPIRED = "expired"  # settled at or before as_of


@dataclass(frozen=True, slots=True, eq=False)
class RawContracts:
    """Rows as a format gives them, before any is refused.

    Parameters
    ----------
    source, underlying, as_of, spot : of the whole chain; ``as_of`` aware.
    refused : (n,) the reason a row is already refused for, or None.
    root : (n,) option roots.
    expiry : (n,) ``datetime64[D]``, NaT where unreadable.
    right : (n,) ``C``, ``P``, or anything else where unreadable.
    strike, multiplier : (n,) NaN where unreadable.
    bid, ask, implied_vol, open_interest, volume : (n,) as given, sentinels included; NaN where absent.
    settlement : (n,) ``am``, ``pm``, empty where the source does not say; None where it never does.
    keyed_by_root : whether the rows name their roots, so that two rows of one contract are a mistake.
    """

    source: str
    underlying: str
    as_of: datetime
    spot: float
    refused: Sequence[Refusal | None]
    root: StrArray1D
    expiry: DateArray1D
    right: StrArray1D
    strike: Float64Array1D
    multiplier: Float64Array1D
    bid: Float64Array1D
    ask: Float64Array1D
    implied_vol: Float64Array1D
    open_interest: Float64Array1D
    volume: Float64Array1D
    settlement: StrArray1D | None = None
    keyed_by_root: bool = True


def assemble(raw: RawContracts) -> OptionChain:
    """The chain of the rows that can be contracts and were alive at ``as_of``.

    Parameters
    ----------
    raw : rows of one underlying.

    Returns
    -------
    Contracts in the file's order. Sentinels (volatility at most 1e-4, negative quotes and counts) are NaN; ``refused``
    counts the rest by reason.

    Raises
    ------
    InputError : the spot is no price, more than a tenth of the rows is of another underlying, or no row is left.
    """
    if not 0 < raw.spot < np.inf:
        raise InputError(f"spot {raw.spot} is not a positive number", source=raw.source, field="spot")
    if not len(raw.strike):
        raise InputError("the file holds no contracts", source=raw.source)
    reason = np.array([r.value if r else "" for r in raw.refused], dtype="U24")
    _refuse_nonsense(raw, reason)
    settles_at = settlement_utc(raw.root, _safe(raw.expiry), am_settled=_am_settled(raw))
    _refuse_duplicates(raw, reason)
    _mark(reason, settles_at <= to_datetime64(raw.as_of, source=raw.source), Refusal.EXPIRED)
    counts = Counter(reason[reason != ""].tolist())
    _demand_one_underlying(counts, raw)
    keep = reason == ""
    if not keep.any():
        why = ", ".join(f"{count} {name}" for name, count in counts.most_common())
        raise InputError(f"none of the {len(reason)} contracts can be used: {why}", source=raw.source)
    return OptionChain(
        underlying=raw.underlying,
        as_of=raw.as_of,
        spot=raw.spot,
        root=raw.root[keep],
        expiry=raw.expiry[keep],
        settles_at=settles_at[keep],
        is_call=(raw.right == "C")[keep],
        strike=raw.strike[keep],
        bid=_price_or_nan(raw.bid[keep]),
        ask=_price_or_nan(raw.ask[keep]),
        implied_vol=_volatility_or_nan(raw.implied_vol[keep]),
        open_interest=_count_or_nan(raw.open_interest[keep]),
        volume=_count_or_nan(raw.volume[keep]),
        multiplier=raw.multiplier[keep],
        contracts_read=len(reason),
        refused=dict(sorted(counts.items())),
        source=raw.source,
    )


def _mark(reason: StrArray1D, wrong: BoolArray1D, why: Refusal) -> None:
    """Refuse the rows marked True that no earlier reason refused."""
    reason[wrong & (reason == "")] = why.value


def _refuse_nonsense(raw: RawContracts, reason: StrArray1D) -> None:
    _mark(reason, ~np.isin(raw.right, ("C", "P")), Refusal.BAD_RIGHT)
    known = (raw.expiry >= np.datetime64(f"{FIRST_SESSION_YEAR + 1}-01-01")) & (
        raw.expiry <= np.datetime64(f"{LAST_SESSION_YEAR}-12-31")
    )
    _mark(reason, ~known, Refusal.BAD_EXPIRY)  # NaT compares False
    _mark(reason, ~((raw.strike > 0) & np.isfinite(raw.strike)), Refusal.BAD_STRIKE)
    _mark(reason, ~((raw.multiplier > 0) & (raw.multiplier <= _LARGEST_MULTIPLIER)), Refusal.BAD_MULTIPLIER)
    if raw.settlement is not None:
        _mark(reason, ~np.isin(raw.settlement, ("am", "pm", "")), Refusal.BAD_SETTLEMENT)


def _refuse_duplicates(raw: RawContracts, reason: StrArray1D) -> None:
    if not raw.keyed_by_root:
        return
    seen: set[tuple[str, int, str, float]] = set()
    days = _safe(raw.expiry).astype(np.int64).tolist()
    twice = np.zeros(len(reason), dtype=np.bool_)
    for i, key in enumerate(zip(raw.root.tolist(), days, raw.right.tolist(), raw.strike.tolist(), strict=True)):
        if reason[i] == "":
            twice[i] = key in seen
            seen.add(key)
    _mark(reason, twice, Refusal.DUPLICATE_CONTRACT)


def _am_settled(raw: RawContracts) -> BoolArray1D | None:
    """What the source says where it says something, else what the root says."""
    if raw.settlement is None:
        return None
    by_root = np.isin(raw.root, sorted(AM_SETTLED_ROOTS))
    return np.where(raw.settlement == "", by_root, raw.settlement == "am").astype(np.bool_)


def _safe(expiry: DateArray1D) -> DateArray1D:
    """Expiries with a far date in place of NaT and nonsense: those rows are refused already."""
    wild = ~(expiry > np.datetime64(f"{FIRST_SESSION_YEAR}-12-31")) | (
        expiry > np.datetime64(f"{LAST_SESSION_YEAR}-12-31")
    )
    return np.where(wild, np.datetime64(f"{LAST_SESSION_YEAR}-12-31"), expiry).astype("datetime64[D]")


def _demand_one_underlying(counts: Counter[str], raw: RawContracts) -> None:
    foreign = counts[Refusal.FOREIGN_ROOT.value]
    if foreign > _FOREIGN_SHARE * len(raw.strike):
        raise InputError(
            f"{foreign} of {len(raw.strike)} contracts are not on {raw.underlying}: give one underlying a file",
            source=raw.source,
            field="root",
        )


def _price_or_nan(values: Float64Array1D) -> Float64Array1D:
    return np.where((values >= 0) & np.isfinite(values), values, np.nan)


def _count_or_nan(values: Float64Array1D) -> Float64Array1D:
    return np.where((values >= 0) & (values <= _LARGEST_COUNT), values, np.nan)


def _volatility_or_nan(values: Float64Array1D) -> Float64Array1D:
    return np.where((values > _NO_VOLATILITY) & np.isfinite(values), values, np.nan)
