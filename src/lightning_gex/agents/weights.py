"""How an agent's weight follows its performance."""

from __future__ import annotations

from lightning_gex.core.errors import InputError, SettingsError

LOWEST_WEIGHT, HIGHEST_WEIGHT = 0.5, 2.0  # no agent is silenced, none is worth more than two average ones
LEARNING_RATE = 0.1  # share of the way to what the latest performance asks for
#: Probability above the comparison that every agent is taken to have until it has proved more: what the five showed on
#: the thirty names of 2012-2021, one by one (0 to 1.7 points).
ORDINARY_EDGE = 0.01


def updated_weight(
    current: float,
    performance: float,
    *,
    rate: float = LEARNING_RATE,
    lowest: float = LOWEST_WEIGHT,
    highest: float = HIGHEST_WEIGHT,
) -> float:
    """An agent's weight after one more look at its performance.

    Parameters
    ----------
    current : weight so far, in [lowest, highest].
    performance : share of its recent votes that were right, [0, 1]; 0.5 is what a coin does.
    rate : share of the way covered by one update, (0, 1].
    lowest, highest : bounds, 0 < lowest < 1 < highest.

    Returns
    -------
    The new weight, current^(1 - rate) aim^rate: an exponential moving average of the logarithm towards ``aim``, which
    is ``lowest`` at performance 0, 1 at 0.5, ``highest`` at 1 and geometric between. So it stays within the bounds,
    rises with performance, and forgets old performance by a factor (1 - rate) an update.

    Raises
    ------
    InputError : performance outside [0, 1] or NaN.
    SettingsError : a weight, rate or bound outside its range.
    """
    if not 0.0 <= performance <= 1.0:
        raise InputError(f"performance must be between 0 and 1, not {performance}", field="performance")
    if not 0.0 < rate <= 1.0:
        raise SettingsError(f"the learning rate must be in (0, 1], not {rate}")
    if not 0.0 < lowest < 1.0 < highest < float("inf"):
        raise SettingsError(f"the bounds of a weight must hold 0 < lowest < 1 < highest, not {lowest} and {highest}")
    if not lowest <= current <= highest:
        raise SettingsError(f"the weight {current} lies outside its bounds {lowest}..{highest}")
    aim = lowest ** (1 - 2 * performance) if performance < 0.5 else highest ** (2 * performance - 1)
    return float(min(max(current ** (1 - rate) * aim**rate, lowest), highest))


def weight_of_edge(edge: float) -> float:
    """The weight that what an agent has proved asks for, beside 1 of an agent that has proved nothing.

    Votes whose errors know nothing of each other are best added up with the log-odds of being right as weights (Nitzan
    & Paroush, International Economic Review 23, 1982), which for small edges are in proportion to them. Every agent is
    taken to have ``ORDINARY_EDGE``, and what it has proved comes on top.

    Parameters
    ----------
    edge : proved, in probability: 0 where nothing is, up to 1.

    Returns
    -------
    1 + edge / ``ORDINARY_EDGE``: exactly 1 at no edge, 6 for an edge of five points.

    Raises
    ------
    InputError : an edge outside [0, 1] or NaN.

    Examples
    --------
    >>> [round(weight_of_edge(edge), 3) for edge in (0.0, 0.01, 0.05)]
    [1.0, 2.0, 6.0]
    """
    if not 0.0 <= edge <= 1.0:
        raise InputError(f"a proved edge is a probability above another, not {edge}", field="edge")
    return 1.0 + edge / ORDINARY_EDGE
