"""From the rows of any format to an ``OptionChain``: every row is kept, or refused for one named reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np

from lightning_gex.adapters.market_data.recycled import recycled
from lightning_gex.core.chain import OptionChain
from lightning_gex.core.errors import InputError
from lightning_gex.core.sessions import (
    AM_SETTLED_ROOTS,
    FIRST_SESSION_YEAR,
    LAST_SESSION_YEAR,
    settlement_utc,
    to_datetime64,
)
from lightning_gex.core.units import (
    BoolArray1D,
    DateArray1D,
    Float64Array1D,
    Int8Array1D,
    Int16Array1D,
    Int64Array1D,
    TimeArray1D,
)

#: Volatilities at or below this are a source's way of saying that it has none (0, 1e-5, -999).
NO_VOLATILITY = 1e-4
#: Beyond these a number is no count of contracts, no price of an option or strike, no deliverable: a broken cell.
LARGEST_COUNT = 1e10
LARGEST_PRICE_USD = 1e6
LARGEST_MULTIPLIER = 1e6
#: No underlying of US options is quoted beyond this.
LARGEST_SPOT_USD = 1e7
#: A file in which more than this share of rows belongs to another underlying holds two chains.
_FOREIGN_SHARE = 0.1
FIRST_EXPIRY = np.datetime64(f"{FIRST_SESSION_YEAR + 1}-01-01", "D")
LAST_EXPIRY = np.datetime64(f"{LAST_SESSION_YEAR}-12-31", "D")

#: Codes of ``RawContracts.right``.
PUT, CALL, NEITHER = np.int8(0), np.int8(1), np.int8(-1)
#: Codes of ``RawContracts.settlement``: the source does not say, says morning or evening, or says something else.
UNSAID, MORNING, EVENING, UNREADABLE = np.int8(0), np.int8(1), np.int8(2), np.int8(-1)

#: Spreads small integers over all 64 bits: 2**64 over the golden ratio, made odd (Knuth, TAOCP vol. 3, 6.4).
_ODD = np.int64(-7_046_029_254_386_353_131)


class Refusal(StrEnum):
    """Why a row is no contract of the chain."""

    BAD_SYMBOL = "bad_symbol"  # not an option symbol
    BAD_RECORD = "bad_record"  # not a record of names and values
    BAD_NUMBER = "bad_number"  # a quote, volatility or count that is text
    BAD_ROOT = "bad_root"  # the table has roots, this row none
    FOREIGN_ROOT = "foreign_root"  # an option on something else
    ADJUSTED_DELIVERABLE = "adjusted_deliverable"  # not plainly so many shares of the underlying
    BAD_RIGHT = "bad_right"
    BAD_EXPIRY = "bad_expiry"
    BAD_STRIKE = "bad_strike"
    BAD_MULTIPLIER = "bad_multiplier"
    BAD_SETTLEMENT = "bad_settlement"
    DUPLICATE_CONTRACT = "duplicate_contract"  # the first row of the contract is kept
    EXPIRED = "expired"  # settled at or before as_of


#: A row's reason as a number: its position here plus one; 0 is a row that is kept.
_REASONS = tuple(Refusal)
_CODE_OF = {reason: np.int8(i + 1) for i, reason in enumerate(_REASONS)}


class Refusals:
    """Which rows are refused, each for the first reason that was found.

    Parameters
    ----------
    rows : how many rows there are.
    """

    def __init__(self, rows: int) -> None:
        self.code: Int8Array1D = np.zeros(rows, dtype=np.int8)

    def mark(self, wrong: BoolArray1D, why: Refusal) -> None:
        """Refuse the rows marked True that no earlier reason refused."""
        if wrong.any():
            self.code[wrong & (self.code == 0)] = _CODE_OF[why]

    @property
    def kept(self) -> BoolArray1D:
        """(n,) the rows that no reason refused."""
        kept: BoolArray1D = self.code == 0
        return kept

    @property
    def refused(self) -> Int64Array1D:
        """Positions of the rows that a reason refused, rising."""
        return np.flatnonzero(self.code)

    def counts(self) -> dict[str, int]:
        """Reason -> rows, for the reasons that there are, in alphabetical order."""
        found = np.bincount(self.code, minlength=len(_REASONS) + 1)[1:].tolist()
        return dict(sorted((reason.value, count) for reason, count in zip(_REASONS, found, strict=True) if count))

    def counts_by_part(self, starts: Int64Array1D) -> dict[str, Int64Array1D]:
        """Reason -> (u,) rows refused of each part of the rows; ``starts`` (u + 1,) is where the parts begin."""
        refused = self.refused
        part = np.searchsorted(starts, refused, side="right") - 1
        code = self.code[refused]
        return {
            reason.value: np.bincount(part[code == of], minlength=len(starts) - 1).astype(np.int64)
            for reason, of in sorted(_CODE_OF.items())
            if (code == of).any()
        }


@dataclass(frozen=True, slots=True)
class Heading:
    """What a file says of the whole chain.

    Parameters
    ----------
    source : the file, for messages.
    underlying : symbol.
    as_of : aware, when the quotes were true.
    spot : USD.
    notes, fetched_at : as in ``OptionChain``.
    """

    source: str
    underlying: str
    as_of: datetime
    spot: float
    notes: tuple[str, ...] = ()
    fetched_at: datetime | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Quotes:
    """The figures of each contract as the file gives them, sentinels included; NaN where absent.

    Parameters
    ----------
    bid, ask : (n,) USD.
    implied_vol : (n,) annualised fraction.
    open_interest, volume : (n,) contracts.
    """

    bid: Float64Array1D
    ask: Float64Array1D
    implied_vol: Float64Array1D
    open_interest: Float64Array1D
    volume: Float64Array1D


@dataclass(frozen=True, slots=True, eq=False)
class RawContracts:
    """Rows as a format gives them, before the checks that all formats share.

    Parameters
    ----------
    heading : of the whole chain.
    refusals : the rows the format refused.
    root_names, root_code : distinct option roots, and (n,) each row's.
    expiry : (n,) ``datetime64[D]``, NaT where unreadable.
    right : (n,) ``CALL``, ``PUT`` or ``NEITHER``.
    strike, multiplier : (n,) NaN where unreadable.
    quotes : (n,) each of its columns.
    settlement : (n,) ``MORNING``, ``EVENING``, ``UNSAID``, ``UNREADABLE``; None where the format never says.
    keyed_by_root : whether the rows name their roots, so that two rows of one contract are a mistake.
    quoted_at : as in ``OptionChain``.
    """

    heading: Heading
    refusals: Refusals
    root_names: tuple[str, ...]
    root_code: Int16Array1D
    expiry: DateArray1D
    right: Int8Array1D
    strike: Float64Array1D
    multiplier: Float64Array1D
    quotes: Quotes
    settlement: Int8Array1D | None = None
    keyed_by_root: bool = True
    quoted_at: TimeArray1D | None = None

    def __len__(self) -> int:
        return len(self.strike)


def assemble(raw: RawContracts) -> OptionChain:
    """The chain of the rows that can be contracts and were alive at ``as_of``.

    Parameters
    ----------
    raw : rows of one underlying.

    Returns
    -------
    Contracts in the file's order. Sentinels (volatility at most 1e-4, negative quotes and counts) and broken cells
    (a quote above 1e6 USD, a count above 1e10) are NaN; ``refused`` counts the rest by reason.

    Raises
    ------
    InputError : the spot is no price, more than a tenth of the rows is of another underlying, or no row is left.
    """
    heading, quotes, refusals = raw.heading, raw.quotes, raw.refusals
    if not 0 < heading.spot <= LARGEST_SPOT_USD:
        raise InputError(f"spot {heading.spot:g} is not a price in USD", source=heading.source, field="spot")
    if not len(raw):
        raise InputError("the file holds no contracts", source=heading.source)
    expiry = _refuse_nonsense(raw)
    root = np.array(raw.root_names, dtype=np.str_)[raw.root_code]
    settles_at = settlement_utc(root, expiry, am_settled=_am_settled(raw))
    refusals.mark(settles_at <= to_datetime64(heading.as_of, source=heading.source), Refusal.EXPIRED)
    _refuse_duplicates(raw, expiry)
    counts = refusals.counts()
    _demand_one_underlying(counts, raw)
    keep = np.flatnonzero(refusals.kept)
    if not len(keep):
        why = ", ".join(f"{count} {name}" for name, count in sorted(counts.items(), key=lambda pair: -pair[1]))
        raise InputError(f"none of the {len(raw)} contracts can be used: {why}", source=heading.source)
    rows = slice(None) if len(keep) == len(raw) else keep
    return OptionChain(
        underlying=heading.underlying,
        as_of=heading.as_of,
        spot=heading.spot,
        root=root[rows],
        expiry=expiry[rows],
        settles_at=settles_at[rows],
        is_call=raw.right[rows] == CALL,
        strike=raw.strike[rows],
        bid=price_or_nan(quotes.bid[rows]),
        ask=price_or_nan(quotes.ask[rows]),
        implied_vol=volatility_or_nan(quotes.implied_vol[rows]),
        open_interest=count_or_nan(quotes.open_interest[rows]),
        volume=count_or_nan(quotes.volume[rows]),
        multiplier=raw.multiplier[rows],
        contracts_read=len(raw),
        refused=counts,
        source=heading.source,
        notes=heading.notes,
        fetched_at=heading.fetched_at,
        quoted_at=None if raw.quoted_at is None else raw.quoted_at[rows],
    )


def _refuse_nonsense(raw: RawContracts) -> DateArray1D:
    """Refuse what can be no contract; (n,) the expiries, with a far date in place of NaT and nonsense."""
    refusals = raw.refusals
    refusals.mark(raw.right == NEITHER, Refusal.BAD_RIGHT)
    wild = ~((raw.expiry >= FIRST_EXPIRY) & (raw.expiry <= LAST_EXPIRY))  # NaT compares False
    refusals.mark(wild, Refusal.BAD_EXPIRY)
    refusals.mark(~((raw.strike > 0) & (raw.strike <= LARGEST_PRICE_USD)), Refusal.BAD_STRIKE)
    refusals.mark(~((raw.multiplier > 0) & (raw.multiplier <= LARGEST_MULTIPLIER)), Refusal.BAD_MULTIPLIER)
    if raw.settlement is not None:
        refusals.mark(raw.settlement == UNREADABLE, Refusal.BAD_SETTLEMENT)
    return np.where(wild, LAST_EXPIRY, raw.expiry).astype("datetime64[D]") if wild.any() else raw.expiry


def _refuse_duplicates(raw: RawContracts, expiry: DateArray1D) -> None:
    if not raw.keyed_by_root:
        return
    alive = np.flatnonzero(raw.refusals.kept)
    days = expiry[alive].astype(np.int64)
    series = (raw.root_code[alive].astype(np.int64) << 34) + (days << 1) + (raw.right[alive] == CALL)
    twice = np.zeros(len(raw), dtype=np.bool_)
    twice[alive[later_rows_of_a_key(series, raw.strike[alive])]] = True
    raw.refusals.mark(twice, Refusal.DUPLICATE_CONTRACT)


def later_rows_of_a_key(series: Int64Array1D, strike: Float64Array1D) -> Int64Array1D:
    """Positions of the rows whose (series, strike) an earlier row has.

    >>> later_rows_of_a_key(np.array([1, 2, 1, 1]), np.array([100.0, 100.0, 100.0, 105.0])).tolist()
    [2]
    """
    # Equal keys have equal sums, so that all sums distinct is proof of no repetition; sorting one column is cheap.
    sums = np.sort(series * _ODD + strike.view(np.int64))
    if not (sums[1:] == sums[:-1]).any():
        return np.zeros(0, dtype=np.int64)
    order = np.lexsort((strike, series))
    same = (series[order][1:] == series[order][:-1]) & (strike[order][1:] == strike[order][:-1])
    later: Int64Array1D = np.sort(order[1:][same])
    return later


def _am_settled(raw: RawContracts) -> BoolArray1D:
    """What the source says where it says something, else what the root says."""
    of_root = np.array([name in AM_SETTLED_ROOTS for name in raw.root_names], dtype=np.bool_)
    by_root: BoolArray1D = of_root[raw.root_code]
    if raw.settlement is None:
        return by_root
    return np.where(raw.settlement == UNSAID, by_root, raw.settlement == MORNING).astype(np.bool_)


def _demand_one_underlying(counts: dict[str, int], raw: RawContracts) -> None:
    foreign = counts.get(Refusal.FOREIGN_ROOT.value, 0)
    if foreign > _FOREIGN_SHARE * len(raw):
        raise InputError(
            f"{foreign} of {len(raw)} contracts are not on {raw.heading.underlying}: give one underlying a file",
            source=raw.heading.source,
            field="root",
        )


def price_or_nan(values: Float64Array1D) -> Float64Array1D:
    """(n,) quotes in USD, NaN for a sentinel or a broken cell."""
    return nan_where((values < 0) | (values > LARGEST_PRICE_USD), values)


def count_or_nan(values: Float64Array1D) -> Float64Array1D:
    """(n,) counts of contracts, NaN for a sentinel or a broken cell."""
    return nan_where((values < 0) | (values > LARGEST_COUNT), values)


def volatility_or_nan(values: Float64Array1D) -> Float64Array1D:
    """(n,) volatilities as fractions, NaN for a sentinel or a broken cell."""
    return nan_where((values <= NO_VOLATILITY) | (values == np.inf), values)


def nan_where(wrong: BoolArray1D, values: Float64Array1D) -> Float64Array1D:
    """(n,) the values, NaN where ``wrong``; the values themselves where nothing is.

    >>> nan_where(np.array([True, False]), np.array([-999.0, 0.2])).tolist()
    [nan, 0.2]
    """
    if not wrong.any():
        return values
    # All bits set are a NaN. Sentinels stand where they please: ``np.where`` would stumble over a branch a row.
    found = recycled(len(values))
    np.bitwise_or(values.view(np.int64), np.negative(wrong.view(np.int8)), out=found.view(np.int64))
    return found
