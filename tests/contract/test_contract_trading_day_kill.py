"""Pulling the plug on a live run at random steps of its work: restarted, it is as if nobody had pulled."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
RESULTS = TESTS.parent / "benchmarks" / "results"
SOAK = bool(os.environ.get("LIGHTNING_SOAK"))
KILLS = {"sqlite": 200 if SOAK else 20, "postgresql": 60 if SOAK else 4}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes: POSIX only")
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.timeout(3_600 if SOAK else 300)
def test_killed_anywhere_and_restarted_a_live_run_equals_an_undisturbed_one(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    pattern = str(tmp_path / "{number}.db")
    if kind == "postgresql":
        server: str = request.getfixturevalue("postgresql")
        pattern = server.format(database=f"day_{uuid.uuid4().hex[:12]}_{{number}}")
    done = subprocess.run(
        [sys.executable, str(TESTS / "trading_day.py"), pattern, str(tmp_path), str(KILLS[kind]), "20240301"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    if SOAK:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"soak_trading_day_{kind}.json").write_text(json.dumps(found, indent=2) + "\n")
    assert found["kills"] == KILLS[kind]
    assert found["orders"] > 8
    assert found["carried"] >= 2
    assert found["doubled"] == found["lost"] == found["events_differ"] == found["ended_otherwise"] == 0
    assert found["states_differ"] == []
