"""Every fenced block of the founding document runs, or is held against what the program does."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from founding_blocks import REPOSITORY, Block, blocks, document, python_program

from builders_founding import MARKET, OPTIONS, PRICE, ask, open_system
from lightning_gex.analytics.observation import OBSERVATION_NAMES
from lightning_gex.core.enums import StageName
from lightning_gex.memory.confidence import HIGHEST_MULTIPLIER, LOWEST_MULTIPLIER
from lightning_gex.sizing.ladder import LADDER

SOURCE = REPOSITORY / "src"
#: The long run keeps the document's own number of timesteps; otherwise training is only shown to work.
FULL_LENGTH = any(os.environ.get(name, "") not in {"", "0"} for name in ("FOUNDING_FULL", "LIGHTNING_SOAK"))
SHORT_TIMESTEPS = 512
LONGEST_SECONDS = 7_200 if FULL_LENGTH else 280

pytestmark = pytest.mark.skipif(not document().is_file(), reason=f"the founding document is not at {document()}")

#: What each kind of block is known by. Every block of the document must be of exactly one kind.
KINDS = {
    "program": lambda b: b.language == "python",
    "installation": lambda b: b.language == "bash" and "pip install" in b.text,
    "demos": lambda b: b.language == "bash" and "python lightning_" in b.text,
    "file tree": lambda b: not b.language and b.text.startswith("./\n├──"),
    "pipeline": lambda b: not b.language and b.text.startswith("1. SIGNAL GENERATION"),
    "memory cycle": lambda b: not b.language and b.text.startswith("1. Record Signal"),
    "sizer cycle": lambda b: not b.language and b.text.startswith("Environment → Action"),
}


def the(kind: str) -> Block:
    (block,) = [b for b in blocks() if KINDS[kind](b)]
    return block


def environment(home: Path) -> dict[str, str]:
    clean = {k: v for k, v in os.environ.items() if not k.upper().startswith("LIGHTNING_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{clean.get('PATH', '')}"
    return clean | {"PATH": path, "PYTHONPATH": str(SOURCE), "LIGHTNING_HOME": str(home)}


def test_every_block_of_the_document_is_of_one_kind_that_is_tested():
    for block in blocks():
        kinds = [kind for kind, is_one in KINDS.items() if is_one(block)]
        assert len(kinds) == 1, f"block {block.number} ({block.language or 'plain'}) is {kinds}:\n{block.text}"


@pytest.mark.slow
@pytest.mark.timeout(LONGEST_SECONDS)
def test_the_python_blocks_run_in_order_and_leave_behind_what_they_promise(tmp_path):
    program = python_program(None if FULL_LENGTH else SHORT_TIMESTEPS)
    (tmp_path / "program.py").write_text(program, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "program.py"],
        cwd=tmp_path,
        env=environment(tmp_path / "home"),
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    check_printed(done.stdout)
    check_models(tmp_path)
    check_records(tmp_path)
    check_audit(json.loads((tmp_path / "audit_2024_01.json").read_text(), parse_constant=pytest.fail))


def check_printed(text: str) -> None:
    approved = re.search(r"✓ Trade approved: BUY (\d+) shares", text)
    assert approved, text
    assert 1 <= int(approved[1]) <= 83
    assert "  Entry: $180.00" in text
    assert 180.0 < float(re.search(r"Target: \$([\d.]+)", text)[1]) <= 189.50
    assert float(re.search(r"Stop: \$([\d.]+)", text)[1]) < 180.0
    report = text[text.index("Lightning GEX performance") :]
    assert re.search(r"win rate +100.00%", report)
    assert "average loss" in report
    assert "n/a" in report
    # The second system of the document is new: it has traded nothing, in a day that has seen one trade.
    for line in ("Return: 0.00%", "Total P&L: $0.00", "Win Rate: nan%", "Daily Trades: 1", "Circuit Breaker: False"):
        assert line in text


def check_models(folder: Path) -> None:
    for name in ("production_rl_sizer_ppo.zip", "sizer_PPO.zip", "sizer_A2C.zip", "sizer_DQN.zip"):
        assert (folder / name).stat().st_size > 10_000


def check_records(folder: Path) -> None:
    with (folder / "memory_backup.csv").open(newline="") as file:
        (row,) = list(csv.DictReader(file))
    assert (row["ticker"], row["direction"], row["outcome_won"]) == ("AAPL", "bullish", "true")
    held = (folder / "home" / "vault.json").read_text()
    assert "thinkorswim" in held
    assert "your_api_secret" not in held


def check_audit(records: list[dict]) -> None:
    kinds = [r["kind"] for r in records]
    assert [k for k in kinds if k not in {"audit_noted", "chain_sealed"}][:6] == [
        "run_started", "session_opened", "decision_made", "order_placed", "trade_opened", "trade_closed",
    ]  # fmt: skip
    assert records[kinds.index("trade_opened")]["event"]["trade"]["assumed"] is True
    assert records[kinds.index("trade_closed")]["event"]["trade"]["exit_reason"] == "take_profit"
    assert "your_api_secret" not in json.dumps(records)


def test_the_installation_line_succeeds_where_its_packages_are(tmp_path):
    if not (Path(sys.executable).parent / "pip").exists():
        pytest.skip(f"there is no pip beside {sys.executable}")
    # Nothing may be fetched here: with everything installed the line asks no index, and without one it must not.
    offline = environment(tmp_path) | {"PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(
        ["bash", "-e", "-c", the("installation").text], env=offline, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_demo_block_names_the_six_scripts_whose_demos_are_tested():
    commands = [line for line in the("demos").text.splitlines() if line and not line.startswith("#")]
    scripts = [re.fullmatch(r"python (\w+\.py)", command)[1] for command in commands]
    assert sorted(scripts) == sorted(p.name for p in SOURCE.glob("*.py"))


def test_the_files_of_the_tree_are_there():
    named = re.findall(r"── (\w+\.py)", the("file tree").text)
    assert len(named) == 6
    assert [name for name in named if not (SOURCE / name).is_file()] == []


def test_the_pipeline_runs_in_the_documents_order_with_its_numbers():
    text = the("pipeline").text
    headings = re.findall(r"^\d\. ([A-Z ]+?) *$", text, re.MULTILINE)
    stage_of = {
        "SIGNAL GENERATION": StageName.SIGNAL,
        "MEMORY ADJUSTMENT": StageName.MEMORY,
        "HIERARCHICAL FILTERING": StageName.STRATEGIC,
        "POSITION SIZING": StageName.SIZING,
        "SECURITY VALIDATION": StageName.GUARDRAILS,
    }
    order = list(StageName)
    places = [order.index(stage_of[heading]) for heading in headings]
    assert len(places) == 5
    assert places == sorted(places)
    layers = [StageName(word.lower()) for word in re.findall(r"(Strategic|Tactical|Execution) Layer", text)]
    assert layers == [StageName.STRATEGIC, StageName.TACTICAL, StageName.EXECUTION]
    assert [order.index(layer) for layer in layers] == sorted(order.index(layer) for layer in layers)
    assert f"({LOWEST_MULTIPLIER}x to {HIGHEST_MULTIPLIER}x multiplier)" in text
    assert f"{len(OBSERVATION_NAMES)}D Observation Space" in text
    assert f"({', '.join(f'{rung:.0%}' for rung in LADDER)})" in text


def test_the_memory_cycle_closes_from_signal_to_the_next_signals_confidence(tmp_path):
    steps = ["Record Signal", "Execute Trade", "Record Outcome", "Similar Patterns Found", "Adjust Future Confidence"]
    assert [step for step in steps if step not in the("memory cycle").text] == []
    with open_system(tmp_path) as (system, clock):
        first = ask(system)
        assert system.memory.find(first["decision_id"]).outcome is None
        clock.set(clock.now().replace(day=5))
        system.update_trade_outcome(0, 189.50, "take_profit")
        assert system.memory.find(first["decision_id"]).outcome.won
        clock.set(clock.now().replace(day=6))
        (memory,) = [s for s in ask(system)["stages"] if s["stage"] == "memory"]
        assert memory["detail"]["resolved_in_book"] == 1
        (found,) = system.memory.find_similar_patterns("AAPL", "bullish", PRICE, OPTIONS, MARKET)
        assert found["won"]
        assert found["similarity"] == pytest.approx(1.0)


def test_the_sizer_cycle_goes_from_environment_by_action_and_reward_to_another_policy():
    from lightning_gex.app.assembly.training_data import simulated_episodes
    from lightning_gex.sizing.environment import PositionSizingEnv
    from lightning_gex.sizing.policy import Algorithm
    from lightning_gex.sizing.training import train_policy

    words = the("sizer cycle").text.splitlines()[0].split(" → ")
    assert words == ["Environment", "Action", "Reward", "Update Policy", "Better Sizing"]
    episodes = simulated_episodes(0)
    environment = PositionSizingEnv(episodes)
    environment.reset(seed=0)
    rewards = [environment.step(len(LADDER) - 1)[1] for _ in range(5)]
    assert any(reward != 0 for reward in rewards)
    policies = [train_policy(episodes, algorithm=Algorithm.A2C, total_timesteps=n, seed=0) for n in (16, 256)]
    assert policies[0].metadata.policy_sha256 != policies[1].metadata.policy_sha256
