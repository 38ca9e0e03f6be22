"""How alike two situations are: exact, on vectors whose elements lie in [-1, 1] and may be absent."""

from __future__ import annotations

import math
from collections.abc import Callable

import numba
import numpy as np

from lightning_gex.core.errors import InputError
from lightning_gex.core.units import Float64Array1D, Float64Array2D, Int64Array1D

#: Squared distance that an element present on one side only counts for: the expectation of (U - V)^2 for independent
#: U, V uniform on [-1, 1], that is 2 Var(U) = 2/3. Not knowing is as far as strangers are on average.
ONE_SIDED_SQUARED_DISTANCE = 2.0 / 3.0
#: Below this share of elements present on both sides, two situations cannot be compared at all.
LEAST_SHARED_FRACTION = 0.5
#: The largest root mean square distance of two vectors in [-1, 1]^d.
_LARGEST_DISTANCE = 2.0


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
    _likeness(np.ascontiguousarray(query), np.ascontiguousarray(vectors), rows, out)
    return out


@numba.njit(cache=True)
def _likeness(query: Float64Array1D, vectors: Float64Array2D, rows: Int64Array1D, out: Float64Array1D) -> None:
    d = query.shape[0]
    for k in range(rows.shape[0]):
        vector = vectors[rows[k]]
        squared, shared, one_sided = 0.0, 0, 0
        for j in range(d):
            difference = vector[j] - query[j]
            if not math.isnan(difference):
                squared += difference * difference
                shared += 1
            elif math.isnan(vector[j]) != math.isnan(query[j]):
                one_sided += 1
        if shared < LEAST_SHARED_FRACTION * d:
            out[k] = 0.0
        else:
            mean = (squared + ONE_SIDED_SQUARED_DISTANCE * one_sided) / (shared + one_sided)
            out[k] = 1.0 - min(math.sqrt(mean) / _LARGEST_DISTANCE, 1.0)


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
