"""What was tried on which data: a history is known again whatever file it came in, and what overlaps counts together.

References
----------
- Bailey & López de Prado (2014), The Deflated Sharpe Ratio, Journal of Portfolio Management 40(5): a Sharpe ratio is
  read beside the number of variants tried and the variance of their ratios.
"""

from __future__ import annotations

import hashlib
import json
import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from lightning_gex.core.bars import Bars
from lightning_gex.core.errors import InputError, InsufficientDataError
from lightning_gex.core.units import BASIS_POINT, SESSIONS_PER_YEAR, Float64Array1D, Int64Array1D

#: Two prices of one session differ by rounding and by dividends taken off; their moves by less than this, basis points.
SAME_MOVE_BP: Final = 5.0
#: So large a share of the common moves must be the same. Of two shares that move by 1 % a day one in 35 is.
SAME_SHARE: Final = 0.75
#: Fewer common moves than this tell nothing: then the name decides.
LEAST_MOVES: Final = 8
#: What is tried: runs of the system under some settings, or trainings of a sizing policy.
RUNS, TRAININGS = "runs", "trainings"
_WEDNESDAY = 6  # of the days of a week from the epoch, a Thursday: the day that fewest holidays fall on
_PER_BP = 10  # moves are kept to a tenth of a basis point
_VALUES = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True)
class BehindDefaults:
    """The variants from among which the program's defaults were chosen.

    Parameters
    ----------
    count : of them.
    first, last : ``datetime64[D]``, of the years that they were looked at on.
    sharpes_a_year : ratios of those that were whole runs; of the others none is known.
    """

    count: int
    first: np.datetime64
    last: np.datetime64
    sharpes_a_year: tuple[float, ...]


#: From ``docs/concepts/what_was_tried.md``: the number in its second paragraph, the ratios of its table of whole runs.
BEHIND_DEFAULTS: Final = BehindDefaults(
    count=450,
    first=np.datetime64("2010-01-01"),
    last=np.datetime64("2021-12-31"),
    sharpes_a_year=(
        1.09, 1.00, 0.99, 0.95, 0.55, 0.95, 0.99, 1.00, 0.91, 1.00, 0.68, 0.76, 0.47, 0.69, 0.78, 1.11, 0.99,
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TrialCount:
    """What deflating needs: how many variants were tried, and how far their Sharpe ratios lie apart.

    Parameters
    ----------
    count : variants, those behind the defaults among them.
    variance : of the Sharpe ratios per session of those whose ratio is known; 0 with fewer than two of them.
    behind_defaults : how many of ``count`` the defaults were chosen from; 0 on data that those never saw.
    """

    count: int
    variance: float
    behind_defaults: int = 0


def trial_count(
    count: int,
    sharpes: Iterable[float] = (),
    *,
    first: np.datetime64 | None = None,
    last: np.datetime64 | None = None,
) -> TrialCount:
    """Variants that somebody tried, and those behind the defaults where the data hold sessions of their years.

    Whoever starts from the defaults on data that these were chosen on starts from the best of many, whether or not any
    of them stands in a store.

    Parameters
    ----------
    count : variants that were tried, not negative.
    sharpes : ratios per session of those that traded; NaN is left out.
    first, last : ``datetime64[D]`` of the sessions judged, both included; None where nothing is known of them, and
        then none are added.

    Raises
    ------
    InputError : a negative count.

    Examples
    --------
    >>> trial_count(2, [0.05, 0.07], first=np.datetime64("2022-01-03"), last=np.datetime64("2024-12-31")).count
    2
    >>> trial_count(2, first=np.datetime64("2019-01-02"), last=np.datetime64("2024-12-31")).count
    452
    """
    if count < 0:
        raise InputError(f"{count} variants cannot have been tried", field="count")
    known = [sharpe for sharpe in sharpes if math.isfinite(sharpe)]
    behind = 0
    if first is not None and last is not None and first <= BEHIND_DEFAULTS.last and last >= BEHIND_DEFAULTS.first:
        behind = BEHIND_DEFAULTS.count
        known += [sharpe / math.sqrt(SESSIONS_PER_YEAR) for sharpe in BEHIND_DEFAULTS.sharpes_a_year]
    variance = float(np.var(known, ddof=1)) if len(known) > 1 else 0.0
    return TrialCount(count + behind, variance, behind)


@dataclass(frozen=True, slots=True, eq=False)
class JudgedHistory:
    """One ticker's part of what was judged, in a form by which it is known again.

    Parameters
    ----------
    ticker : symbol, as the file has it.
    first, last : ``datetime64[D]``, sessions judged.
    week : (k,) number of the week from the epoch, increasing.
    move_bp : (k,) from the close before to the close of that week's Wednesday, basis points, finite.
    """

    ticker: str
    first: np.datetime64
    last: np.datetime64
    week: Int64Array1D
    move_bp: Float64Array1D

    @classmethod
    def of(cls, bars: Bars, first: np.datetime64 | None) -> JudgedHistory | None:
        """The sessions of a ticker from ``first`` on; None where there is none."""
        start = 0 if first is None else int(np.searchsorted(bars.session, first))
        if start >= len(bars):
            return None
        day = bars.session.astype("datetime64[D]").astype(np.int64)
        row = np.flatnonzero(day % 7 == _WEDNESDAY)
        row = row[row >= max(start, 1)]
        move = (bars.close[row] / bars.close[row - 1] - 1.0) / BASIS_POINT
        return cls(
            bars.ticker, bars.session[start], bars.session[-1], day[row] // 7, np.round(move * _PER_BP) / _PER_BP
        )

    def moves_in(self, weeks: Int64Array1D) -> Float64Array1D:
        """(m,) the moves of these weeks, basis points; NaN where there is none."""
        out = np.full(len(weeks), np.nan)
        _, theirs, mine = np.intersect1d(weeks, self.week, assume_unique=True, return_indices=True)
        out[theirs] = self.move_bp[mine]
        return out

    def shares_sessions_with(self, other: JudgedHistory) -> bool:
        """Whether both are, by their moves, one history, and some session of it was judged in both.

        Prices need not be equal: moves do not know the scale, and adjusting for splits and dividends changes few of
        them. Where the common sessions hold too few moves to tell, the name decides.
        """
        if self.first > other.last or other.first > self.last:
            return False
        _, mine, theirs = np.intersect1d(self.week, other.week, assume_unique=True, return_indices=True)
        if len(mine) < LEAST_MOVES:
            return _plain(self.ticker) == _plain(other.ticker)
        same = np.abs(self.move_bp[mine] - other.move_bp[theirs]) <= SAME_MOVE_BP
        return float(np.mean(same)) >= SAME_SHARE


@dataclass(frozen=True, slots=True, eq=False)
class JudgedData:
    """The sessions that variants are judged on.

    Parameters
    ----------
    digest : hexadecimal, of every value judged by ticker and session; no file's form shapes it.
    histories : one a ticker, at least one.
    kind : what is tried on them; trials of one kind do not count as trials of another.
    """

    digest: str
    histories: tuple[JudgedHistory, ...]
    kind: str = RUNS

    @classmethod
    def of(cls, bars: Mapping[str, Bars], tickers: Iterable[str], *, first: np.datetime64 | None = None) -> JudgedData:
        """What is judged where these tickers are traded on these bars.

        Parameters
        ----------
        bars : ticker -> bars, up to the last session judged.
        tickers : those traded; one without bars is left out.
        first : first session judged; None judges all.

        Raises
        ------
        InsufficientDataError : no session from ``first`` on.
        """
        found: list[JudgedHistory] = []
        digest = hashlib.sha256()
        for ticker in sorted({t for t in tickers if t in bars}):
            history = JudgedHistory.of(bars[ticker], first)
            if history is None:
                continue
            found.append(history)
            digest.update(ticker.encode() + b"\0")
            digest.update(_values_of(bars[ticker], history.first))
        if not found:
            told = "at all" if first is None else f"from {first} on"
            raise InsufficientDataError(f"no ticker that is traded has a session {told}", field="start")
        return cls(digest.hexdigest(), tuple(found))

    @property
    def first(self) -> np.datetime64:
        """``datetime64[D]``, the first session judged."""
        return min(history.first for history in self.histories)

    @property
    def last(self) -> np.datetime64:
        """``datetime64[D]``, the last one."""
        return max(history.last for history in self.histories)

    def overlaps(self, other: JudgedData) -> bool:
        """Whether trials of one kind were judged in both on a session of some ticker's history."""
        if self.kind != other.kind:
            return False
        by_name = {_plain(history.ticker): history for history in other.histories}
        named = ((mine, by_name.get(_plain(mine.ticker))) for mine in self.histories)
        if any(theirs is not None and mine.shares_sessions_with(theirs) for mine, theirs in named):
            return True  # nearly always told by a name that both have
        return self._moves_as(other)

    def _moves_as(self, other: JudgedData) -> bool:
        """Whether some history of the other, under whatever name, moves as one of these in sessions of both."""
        first, last = max(self.first, other.first), min(self.last, other.last)
        weeks = np.arange(_week(first), _week(last) + 1)
        theirs = np.stack([history.moves_in(weeks) for history in other.histories])
        for history in self.histories:
            mine = history.moves_in(weeks)
            known = np.isfinite(mine) & np.isfinite(theirs)
            same = np.abs(np.where(known, mine - theirs, np.inf)) <= SAME_MOVE_BP
            count = known.sum(axis=1)
            if ((count >= LEAST_MOVES) & (same.sum(axis=1) >= SAME_SHARE * count)).any():
                return True
        return False

    def to_bytes(self) -> bytes:
        """The histories, packed; ``from_bytes`` reads them."""
        plain = [
            [
                history.ticker,
                str(history.first),
                str(history.last),
                history.week.tolist(),
                np.round(history.move_bp * _PER_BP).astype(np.int64).tolist(),
            ]
            for history in self.histories
        ]
        return zlib.compress(json.dumps(plain, separators=(",", ":")).encode(), 9)

    @classmethod
    def from_bytes(cls, digest: str, packed: bytes, kind: str = RUNS) -> JudgedData:
        """Read what :meth:`to_bytes` wrote. Raises ``InputError`` on anything else."""
        try:
            plain = json.loads(zlib.decompress(packed))
            return cls(digest, tuple(_history(*row) for row in plain), kind)
        except (zlib.error, ValueError, TypeError, OverflowError) as error:
            raise InputError(f"is no record of judged data: {error}", source="store", field="moves") from None


def _history(ticker: str, first: str, last: str, week: Sequence[int], move: Sequence[int]) -> JudgedHistory:
    return JudgedHistory(
        ticker,
        np.datetime64(first, "D"),
        np.datetime64(last, "D"),
        np.array(week, dtype=np.int64),
        np.array(move, dtype=np.float64) / _PER_BP,
    )


def _values_of(bars: Bars, first: np.datetime64) -> bytes:
    kept = bars.session >= first
    columns = [getattr(bars, name)[kept].astype("<f8") + 0.0 for name in _VALUES]  # minus zero is zero
    days = bars.session[kept].astype("datetime64[D]").astype("<i8")
    return hashlib.sha256(days.tobytes() + b"".join(column.tobytes() for column in columns)).digest()


def _week(day: np.datetime64) -> int:
    return int(day.astype("datetime64[D]").astype(np.int64)) // 7


def _plain(ticker: str) -> str:
    return "".join(letter for letter in ticker.upper() if letter.isalnum())
