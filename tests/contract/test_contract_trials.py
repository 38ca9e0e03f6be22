"""What was tried on some data is counted once and never forgotten, on SQLite and PostgreSQL."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import Engine

from lightning_gex.adapters.storage.trials import SqlTrials
from lightning_gex.analytics.trials import BEHIND_DEFAULTS, TRAININGS, JudgedData, TrialCount
from lightning_gex.core.bars import Bars
from lightning_gex.core.errors import InputError

NOW = datetime(2024, 3, 8, 15, 0, tzinfo=UTC)


def added(engine: Engine, data: JudgedData | str, tried: Mapping[str, float]) -> TrialCount:
    SqlTrials(engine).add(data, tried, NOW)
    return SqlTrials(engine).count(data)


def judged(sessions: int = 300, *, start: str = "2022-01-03", seed: int = 1, first: str | None = None) -> JudgedData:
    close = 100.0 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0.0, 0.01, 500)))[:sessions]
    day = np.busday_offset(start, np.arange(sessions), roll="forward").astype("datetime64[D]")
    bars = Bars("AAA", day, close, close * 1.01, close * 0.99, close, np.ones(sessions))
    return JudgedData.of({"AAA": bars}, ["AAA"], first=None if first is None else np.datetime64(first))


def test_a_variant_is_one_trial_however_often_it_is_repeated_and_a_restart_forgets_none(
    opened: Callable[[], Engine],
) -> None:
    sharpes = {"a": 0.05, "b": -0.01, "c": 0.02}
    assert added(opened(), "data", {"a": 0.05}).count == 1
    assert added(opened(), "data", sharpes).count == 3
    again = added(opened(), "data", sharpes)
    assert again.count == 3
    assert again.variance == pytest.approx(float(np.var(list(sharpes.values()), ddof=1)))


def test_other_data_were_not_tried(engine: Engine) -> None:
    added(engine, "data", {"a": 0.1})
    added(engine, judged(), {"a": 0.1})
    assert SqlTrials(engine).count("others") == TrialCount(0, 0.0)
    assert SqlTrials(engine).count(judged(seed=2)) == TrialCount(0, 0.0)


def test_a_variant_that_never_traded_counts_and_has_no_sharpe_ratio(engine: Engine) -> None:
    assert added(engine, "data", {"a": math.nan, "b": 0.1}) == TrialCount(2, 0.0)


def test_a_variant_is_counted_before_it_is_run_and_its_sharpe_ratio_filled_in_once(engine: Engine) -> None:
    assert added(engine, "data", {"a": math.nan, "b": math.nan}) == TrialCount(2, 0.0)
    assert added(engine, "data", {"a": 0.1}) == TrialCount(2, 0.0)
    found = added(engine, "data", {"b": 0.3, "c": math.nan})
    assert found.count == 3
    assert found.variance == pytest.approx(0.02)
    assert added(engine, "data", {"a": 0.9, "b": math.nan}) == found  # what is known stays


def test_what_was_tried_on_a_part_or_on_more_of_the_same_history_counts_once_a_variant(engine: Engine) -> None:
    whole, longer, late = judged(300), judged(301), judged(300, first="2022-12-01")
    assert added(engine, whole, {"a": 0.1, "b": 0.2}).count == 2
    assert added(engine, longer, {"a": 0.1}).count == 2  # a session was appended
    assert added(engine, late, {"c": 0.3}).count == 3  # of "a" and "b" a part was judged on the same sessions
    assert SqlTrials(engine).count(whole).count == 3
    after = judged(500, first="2023-09-01")
    assert added(engine, after, {"d": 0.1}).count == 1  # none of the others was judged on these


def test_what_the_defaults_were_chosen_from_counts_on_their_years_and_not_later(engine: Engine) -> None:
    then = added(engine, judged(start="2015-01-02"), {"a": 0.1})
    assert (then.count, then.behind_defaults) == (1 + BEHIND_DEFAULTS.count, BEHIND_DEFAULTS.count)
    assert then.variance > 0
    assert added(engine, judged(), {"a": 0.1}) == TrialCount(1, 0.0, 0)


def test_what_was_counted_by_its_files_counts_on_wherever_it_may_have_been_judged(engine: Engine) -> None:
    trials = SqlTrials(engine)
    trials.add("hash of files", {"old": 0.1}, NOW)
    late, early = judged(300, first="2022-12-01"), judged(100)
    assert trials.count(early).count == 0  # nobody knows yet what it was judged on
    trials.add(late, {"new": 0.2}, NOW, former=("hash of files", judged(300)))
    trials.add(late, {"new": 0.2}, NOW, former=("hash of other files", judged(300)))
    assert trials.count(late).count == 2
    assert trials.count(early).count == 1


def test_trainings_count_trainings_and_runs_runs_and_a_name_stands_for_what_was_judged_under_it(engine: Engine) -> None:
    trials = SqlTrials(engine)
    first, longer = (replace(judged(n, start="2015-01-02"), digest=f"t{n}", kind=TRAININGS) for n in (300, 301))
    assert added(engine, judged(300, start="2015-01-02"), {"run": 0.1}).count == 1 + BEHIND_DEFAULTS.count
    assert added(engine, first, {"training": 0.1}) == TrialCount(1, 0.0)  # no defaults are behind it
    assert added(engine, longer, {"another": 0.2}).count == 2
    assert trials.count("t300").count == trials.count("t301").count == 2
    assert trials.count(judged(301, start="2015-01-02")).count == 1 + BEHIND_DEFAULTS.count


def test_of_a_variant_tried_twice_the_ratio_known_last_counts(engine: Engine) -> None:
    trials = SqlTrials(engine)
    trials.add(judged(300), {"a": 0.1, "b": 0.3}, NOW)
    trials.add(judged(301), {"a": 0.2, "b": math.nan}, NOW + timedelta(days=1))
    assert trials.count(judged(300)).variance == pytest.approx(float(np.var([0.2, 0.3], ddof=1)))


def test_two_programs_at_once_lose_and_double_nothing(opened: Callable[[], Engine]) -> None:
    stores = [opened() for _ in range(4)]

    def add(k: int) -> None:
        SqlTrials(stores[k]).add(judged(), {f"v{j}": 0.01 * j for j in range(k + 2)}, NOW)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(4)))
    assert SqlTrials(stores[0]).count(judged()).count == 5


@pytest.mark.parametrize(
    ("data_hash", "variant", "at"), [("", "a", NOW), ("d", "", NOW), ("d", "a", NOW.replace(tzinfo=None))]
)
def test_what_has_no_name_or_no_zone_is_refused(engine: Engine, data_hash: str, variant: str, at: datetime) -> None:
    with pytest.raises(InputError):
        SqlTrials(engine).add(data_hash, {variant: 0.1}, at)
