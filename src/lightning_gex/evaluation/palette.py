"""The colours of every picture, each with one meaning, whoever draws it.

Blue and amber are told apart with any of the common colour deficiencies and on light and dark paper alike; whatever a
colour says is also said by a sign, a dash or a word.
"""

from __future__ import annotations

BLUE, AMBER, GREEN, VIOLET, SLATE, RED = "#3b82f6", "#e08600", "#10b981", "#a78bfa", "#8b95a5", "#ef4444"

POSITIVE, NEGATIVE = BLUE, AMBER  # of an exposure; calls and puts, which the naive dealer model sets on these sides
ZERO = "#e01070"  # prices at which net gamma is zero
BAND = "#8b95a5"  # what other dealer models would say


def translucent(colour: str, opacity: float) -> str:
    """A hex colour as CSS ``rgba``.

    Examples
    --------
    >>> translucent("#3b82f6", 0.25)
    'rgba(59,130,246,0.25)'
    """
    red, green, blue = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"
