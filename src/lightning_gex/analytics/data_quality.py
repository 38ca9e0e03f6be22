"""What daily bars give away about themselves: splits nobody adjusted for, prices that stand still, misprinted ticks.

Everything here looks at one ticker's bars as arrays and says on which rows something is odd; whether that is a fault is
for whoever knows where the bars come from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightning_gex.core.errors import InputError
from lightning_gex.core.units import BoolArray1D, Float64Array1D, Int64Array1D

#: Shares after a split for one before it, as exchanges carry them out; each may be turned around (a reverse split).
SPLIT_RATIOS = (4 / 3, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 15.0, 20.0, 25.0, 30.0, 50.0, 100.0)
#: From this ratio on a jump is hardly anything else: shares do not open at half of the close before and stay there.
CLEAR_RATIO = 1.9
#: A move on news trades several times the usual dollars; a split trades the same dollars in more shares.
MOST_DOLLAR_VOLUME = 2.5
#: A small ratio counts where the jump is so many everyday moves: in a crash every ticker opens a fifth lower.
FEWEST_MOVES = 8.0
#: Sessions before a jump that its everyday moves and its usual volume are taken from.
USUAL_SESSIONS = 21
#: How far, as a log return, open and close may be off a clear ratio: four everyday moves, within these; and off a small
#: one, whatever the moves are.
_MOVES, _LEAST_TOLERANCE, _MOST_TOLERANCE, _SMALL_TOLERANCE = 4.0, 0.05, 0.10, 0.035
_LEAST_JUMP = 0.25  # log return below which no jump is looked at: below it lies no split
_ROBUST = 1.4826  # standard deviations in a median absolute deviation of normal values (Rousseeuw & Croux, JASA 1993)
#: A volume so many times the usual, or so small a part of it, is a misprint or an unadjusted one.
MOST_USUAL_VOLUMES, LEAST_USUAL_VOLUME = 100.0, 0.02
_FEWEST_ROWS = 60  # rows below which a ratio of deviations says nothing


@dataclass(frozen=True, slots=True, eq=False)
class SplitJumps:
    """Jumps of the price by a split's ratio that nothing else explains.

    Parameters
    ----------
    row : (k,) first row on the new scale.
    ratio : (k,) shares after for one before; below 1 for a reverse split.
    """

    row: Int64Array1D
    ratio: Float64Array1D


def split_jumps(open_: Float64Array1D, close: Float64Array1D, volume: Float64Array1D) -> SplitJumps:
    """Find splits that prices were not adjusted for.

    A jump counts where the open *and* the close stand at the ratio times the close before, to within a few everyday
    moves, and a fall (or a small ratio) only where no more than the usual dollars were traded: news trades several
    times as many. One smaller than two for one must be many everyday moves as well: in a crash everything moves.

    Parameters
    ----------
    open_, close : (n,) USD, positive.
    volume : (n,) shares; NaN where there is none, and then small ratios are not looked for.

    Returns
    -------
    The jumps, in order. A row looks at rows up to it only.

    Examples
    --------
    >>> close = np.r_[np.linspace(100.0, 101.0, 30), np.linspace(50.6, 50.4, 5)]
    >>> found = split_jumps(np.r_[100.0, close[:-1]] * np.where(np.arange(35) == 30, 0.5, 1.0), close, np.full(35, 1e6))
    >>> found.row.tolist(), found.ratio.tolist()
    ([30], [2.0])
    """
    n = len(close)
    if not (open_.shape == volume.shape == (n,)):
        raise InputError("open, close and volume have not one value a session each", field="close")
    if n < 2:
        return SplitJumps(np.zeros(0, dtype=np.int64), np.zeros(0))
    gap, day = np.log(open_[1:] / close[:-1]), np.log(close[1:] / close[:-1])
    tables = np.log(np.array(SPLIT_RATIOS))
    rows: list[int] = []
    ratios: list[float] = []
    for i in np.flatnonzero(np.abs(gap) > _LEAST_JUMP).tolist():
        nearest = int(np.argmin(np.abs(np.abs(gap[i]) - tables)))
        ratio, sign = SPLIT_RATIOS[nearest], float(np.sign(gap[i]))
        off = max(abs(gap[i] - sign * tables[nearest]), abs(day[i] - sign * tables[nearest]))
        usual, dollars = _everyday(gap[max(0, i - USUAL_SESSIONS) : i]), _dollars(close, volume, i + 1)
        if ratio < CLEAR_RATIO:
            told = off <= _SMALL_TOLERANCE and abs(gap[i]) >= FEWEST_MOVES * usual and dollars <= MOST_DOLLAR_VOLUME
        else:
            told = off <= np.clip(_MOVES * usual, _LEAST_TOLERANCE, _MOST_TOLERANCE) and not (
                sign < 0 and dollars > MOST_DOLLAR_VOLUME
            )
        if not told:
            continue
        rows.append(i + 1)
        ratios.append(ratio if sign < 0 else 1.0 / ratio)
    return SplitJumps(np.array(rows, dtype=np.int64), np.array(ratios))


def _everyday(gaps: Float64Array1D) -> float:
    """A robust standard deviation of the gaps before a jump; infinite where there are too few, and no jump is large."""
    if len(gaps) < 2:
        return float("inf")
    return _ROBUST * float(np.median(np.abs(gaps - np.median(gaps))))


def _dollars(close: Float64Array1D, volume: Float64Array1D, row: int) -> float:
    """The dollars traded on a row over the usual ones before it; NaN where the volume does not say."""
    with np.errstate(over="ignore"):  # a volume beyond all measure is infinitely many dollars
        traded = close[max(0, row - USUAL_SESSIONS) : row + 1] * volume[max(0, row - USUAL_SESSIONS) : row + 1]
    usual = float(np.median(traded[:-1]))
    return float(traded[-1]) / usual if 0 < usual < np.inf else float("nan")


def unchanged_runs(values: Float64Array1D, least: int) -> tuple[Int64Array1D, Int64Array1D]:
    """Stretches in which a value repeats.

    Parameters
    ----------
    values : (n,) one a session; NaN repeats nothing.
    least : rows of the shortest stretch that counts, at least 2.

    Returns
    -------
    (k,) first row of each stretch, and (k,) its length in rows.

    Examples
    --------
    >>> unchanged_runs(np.array([1.0, 2.0, 2.0, 2.0, 3.0]), 3)
    (array([1]), array([3]))
    """
    if least < 2:
        raise InputError(f"a stretch of {least} rows repeats nothing: at least 2", field="least")
    starts = np.flatnonzero(np.r_[True, values[1:] != values[:-1]]) if len(values) else np.zeros(0, dtype=np.int64)
    lengths = np.diff(np.r_[starts, len(values)])
    long = lengths >= least
    return starts[long].astype(np.int64), lengths[long].astype(np.int64)


def bad_ticks(close: Float64Array1D, *, least: float = 0.5, left: float = 0.25) -> Int64Array1D:
    """Rows whose close jumps and is taken back by the next one: a misprint, not a market.

    Parameters
    ----------
    close : (n,) USD, positive.
    least : log return of the smallest jump that counts.
    left : the part of the jump that may be left after the next close.

    Returns
    -------
    (k,) rows. A row needs the next one to be told: the last never counts.

    Examples
    --------
    >>> bad_ticks(np.array([10.0, 10.1, 101.0, 10.2, 10.1])).tolist()
    [2]
    """
    move = np.diff(np.log(close))
    there, back = move[:-1], move[1:]
    wrong: BoolArray1D = (np.abs(there) >= least) & (np.abs(there + back) <= left * np.abs(there))
    return np.flatnonzero(wrong) + 1


def overnight_share(open_: Float64Array1D, close: Float64Array1D) -> float:
    """How much of a day's move the printed open already shows: deviation of overnight over that of daily log returns.

    Parameters
    ----------
    open_, close : (n,) USD, positive.

    Returns
    -------
    At least 0; shares and funds that are traded at the open show a half to two thirds, an index whose open is summed
    before its members have opened shows less. NaN with fewer than 60 rows or where prices never move.
    """
    if len(close) < _FEWEST_ROWS:
        return float("nan")
    daily = float(np.std(np.log(close[1:] / close[:-1])))
    return float(np.std(np.log(open_[1:] / close[:-1]))) / daily if daily > 0 else float("nan")


def unusual_volume(volume: Float64Array1D) -> Int64Array1D:
    """Rows whose volume is a hundred times the usual of the month before it, or a fiftieth of it.

    Parameters
    ----------
    volume : (n,) shares; NaN and zero are not looked at.

    Returns
    -------
    (k,) rows. A row looks at the 21 rows before it; the first 21 never count.

    Examples
    --------
    >>> unusual_volume(np.r_[np.full(30, 1e6), 3e8, np.full(5, 1e6)]).tolist()
    [30]
    """
    if len(volume) <= USUAL_SESSIONS:
        return np.zeros(0, dtype=np.int64)
    before = np.lib.stride_tricks.sliding_window_view(volume, USUAL_SESSIONS)[:-1]
    usual, now = np.median(before, axis=1), volume[USUAL_SESSIONS:]
    with np.errstate(over="ignore"):
        ratio = np.divide(now, usual, out=np.full(len(now), np.nan), where=usual > 0)
    odd = (ratio > MOST_USUAL_VOLUMES) | ((ratio < LEAST_USUAL_VOLUME) & (now > 0))
    return np.flatnonzero(odd) + USUAL_SESSIONS
