"""How alike two situations are: exact, on vectors whose elements lie in [-1, 1] and may be absent.

The search looks at many situations in two steps. Single-precision copies, laid out so that one instruction compares
eight or sixteen situations, give each likeness within a bound that is proved below; only what that bound leaves
possible is compared in double precision, and what is found is exactly what comparing everything would have found.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numba
import numpy as np

from lightning_gex.core.errors import InputError
from lightning_gex.core.units import (
    BoolArray1D,
    Float32Array1D,
    Float32Array2D,
    Float32Array3D,
    Float64Array1D,
    Float64Array2D,
    Int64Array1D,
    UInt64Array2D,
)

#: Squared distance that an element present on one side only counts for: the expectation of (U - V)^2 for independent
#: U, V uniform on [-1, 1], that is 2 Var(U) = 2/3. Not knowing is as far as strangers are on average.
ONE_SIDED_SQUARED_DISTANCE = 2.0 / 3.0
#: Below this share of elements present on both sides, two situations cannot be compared at all.
LEAST_SHARED_FRACTION = 0.5
#: The largest root mean square distance of two vectors in [-1, 1]^d.
_LARGEST_DISTANCE = 2.0
#: Situations that lie side by side in a block of the single-precision copies.
BLOCK_ROWS = 64
#: A block's presence is kept as one bit an element; longer vectors are compared element by element.
MOST_MASKED_ELEMENTS = 64
_SINGLE_ROUNDING = 2.0**-24  # unit roundoff of single precision (IEEE 754)
#: What is kept behind a vector: when it was true, when its outcome was known (microseconds since 1970), and the rest.
GIVEN_AT, KNOWN_AT, NET_RETURN, WON, RIGHT, CONFIDENCE = range(6)
FACTS = 6


def similarity(query: Float64Array1D, vectors: Float64Array2D, *, rows: Int64Array1D | None = None) -> Float64Array1D:
    """Likeness of one situation to many, from the root mean square distance of their elements.

    An element present on both sides counts with its squared difference, an element present on one side only with
    ``ONE_SIDED_SQUARED_DISTANCE``; an element absent on both sides tells nothing and is left out.

    Parameters
    ----------
    query : (d,) elements in [-1, 1], NaN where absent.
    vectors : (m, d) elements in [-1, 1], NaN where absent.
    rows : (k,) indices of the vectors to look at; None: all m.

    Returns
    -------
    (m,) or (k,) in [0, 1]: ``1 - rms / 2``. 1 = identical (absences included), 0 = as far apart as can be, or fewer
    than half of the d elements are present on both sides. A row's value does not depend on the other rows.

    Raises
    ------
    InputError : where the dimensions differ, or a row does not exist.

    Examples
    --------
    >>> import numpy as np
    >>> similarity(np.array([0.5, -0.5]), np.array([[0.5, -0.5], [-0.5, -0.5], [0.5, np.nan]])).round(4).tolist()
    [1.0, 0.6464, 0.7113]
    """
    if query.ndim != 1 or vectors.ndim != 2 or vectors.shape[1] != query.shape[0] or query.shape[0] == 0:
        raise InputError(
            f"a query of shape {query.shape} cannot be compared with vectors of shape {vectors.shape}", field="vector"
        )
    if rows is None:
        rows = np.arange(len(vectors))
    elif len(rows) and not 0 <= int(rows.min()) <= int(rows.max()) < len(vectors):
        raise InputError(f"a row outside 0 .. {len(vectors) - 1} is asked for", field="rows")  # the kernel cannot tell
    out = np.empty(len(rows))
    _likenesses(np.ascontiguousarray(query), np.ascontiguousarray(vectors), rows, out)
    return out


@numba.njit(cache=True, error_model="numpy")
def _likeness(query: Float64Array1D, vector: Float64Array1D) -> float:
    squared, shared, one_sided = 0.0, 0, 0
    for j in range(query.shape[0]):
        difference = vector[j] - query[j]
        if not math.isnan(difference):
            squared += difference * difference
            shared += 1
        elif math.isnan(vector[j]) != math.isnan(query[j]):
            one_sided += 1
    if shared < LEAST_SHARED_FRACTION * query.shape[0]:
        return 0.0
    mean = (squared + ONE_SIDED_SQUARED_DISTANCE * one_sided) / (shared + one_sided)
    return 1.0 - min(math.sqrt(mean) / _LARGEST_DISTANCE, 1.0)


@numba.njit(cache=True, error_model="numpy")
def _likenesses(query: Float64Array1D, vectors: Float64Array2D, rows: Int64Array1D, out: Float64Array1D) -> None:
    for k in range(rows.shape[0]):
        out[k] = _likeness(query, vectors[rows[k]])


@numba.njit(cache=True, error_model="numpy")
def lay_out(blocks: Float32Array3D, masks: UInt64Array2D, rows: Float64Array2D, first: int, held: int) -> None:
    """Copy vectors into their blocks, and note which elements all rows and any row of a block have.

    Parameters
    ----------
    blocks : (b, d, ``BLOCK_ROWS``) float32, to be written.
    masks : (b, 2) to be written: one bit an element, the first lowest. Vectors longer than ``MOST_MASKED_ELEMENTS``
        have none.
    rows : (n, d + ``FACTS``) whose first d columns are the vectors, NaN where absent.
    first, held : the rows from ``first`` up to ``held`` are new; those before it are in place.
    """
    d = blocks.shape[1]
    for row in range(first, held):
        block, lane, bits = row // BLOCK_ROWS, row % BLOCK_ROWS, np.uint64(0)
        for j in range(d):
            value = rows[row, j]
            blocks[block, j, lane] = value
            if value == value and d <= MOST_MASKED_ELEMENTS:
                bits |= np.uint64(1) << np.uint64(j)
        if lane == 0:
            masks[block, 0] = masks[block, 1] = bits
        else:
            masks[block, 0] &= bits
            masks[block, 1] |= bits


@numba.njit(cache=True, error_model="numpy")
def _squares(block: Float32Array2D, query: Float32Array1D, share: np.float32, total: Float32Array1D) -> None:
    """Mean squared difference, of a block whose rows have the elements that the query has, ``1 / share`` of them."""
    for r in range(BLOCK_ROWS):
        total[r] = np.float32(0.0)
    for j in range(query.shape[0]):
        x = query[j]
        if x == x:
            for r in range(BLOCK_ROWS):
                difference = block[j, r] - x
                total[r] += difference * difference
    for r in range(BLOCK_ROWS):
        total[r] *= share


@numba.njit(cache=True, error_model="numpy")
def _mean_squares_with_absences(
    block: Float32Array2D,
    query: Float32Array1D,
    total: Float32Array1D,
    counted: Float32Array1D,
    shared: Float32Array1D,
) -> None:
    """Mean squared difference of a block whose rows lack different elements; the largest where too few are shared."""
    one_sided, farthest = np.float32(ONE_SIDED_SQUARED_DISTANCE), np.float32(_LARGEST_DISTANCE**2)
    one, nothing = np.float32(1.0), np.float32(0.0)
    for r in range(BLOCK_ROWS):
        total[r] = nothing
        counted[r] = nothing
        shared[r] = nothing
    for j in range(query.shape[0]):
        x = query[j]
        if x == x:
            for r in range(BLOCK_ROWS):
                difference = block[j, r] - x
                both = difference == difference
                total[r] += difference * difference if both else one_sided
                shared[r] += one if both else nothing
                counted[r] += one
        else:
            for r in range(BLOCK_ROWS):
                here = one if block[j, r] == block[j, r] else nothing
                total[r] += here * one_sided
                counted[r] += here
    least = np.float32(LEAST_SHARED_FRACTION * query.shape[0])
    for r in range(BLOCK_ROWS):
        total[r] = farthest if shared[r] < least else total[r] / counted[r]


@numba.njit(cache=True, error_model="numpy")
def _kept(smallest: Float32Array1D, held: int, value: np.float32) -> int:
    """Put a value among the smallest ones, which are in order: how many are held now."""
    last = smallest.shape[0] - 1
    i = min(held, last)
    while i > 0 and smallest[i - 1] > value:
        smallest[i] = smallest[i - 1]
        i -= 1
    smallest[i] = value
    now: int = min(held + 1, last + 1)
    return now


@numba.njit(cache=True, error_model="numpy")
def _presence_asked(query: Float64Array1D) -> tuple[np.uint64, int]:
    """Which elements are present, as in a block's masks, and how many; no bits where they do not fit."""
    d, terms, bits = query.shape[0], 0, np.uint64(0)
    for j in range(d):
        if query[j] == query[j]:
            terms += 1
            if d <= MOST_MASKED_ELEMENTS:
                bits |= np.uint64(1) << np.uint64(j)
    return bits, terms


@numba.njit(cache=True, error_model="numpy")
def _near_enough(
    blocks: Float32Array3D,
    masks: UInt64Array2D,
    rows: Float64Array2D,
    allowed: BoolArray1D,
    eligible: int,
    instant: float,
    query: Float64Array1D,
    distance: Float32Array2D,
    live: Int64Array1D,
    smallest: Float32Array1D,
) -> tuple[int, np.float32]:
    """Which blocks hold a row that may be among the most alike, and up to which single-precision mean square.

    ``live`` gets the blocks, ``distance`` their rows' mean squares, infinite where a row may not be found; returned are
    how many blocks and the limit. Rounding moves the mean of at most d terms, each rounded four times and added d
    times, by ``(24 + 4 d) u`` at most (N. Higham, Accuracy and Stability of Numerical Algorithms, 2002, chapters 2 to
    4, for differences of at most 2). Two rows may be moved apart by twice that; twice as much again is allowed for.
    """
    d = query.shape[0]
    slack = np.float32(2.0 * (48.0 + 8.0 * d) * _SINGLE_ROUNDING)
    single = query.astype(np.float32)
    scratch = np.empty((3, BLOCK_ROWS), np.float32)
    total, counted, shared = scratch[0], scratch[1], scratch[2]
    wanted, terms = _presence_asked(query)
    alike = d <= MOST_MASKED_ELEMENTS and terms >= LEAST_SHARED_FRACTION * d
    share, beyond = np.float32(1.0 / max(terms, 1)), np.float32(np.inf)
    limit, held, lives, filtered = beyond, 0, 0, allowed.shape[0] > 0
    for b in range((eligible + BLOCK_ROWS - 1) // BLOCK_ROWS):
        if alike and masks[b, 0] == wanted and masks[b, 1] == wanted:
            _squares(blocks[b], single, share, total)
        else:
            _mean_squares_with_absences(blocks[b], single, total, counted, shared)
        possible = 0
        for r in range(BLOCK_ROWS):
            possible += total[r] <= limit
        if possible == 0:
            continue
        live[lives] = b
        for r in range(BLOCK_ROWS):
            row = b * BLOCK_ROWS + r
            value = total[r]
            shut_out = row >= eligible or rows[row, d + GIVEN_AT] >= instant or (filtered and not allowed[row])
            if value > limit or shut_out:
                value = beyond
            else:
                held = _kept(smallest, held, value)
                if held == smallest.shape[0]:
                    limit = smallest[held - 1] + slack
            distance[lives, r] = value
        lives += 1
    return lives, limit


@numba.njit(cache=True, error_model="numpy")
def _search(
    rows: Float64Array2D,
    query: Float64Array1D,
    distance: Float32Array2D,
    live: Int64Array1D,
    limit: np.float32,
    best: Float64Array2D,
) -> int:
    """The most alike of the rows within the limit, ordered, into ``best``: 1 where two cannot be told apart."""
    d, count = query.shape[0], best.shape[1]
    held, tied = 0, 0
    for b in range(live.shape[0]):
        possible = 0
        for r in range(BLOCK_ROWS):
            possible += distance[b, r] <= limit
        if possible == 0:
            continue
        for r in range(BLOCK_ROWS):
            if distance[b, r] > limit or distance[b, r] == np.inf:
                continue
            row = live[b] * BLOCK_ROWS + r
            likeness, given_at = _likeness(query, rows[row]), rows[row, d + GIVEN_AT]
            i = held
            while i > 0 and (likeness > best[0, i - 1] or (likeness == best[0, i - 1] and given_at > best[2, i - 1])):
                i -= 1
            tied |= i > 0 and likeness == best[0, i - 1] and given_at == best[2, i - 1]
            if i < count:
                for k in range(min(held, count - 1), i, -1):
                    best[0, k], best[1, k], best[2, k] = best[0, k - 1], best[1, k - 1], best[2, k - 1]
                best[0, i], best[1, i], best[2, i] = likeness, row, given_at
                held = min(held + 1, count)
    return tied


@numba.njit(cache=True, error_model="numpy")
def _known_by(rows: Float64Array2D, known_at: int, held: int, instant: float) -> int:
    """How many rows, in the order of when their outcome was known, were known at an instant."""
    low, high = 0, held
    while low < high:
        middle = (low + high) // 2
        if rows[middle, known_at] <= instant:
            low = middle + 1
        else:
            high = middle
    return low


@numba.njit(cache=True, error_model="numpy")
def _counted(rows: Float64Array2D, d: int, allowed: BoolArray1D, eligible: int, instant: float) -> int:
    """How many rows an answer may come from."""
    counted = eligible
    if allowed.shape[0] > 0:
        counted = 0
        for row in range(eligible):
            counted += allowed[row] and rows[row, d + GIVEN_AT] < instant
        return counted
    row = eligible - 1
    while row >= 0 and rows[row, d + KNOWN_AT] == instant:  # nothing is known before it is given
        counted -= rows[row, d + GIVEN_AT] >= instant
        row -= 1
    return counted


@numba.njit(cache=True, error_model="numpy")
def nearest(
    blocks: Float32Array3D,
    masks: UInt64Array2D,
    rows: Float64Array2D,
    allowed: BoolArray1D,
    held: int,
    instant: float,
    query: Float64Array1D,
    count: int,
) -> tuple[int, int, Float64Array2D]:
    """The most alike of the rows whose outcome was known at an instant, and what is known of them.

    Parameters
    ----------
    blocks : (b, d, ``BLOCK_ROWS``) float32, the rows' vectors side by side; NaN where absent.
    masks : (b, 2) which elements all rows of a block have, and which any row has (``lay_out``).
    rows : (n, d + ``FACTS``) float64, a vector and behind it what is known of it, at ``NET_RETURN`` and so on; in the
        order of ``KNOWN_AT``.
    allowed : (n,) rows that may be found; of length 0 where all may.
    held : how many of the n rows are in use.
    instant : the moment of asking; rows given strictly before it and known at or before it count.
    query : (d,) elements in [-1, 1], NaN where absent.
    count : how many at most, positive.

    Returns
    -------
    How many rows counted, -1 where an element of the query lies outside [-1, 1]; 1 where rows are alike and of one
    moment, so that their order is not decided here; and (2 + ``FACTS``, k) float64, the most alike first and of equally
    alike ones the later: likeness, row, facts.
    """
    d = query.shape[0]
    eligible = _known_by(rows, d + KNOWN_AT, held, instant)
    counted = _counted(rows, d, allowed, eligible, instant)
    for j in range(d):
        if abs(query[j]) > 1.0:
            return -1, 0, np.empty((2 + FACTS, 0))
    found = min(count, counted)
    told = np.empty((2 + FACTS, found))
    if found == 0:
        return counted, 0, told
    most = (eligible + BLOCK_ROWS - 1) // BLOCK_ROWS
    distance, live, smallest = (
        np.empty((most, BLOCK_ROWS), np.float32),
        np.empty(most, np.int64),
        np.empty(found, np.float32),
    )
    lives, limit = _near_enough(blocks, masks, rows, allowed, eligible, instant, query, distance, live, smallest)
    tied = _search(rows, query, distance, live[:lives], limit, told)
    for i in range(found):
        for c in range(FACTS):
            told[2 + c, i] = rows[int(told[1, i]), d + c]
    return counted, tied, told


@numba.njit(cache=True, error_model="numpy")
def weighted_outcomes(
    table: Float64Array2D, threshold: float, now: float, half_life: float
) -> tuple[int, int, float, float, float, float]:
    """What became of those found that are alike enough, each weighted by likeness and age, and shared on its days.

    A weight is the likeness, halved with every ``half_life`` since the outcome was known, over the number of those
    found whose windows, from the signal to its outcome, overlap its own (itself included): overlapping windows hold the
    same days, and are counted as one.

    Parameters
    ----------
    table : (2 + ``FACTS``, k) as ``nearest`` gives it.
    threshold : least likeness, [0, 1].
    now, half_life : in the unit of ``KNOWN_AT``.

    Returns
    -------
    How many are alike enough and how many of them were right; the sums of weights of all, of those that were right, and
    of those of which something had been said; and the weighted sum of what had been said of those.
    """
    alike, right, total, won, told, said = 0, 0, 0.0, 0.0, 0.0, 0.0
    for i in range(table.shape[1]):
        if not table[0, i] >= threshold:
            continue
        begins, ends, sharing = table[2 + GIVEN_AT, i], table[2 + KNOWN_AT, i], 0
        for k in range(table.shape[1]):
            overlaps = table[2 + GIVEN_AT, k] < ends and begins < table[2 + KNOWN_AT, k]
            sharing += k == i or (table[0, k] >= threshold and overlaps)
        weight = table[0, i] * 0.5 ** ((now - ends) / half_life) / sharing
        alike += 1
        total += weight
        if table[2 + RIGHT, i] != 0.0:
            right += 1
            won += weight
        confidence = table[2 + CONFIDENCE, i]
        if confidence == confidence:
            told += weight
            said += weight * confidence
    return alike, right, total, won, told, said


def top_k(
    likeness: Float64Array1D, count: int, *, instant: Int64Array1D, name_of: Callable[[int], str]
) -> Int64Array1D:
    """Indices of the most similar rows, in an order that nothing but the rows decides.

    Parameters
    ----------
    likeness : (m,) in [0, 1], no NaN.
    count : how many are wanted, positive.
    instant : (m,) when each row was true; of equally similar rows the later comes first.
    name_of : index -> name; of rows equal in both, the name that sorts first comes first.

    Returns
    -------
    (min(count, m),) int64 indices, most similar first.
    """
    m = len(likeness)
    if count >= m:
        candidates = np.arange(m)
    else:
        least = np.partition(likeness, m - count)[m - count]  # the count-th largest; all ties with it are candidates
        candidates = np.flatnonzero(likeness >= least)
    order = sorted(candidates.tolist(), key=lambda i: (-float(likeness[i]), -int(instant[i]), name_of(i)))
    return np.array(order[:count], dtype=np.int64)
