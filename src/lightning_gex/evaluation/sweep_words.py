"""What a sweep allows to conclude, in plain words, and the whole of it as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping

from lightning_gex.core.decision import Scalar
from lightning_gex.evaluation.comparison import finite, plain_difference
from lightning_gex.evaluation.metrics import JsonValue
from lightning_gex.evaluation.sweep import SweepFindings, VariantFigures
from lightning_gex.evaluation.sweep_variant import Criterion, Variant
from lightning_gex.evaluation.tried_words import trials_words
from lightning_gex.evaluation.verdict import percent

#: What a figure is called.
CRITERION_WORDS = {
    Criterion.SHARPE: "Sharpe ratio a year",
    Criterion.RETURN: "log growth a year",
    Criterion.ACCURACY: "share of decisions that were right",
    Criterion.EXCESS_ACCURACY: "share right over what knowing nothing gets right",
    Criterion.DRAWDOWN: "largest fall",
}
#: From here on a deflated Sharpe ratio counts as more than luck: the usual level of a one-sided test.
DEFLATED_LEVEL = 0.95
#: Below this the choice of the best holds up on the other half of the time more often than luck would have it.
OVERFITTING_LEVEL = 0.5
#: In so many sweeps of useless variants may the best be called apart from the settings as they are: the size of the
#: step-down test, without which it never is.
SWEEP_LEVEL = 0.05


def setting_words(words: Mapping[str, Scalar]) -> str:
    """Swept settings as text.

    >>> setting_words({"kelly.fraction": 0.25, "enhancements.memory": True})
    'kelly.fraction = 0.25, enhancements.memory = true'
    """
    return ", ".join(f"{name} = {value_words(value)}" for name, value in words.items())


def value_words(value: Scalar) -> str:
    """A setting's value as the settings file writes it."""
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def variant_words(variant: Variant) -> str:
    """A variant in words: the settings as they are, or what is set otherwise."""
    own = "the settings as they are" if variant.as_set else setting_words(variant.words)
    return f"{variant.universe}: {own or 'the settings as they are'}"


def figure_words(value: float, by: Criterion) -> str:
    """A figure as text; ``n/a`` where absent."""
    return (f"{value:.2f}" if math.isfinite(value) else "n/a") if by is Criterion.SHARPE else percent(value)


def may_be_used(found: SweepFindings) -> bool:
    """Whether the best is more than the choice among many, by all three tests."""
    best = found.best
    if best is None or found.variants[best].as_set or found.superior is None:
        return False
    return (
        found.variants[best].name in found.superior_names()
        and found.figures[best].deflated_sharpe >= DEFLATED_LEVEL
        and found.overfitting < OVERFITTING_LEVEL
    )


def headline(found: SweepFindings) -> str:
    """One sentence: what follows."""
    best = found.best
    if best is None:
        return "Nothing was traded: there is nothing to choose from"
    if len(found.variants) == 1:
        return "One variant alone: there was nothing to choose from"
    if found.variants[best].as_set:
        return "No variant did better than the settings as they are"
    if may_be_used(found):
        return "The best variant stands apart from the settings as they are: confirm it on sessions not used here"
    return "The best variant cannot be told apart from luck: keep the settings as they are"


def conclusions(found: SweepFindings) -> tuple[str, ...]:
    """The sentences behind the headline, in the order in which they should be read."""
    best = found.best
    if best is None:
        return (f"None of {len(found.variants)} variants has a {CRITERION_WORDS[found.by]}.", _counted(found))
    return (*_of_best(found, best), _luck(found, best), *_tests(found), _what_to_do(found))


def _counted(found: SweepFindings) -> str:
    return f"{len(found.variants)} variants were judged here. " + trials_words(found.trials)


def _of_best(found: SweepFindings, best: int) -> tuple[str, ...]:
    figures, variant = found.figures[best], found.variants[best]
    value = figure_words(getattr(figures, found.by), found.by)
    told = [f"The best by {CRITERION_WORDS[found.by]} is {variant.name} ({variant_words(variant)}) with {value}."]
    if figures.gain is not None:
        low, high = figures.gain.return_interval
        span = f", 95% interval {low:+.1%} to {high:+.1%}" if math.isfinite(low) else ""
        told.append(f"It grew by {figures.gain.return_a_year:+.1%} a year over the settings as they are{span}.")
    if found.distinct < len(found.variants):
        told.append(
            f"{len(found.variants) - found.distinct} of {len(found.variants)} variants earned on every session exactly "
            "what another did: what was set there made no difference on these data."
        )
    return (*told, _counted(found))


def _luck(found: SweepFindings, best: int) -> str:
    figures = found.figures[best]
    chance = figures.deflated_sharpe
    known = f"{chance:.1%}" if math.isfinite(chance) else "not known"
    return (
        f"The best of {found.trials.count} variants without any skill is expected to show a Sharpe ratio of "
        f"{found.luck_sharpe:.2f} by luck; this one shows {figure_words(figures.sharpe, Criterion.SHARPE)}. The "
        f"probability that it is more than such luck (deflated Sharpe ratio) is {known}."
    )


def _tests(found: SweepFindings) -> tuple[str, ...]:
    told: list[str] = []
    if math.isfinite(found.overfitting):
        told.append(
            "Choosing the best on one half of the sessions would have picked one of the worse half on the other in "
            f"{percent(found.overfitting)} of all ways to halve them (50% is luck)."
        )
    else:
        told.append("There are too few sessions or different variants for the probability of backtest overfitting.")
    if found.superior is not None:
        told.append(
            "That no variant is better than the settings as they are, holding as much all the time taken off both, has "
            f"a p-value of {found.superior.p_value:.3f} (Hansen's test by session)."
        )
    return (*told, *_chosen_forward(found))


def _chosen_forward(found: SweepFindings) -> tuple[str, ...]:
    forward = found.forward
    if forward is None:
        return ()
    low, high = forward.gain_interval
    span = f", 95% interval {low:+.1%} to {high:+.1%}" if math.isfinite(low) else ""
    times = {0: "without a change", 1: "with one change"}.get(forward.changes, f"with {forward.changes} changes")
    told = (
        f"Choosing before each fold what was best in the folds before it ({times}) would have grown by "
        f"{forward.gain_a_year:+.1%} a year over keeping the settings as they are{span}; {forward.sessions:,} sessions."
    )
    return (told,)


def _what_to_do(found: SweepFindings) -> str:
    if may_be_used(found):
        return (
            "All three tests agree. What was found is a reason to look at sessions that this sweep did not use, and "
            "only then to change a setting."
        )
    best = found.best
    assert best is not None  # noqa: S101 - without one nothing is said of it
    apart = found.variants[best].name in found.superior_names()
    deflated, overfitting = found.figures[best].deflated_sharpe, found.overfitting
    return (
        "A setting is worth changing only where the best stands apart by the step-down test (here it does"
        f"{'' if apart else ' not'}), its deflated Sharpe ratio reaches {DEFLATED_LEVEL:.0%} (here {percent(deflated)})"
        f" and overfitting is less likely than luck (here {percent(overfitting)} against 50%). Of sweeps of useless "
        f"variants at most {SWEEP_LEVEL:.0%} come to that."
    )


def sweep_document(found: SweepFindings) -> dict[str, JsonValue]:
    """A sweep's findings as plain JSON values; absent is null."""
    best = found.best
    return {
        "by": found.by.value,
        "headline": headline(found),
        "conclusions": list(conclusions(found)),
        "best": None if best is None else found.variants[best].name,
        "variants": [_plain_variant(v, f) for v, f in zip(found.variants, found.figures, strict=True)],
        "luck_sharpe_a_year": finite(found.luck_sharpe),
        "probability_of_backtest_overfitting": finite(found.overfitting),
        "superior_ability": None
        if found.superior is None
        else {
            "p_value": found.superior.p_value,
            "p_lower": found.superior.p_lower,
            "p_upper": found.superior.p_upper,
            "superior": list(found.superior_names()),
        },
        "forward_choice": None
        if found.forward is None
        else {
            "chosen": list(found.forward.chosen),
            "changes": found.forward.changes,
            "sessions": found.forward.sessions,
            "return_a_year": finite(found.forward.return_a_year),
            "gain_a_year": finite(found.forward.gain_a_year),
            "gain_interval": [finite(end) for end in found.forward.gain_interval],
        },
        "distinct_variants": found.distinct,
        "common_sessions": found.common_sessions,
    }


def _plain_variant(variant: Variant, figures: VariantFigures) -> dict[str, JsonValue]:
    plain: dict[str, JsonValue] = {
        "name": variant.name,
        "universe": variant.universe,
        "settings": dict(variant.words),
        "as_set": variant.as_set,
        "sessions": len(variant.sessions),
    }
    for name in figures.__slots__:
        value = getattr(figures, name)
        if name == "gain":
            plain["gain"] = None if value is None else plain_difference(value)
        elif isinstance(value, tuple):
            plain[name] = [finite(end) for end in value]
        else:
            plain[name] = finite(value) if isinstance(value, float) else value
    return plain
