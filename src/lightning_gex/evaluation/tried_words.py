"""How often something was tried, in words."""

from __future__ import annotations

from lightning_gex.analytics.trials import BEHIND_DEFAULTS, TrialCount


def trials_words(trials: TrialCount) -> str:
    """How often these data were tried, in a sentence.

    Examples
    --------
    >>> trials_words(TrialCount(3, 0.0))
    'So far 3 variants were ever judged on these data in this workspace; the deflated Sharpe ratio counts them.'
    """
    own = trials.count - trials.behind_defaults
    times = "one variant was" if own == 1 else f"{own:,} variants were"
    so_far = f"So far {times} ever judged on these data in this workspace; "
    if not trials.behind_defaults:
        return so_far + "the deflated Sharpe ratio counts them."
    return so_far + f"with {behind_words(trials.behind_defaults)}, the deflated Sharpe ratio counts {trials.count:,}."


def behind_words(behind_defaults: int) -> str:
    """The variants behind the defaults, in words.

    >>> behind_words(450)
    'the 450 that the defaults were chosen from on data of 2010 to 2021'
    """
    years = (day.astype("datetime64[Y]") for day in (BEHIND_DEFAULTS.first, BEHIND_DEFAULTS.last))
    return f"the {behind_defaults:,} that the defaults were chosen from on data of {' to '.join(map(str, years))}"
