"""The dark-pool index rebuilt from FINRA's real files is the published one, give or take."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
from bench_dix import GOAL, agreement, rebuilt


@pytest.mark.shared_data
def test_the_rebuilt_index_follows_the_published_one(shared_data: Path, tmp_path: Path) -> None:
    built = rebuilt(shared_data, tmp_path / "members.csv")
    found = agreement(built, shared_data)
    assert found["sessions"] == 30
    assert found["correlation"] >= GOAL
    assert found["median_difference"] < 0.01
    assert built.index.coverage.min() > 0.999


@pytest.mark.shared_data
def test_a_member_that_joined_counts_from_its_first_session_on(shared_data: Path, tmp_path: Path) -> None:
    joined = agreement(rebuilt(shared_data, tmp_path / "members.csv"), shared_data)
    never = agreement(rebuilt(shared_data, tmp_path / "members.csv", {"META": ""}), shared_data)
    assert never["correlation"] < joined["correlation"] - 0.1
