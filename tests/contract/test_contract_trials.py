"""What was tried on some data is counted once and never forgotten, on SQLite and PostgreSQL."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import numpy as np
import pytest
from sqlalchemy import Engine

from lightning_gex.adapters.storage.trials import SqlTrials, TrialCount
from lightning_gex.core.errors import InputError

NOW = datetime(2024, 3, 8, 15, 0, tzinfo=UTC)


def test_a_variant_is_one_trial_however_often_it_is_repeated_and_a_restart_forgets_none(
    opened: Callable[[], Engine],
) -> None:
    sharpes = {"a": 0.05, "b": -0.01, "c": 0.02}
    assert SqlTrials(opened()).add("data", {"a": 0.05}, NOW).count == 1
    assert SqlTrials(opened()).add("data", sharpes, NOW).count == 3
    again = SqlTrials(opened()).add("data", sharpes, NOW)
    assert again.count == 3
    assert again.variance == pytest.approx(float(np.var(list(sharpes.values()), ddof=1)))


def test_other_data_were_not_tried(engine: Engine) -> None:
    trials = SqlTrials(engine)
    trials.add("data", {"a": 0.1}, NOW)
    assert trials.count("others") == TrialCount(0, 0.0)


def test_a_variant_that_never_traded_counts_and_has_no_sharpe_ratio(engine: Engine) -> None:
    found = SqlTrials(engine).add("data", {"a": math.nan, "b": 0.1}, NOW)
    assert found == TrialCount(2, 0.0)


def test_a_variant_is_counted_before_it_is_run_and_its_sharpe_ratio_filled_in_once(engine: Engine) -> None:
    trials = SqlTrials(engine)
    assert trials.add("data", {"a": math.nan, "b": math.nan}, NOW) == TrialCount(2, 0.0)
    assert trials.add("data", {"a": 0.1}, NOW) == TrialCount(2, 0.0)
    found = trials.add("data", {"b": 0.3, "c": math.nan}, NOW)
    assert found.count == 3
    assert found.variance == pytest.approx(0.02)
    assert trials.add("data", {"a": 0.9, "b": math.nan}, NOW) == found  # what is known stays


def test_two_programs_at_once_lose_and_double_nothing(opened: Callable[[], Engine]) -> None:
    stores = [opened() for _ in range(4)]

    def add(k: int) -> int:
        return SqlTrials(stores[k]).add("data", {f"v{j}": 0.01 * j for j in range(k + 2)}, NOW).count

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(4)))
    assert SqlTrials(stores[0]).count("data").count == 5


@pytest.mark.parametrize(
    ("data_hash", "variant", "at"), [("", "a", NOW), ("d", "", NOW), ("d", "a", NOW.replace(tzinfo=None))]
)
def test_what_has_no_name_or_no_zone_is_refused(engine: Engine, data_hash: str, variant: str, at: datetime) -> None:
    with pytest.raises(InputError):
        SqlTrials(engine).add(data_hash, {variant: 0.1}, at)
