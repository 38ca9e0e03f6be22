"""What a system may size while only a part of the capital is its own, as in the stages of a transition."""

from __future__ import annotations

import math

from lightning_gex.core.decision import Cap

SHARE_CAP = "transition"
_CAP_DECIMALS = 12  # rounds away what subtraction of decimal fractions leaves behind


def share_cap(size_pct: float, share: float, *, exposure_pct: float, max_total_exposure_pct: float) -> Cap:
    """The cap of a system that has been given a part of the account's capital.

    The system trades as it would with an account of that part: the size that every other cap allows, times the part,
    and no more in all than the part of what may be invested. The result is not rounded to a rung of the ladder: a
    quarter of the lowest rung would be none, and a system that trades nothing shows nothing.

    Parameters
    ----------
    size_pct : notional over equity that every other cap allows, a rung of the ladder.
    share : of the capital, 0..1.
    exposure_pct : what is invested already, over equity; NaN leaves nothing.
    max_total_exposure_pct : what may be invested with all of the capital, over equity.

    Returns
    -------
    Notional over equity of the whole account, at least 0 and at most ``size_pct``.

    Examples
    --------
    >>> share_cap(0.10, 0.25, exposure_pct=0.0, max_total_exposure_pct=0.80).size_pct
    0.025
    >>> round(share_cap(0.10, 0.25, exposure_pct=0.19, max_total_exposure_pct=0.80).size_pct, 6)
    0.01
    """
    room = share * max_total_exposure_pct - exposure_pct
    allowed = min(size_pct * share, room) if math.isfinite(room) else 0.0
    reason = (
        f"{share:.0%} of the capital is this system's: of the {size_pct:.0%} that every other limit allows, and of the "
        f"{max_total_exposure_pct:.0%} that may be invested in all"
    )
    return Cap(SHARE_CAP, max(0.0, round(allowed, _CAP_DECIMALS)), reason)
