from __future__ import annotations

import numpy as np
import pytest
from arch.bootstrap import SPA, StepM
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from statsmodels.stats.multitest import multipletests

from lightning_gex.analytics.bootstrap import date_multiplicities
from lightning_gex.analytics.multiple_testing import benjamini_hochberg, superior_ability
from lightning_gex.core.errors import InputError

#: Benjamini & Hochberg (1995), section 3: fifteen hypotheses of a study of thrombolysis, of which four are rejected at
#: a false discovery rate of 5 %, where Bonferroni rejects three.
THROMBOLYSIS = np.array(
    [
        0.0001,
        0.0004,
        0.0019,
        0.0095,
        0.0201,
        0.0278,
        0.0298,
        0.0344,
        0.0459,
        0.3240,
        0.4262,
        0.5719,
        0.6528,
        0.7590,
        1.0,
    ]
)
p_values = arrays(np.float64, st.integers(1, 12), elements=st.floats(0.0, 1.0))


def scores(seed: int, *, sessions: int = 400, variants: int = 5, better: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    benchmark = random.normal(0.0, 1.0, sessions)
    others = random.normal(0.0, 1.0, (sessions, variants))
    others[:, 2] += better
    return benchmark, others


def test_the_published_study_rejects_four_of_fifteen() -> None:
    assert int((benjamini_hochberg(THROMBOLYSIS) <= 0.05).sum()) == 4
    assert int((THROMBOLYSIS <= 0.05 / 15).sum()) == 3


@given(p_values)
def test_adjusting_is_the_step_up_procedure_by_hand(raw: np.ndarray) -> None:
    adjusted = benjamini_hochberg(raw)
    for q in (0.01, 0.05, 0.2):
        ordered = np.sort(raw)
        passing = np.flatnonzero(ordered <= q * np.arange(1, len(raw) + 1) / len(raw))
        rejected = 0 if len(passing) == 0 else int((raw <= ordered[passing[-1]]).sum())
        margin = np.abs(adjusted - q).min() > 1e-12  # on the boundary rounding decides
        assert not margin or int((adjusted <= q).sum()) == rejected
    assert (adjusted >= raw).all()


@given(p_values, st.randoms(use_true_random=False))
def test_the_order_of_the_tests_does_not_matter(raw: np.ndarray, random) -> None:
    order = list(range(len(raw)))
    random.shuffle(order)
    assert benjamini_hochberg(raw[order]).tolist() == benjamini_hochberg(raw)[order].tolist()


@given(p_values)
def test_adjusting_agrees_with_statsmodels(raw: np.ndarray) -> None:
    np.testing.assert_allclose(benjamini_hochberg(raw), multipletests(raw, method="fdr_bh")[1], atol=1e-12)


def superior_by_hand(benchmark: np.ndarray, variants: np.ndarray, block: int, resamples: int) -> dict[str, float]:
    """Hansen (2005) as the paper words it, over stationary resamples of our own; three p-values by name."""
    random = np.random.default_rng(99)
    difference = variants - benchmark[:, None]
    sessions, mean = len(difference), difference.mean(axis=0)
    drawn = np.empty((resamples, difference.shape[1]))
    for row in range(resamples):
        starts, jump = random.integers(0, sessions, sessions), random.random(sessions) < 1.0 / block
        index = np.empty(sessions, dtype=int)
        index[0] = starts[0]
        for i in range(1, sessions):
            index[i] = starts[i] if jump[i] else (index[i - 1] + 1) % sessions
        drawn[row] = difference[index].mean(axis=0)
    deviation = np.sqrt(sessions) * (drawn - mean).std(axis=0)
    observed = max(float((np.sqrt(sessions) * mean / deviation).max()), 0.0)
    bar = -deviation / np.sqrt(sessions) * np.sqrt(2.0 * np.log(np.log(sessions)))
    kept = {"lower": np.maximum(mean, 0.0), "consistent": np.where(mean >= bar, mean, 0.0), "upper": mean}
    out = {}
    for name, centre in kept.items():
        statistic = np.sqrt(sessions) * (drawn - centre) / deviation
        out[name] = float((np.maximum(statistic.max(axis=1), 0.0) > observed).mean())
    return out


@pytest.mark.parametrize(("seed", "better"), [(5, 0.0), (6, 0.1), (7, 0.15)])
def test_superior_ability_is_the_paper_done_by_hand(seed: int, better: float) -> None:
    benchmark, variants = scores(seed, better=better)
    variants[:, 0] -= 1.0  # so bad that the consistent p-value leaves it out and the upper one does not
    found = superior_ability(benchmark, variants, block_length=5, resamples=2_000)
    expected = superior_by_hand(benchmark, variants, 5, 1_500)
    noise = 4.0 * np.sqrt(0.25 * (1 / 2_000 + 1 / 1_500))
    assert found.p_lower == pytest.approx(expected["lower"], abs=noise)
    assert found.p_value == pytest.approx(expected["consistent"], abs=noise)
    assert found.p_upper == pytest.approx(expected["upper"], abs=noise)


@pytest.mark.parametrize("seed", [2, 6, 32])
def test_on_differences_in_their_own_deviations_the_library_answers_the_same(seed: int) -> None:
    """``arch`` 8.0 does not divide by deviations, whatever it is told: it is given what was divided before."""
    random = np.random.default_rng(seed)
    noise = random.normal(0.0, 1.0, (300, 5)) * np.array([1.0, 10.0, 0.1, 3.0, 1.0])
    variants = noise + np.array([0.02, 2.5, 0.012, 0.0, -0.9])
    found = superior_ability(np.zeros(300), variants, block_length=4, seed=seed)
    weights = date_multiplicities(300, 4, resamples=1_000, seed=seed) / 300
    divided = variants / (weights @ variants).std(axis=0) / np.sqrt(300)
    # The library's own deviations decide only which variants are far below: the last one is, by either.
    spa = SPA(np.zeros(300), -divided, block_size=4, reps=1_000, seed=seed)
    spa.compute()
    assert [found.p_lower, found.p_value, found.p_upper] == pytest.approx(spa.pvalues.tolist(), abs=1e-12)
    steps = StepM(np.zeros(300), -divided, size=0.05, block_size=4, reps=1_000, seed=seed)
    steps.compute()
    assert np.flatnonzero(found.superior).tolist() == steps.superior_models


def test_a_variant_that_swings_ten_times_as_much_hides_no_other() -> None:
    random = np.random.default_rng(1)
    calm, wild = random.normal(0.2, 1.0, 400), random.normal(0.0, 30.0, 400)
    found = superior_ability(np.zeros(400), np.column_stack([calm, wild]), block_length=1)
    assert found.superior.tolist() == [True, False]
    assert found.best == 0


def test_where_every_variant_is_truly_better_all_are_kept_apart() -> None:
    benchmark, variants = scores(8)
    found = superior_ability(benchmark, variants + 1.0, block_length=5)
    assert found.superior.all()


def test_what_no_resample_changes_tells_nothing() -> None:
    found = superior_ability(np.zeros(2), np.array([[1.0], [2.0]]), block_length=2, resamples=1)
    assert (found.p_value, found.best) == (1.0, -1)


def stepwise_by_hand(benchmark: np.ndarray, variants: np.ndarray, block: int, resamples: int) -> tuple[list, float]:
    """Romano & Wolf (2005), algorithm 4.2 (studentised), over stationary resamples of our own: who is kept apart at
    5 %, and how far the nearest statistic lies from the last bar."""
    random = np.random.default_rng(7)
    difference = variants - benchmark[:, None]
    sessions, mean = len(difference), difference.mean(axis=0)
    drawn = np.empty((resamples, difference.shape[1]))
    for row in range(resamples):
        starts, jump = random.integers(0, sessions, sessions), random.random(sessions) < 1.0 / block
        index = np.arange(sessions)
        begin = np.maximum.accumulate(np.where(jump | (index == 0), index, 0))
        drawn[row] = difference[(starts[begin] + index - begin) % sessions].mean(axis=0)
    deviation = drawn.std(axis=0)
    statistic, centred = mean / deviation, (drawn - mean) / deviation
    kept = np.zeros(len(mean), dtype=bool)
    while True:
        bar = np.quantile(centred[:, ~kept].max(axis=1), 0.95)
        new = ~kept & (statistic > bar)
        if not new.any() or (kept | new).all():
            return (kept | new).tolist(), float(np.abs(statistic - bar).min())
        kept |= new


@pytest.mark.parametrize("seed", [32, 33, 38, 41])  # whose statistics lie apart from the bar
def test_the_step_down_test_keeps_apart_whom_the_paper_done_by_hand_does(seed: int) -> None:
    random = np.random.default_rng(seed)
    benchmark = random.normal(0.0, 1.0, 400)
    variants = benchmark[:, None] + random.normal(0.0, 1.0, (400, 6)) + np.array([0.0, 0.05, 0.12, 0.2, 0.3, -0.2])
    kept, nearest = stepwise_by_hand(benchmark, variants, 3, 1_000)
    assert 0 < sum(kept) < 6
    assert nearest > 0.3  # three times the resampling noise of the bar and more: no other answer is near
    assert superior_ability(benchmark, variants, block_length=3).superior.tolist() == kept


def test_a_test_without_an_answer_is_no_test() -> None:
    with_gap = benjamini_hochberg(np.array([0.01, np.nan, 0.04]))
    assert np.isnan(with_gap[1])
    assert with_gap[[0, 2]].tolist() == benjamini_hochberg(np.array([0.01, 0.04])).tolist()
    assert np.isnan(benjamini_hochberg(np.array([np.nan]))).all()


def test_what_is_no_probability_is_refused_with_its_place() -> None:
    with pytest.raises(InputError, match=r"1\.5") as refused:
        benjamini_hochberg(np.array([0.5, 1.5]))
    assert refused.value.row == 1


def test_a_variant_that_is_truly_better_is_found_and_named() -> None:
    benchmark, variants = scores(2, better=0.5)
    found = superior_ability(benchmark, variants, block_length=5)
    assert found.p_value < 0.01
    assert found.best == 2
    assert found.superior.tolist() == [False, False, True, False, False]
    assert found.p_lower <= found.p_value <= found.p_upper


def test_variants_of_luck_alone_are_found_no_more_often_than_stated() -> None:
    found = [superior_ability(*scores(seed), block_length=5, resamples=200) for seed in range(40)]
    false_alarms = sum(one.p_value <= 0.05 for one in found)
    kept_apart = sum(bool(one.superior.any()) for one in found)
    assert false_alarms <= 6  # 2 expected; more than 6 of 40 come by luck once in 500
    assert kept_apart <= 6


def test_the_benchmark_itself_is_no_better_than_itself() -> None:
    benchmark, _ = scores(3)
    found = superior_ability(benchmark, np.column_stack([benchmark, benchmark]), block_length=5)
    assert (found.p_value, found.best, found.superior.any()) == (1.0, -1, False)
    assert found.mean_difference.tolist() == [0.0, 0.0]


def test_a_copy_of_the_benchmark_among_others_changes_nothing() -> None:
    benchmark, variants = scores(4, better=0.5)
    alone = superior_ability(benchmark, variants, block_length=5)
    beside = superior_ability(benchmark, np.column_stack([benchmark, variants]), block_length=5)
    assert beside.best == alone.best + 1
    assert beside.p_value == alone.p_value
    assert beside.superior.tolist() == [False, *alone.superior.tolist()]


def test_the_same_seed_gives_the_same_answer() -> None:
    benchmark, variants = scores(5)
    first, again = (superior_ability(benchmark, variants, block_length=5, seed=9) for _ in range(2))
    assert first.p_value == again.p_value


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"block_length": 0}, "block_length"),
        ({"block_length": 401}, "block_length"),
        ({"size": 0.0}, "size"),
        ({"resamples": 0}, "resamples"),
        ({"variants": np.ones((400, 0))}, "variants"),
        ({"variants": np.ones((399, 2))}, "variants"),
        ({"variants": np.full((400, 1), np.nan)}, "variants"),
    ],
)
def test_what_cannot_be_tested_is_refused_by_name(change: dict, named: str) -> None:
    benchmark, variants = scores(6)
    with pytest.raises(InputError) as refused:
        superior_ability(benchmark, **{"variants": variants, "block_length": 5, **change})
    assert refused.value.field == named
