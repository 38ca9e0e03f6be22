"""The size ladder: the only sizes a position may have."""

from __future__ import annotations

from bisect import bisect_right

#: Notional over equity; the founding document's five position size levels.
LADDER: tuple[float, ...] = (0.0, 0.02, 0.05, 0.10, 0.15)


def rung_at_or_below(pct: float) -> float:
    """The largest rung that does not exceed a size.

    Parameters
    ----------
    pct : notional over equity. NaN and anything negative give the lowest rung, 0.

    Returns
    -------
    One of ``LADDER``.

    Examples
    --------
    >>> rung_at_or_below(0.07)
    0.05
    """
    if not pct >= 0.0:  # NaN fails every comparison
        return LADDER[0]
    return LADDER[bisect_right(LADDER, pct) - 1]
