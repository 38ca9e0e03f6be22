"""Each founding module runs as a script, says what it does, and leaves the user's own workspace alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from founding_blocks import REPOSITORY

SOURCE = REPOSITORY / "src"
#: module -> what a reader must find in its output.
SHOWN = {
    "lightning_rl_position_sizer": ("(cold_start)", "(kelly)", "(policy)", "the loaded policy answers the same: yes"),
    "lightning_memory_system": ("24 signals", "likeness", "It cannot read the future", "demo_memory.csv"),
    "lightning_multi_agent_coordinator": ("Options Flow Agent   abstained", "Momentum Agent", "weight 1.0"),
    "lightning_hierarchical_decision": ("bull_trending: approved", "blocked by the tactical layer", "custom_regime"),
    "lightning_security_manager": ("vault.json: no", "not what was signed", "the chain holds", "in the file: no"),
    "enhanced_lightning_system": ("-> approved", "already in this trade", "closed already", "n/a"),
}


def environment(tmp_path: Path) -> dict[str, str]:
    clean = {k: v for k, v in os.environ.items() if not k.upper().startswith("LIGHTNING_")}
    binaries = str(Path(sys.executable).parent)
    return clean | {
        "HOME": str(tmp_path / "user"),
        "PATH": f"{binaries}{os.pathsep}{clean.get('PATH', '')}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(SOURCE),
        "TMPDIR": str(tmp_path),
    }


def run(command, tmp_path, cwd=SOURCE, **more):
    return subprocess.run(
        command, cwd=cwd, env=environment(tmp_path) | more, capture_output=True, text=True, timeout=240, check=False
    )


@pytest.mark.parametrize("module", SHOWN)
def test_the_demo_runs_as_a_script_beside_the_package_and_leaves_nothing_behind(module, tmp_path):
    done = run(["python", f"{module}.py"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert [text for text in SHOWN[module] if text not in done.stdout] == []
    assert not (tmp_path / "user" / ".lightning-gex").exists()
    assert list(tmp_path.glob("lightning-gex-demo-*")) == []


def test_a_demo_runs_as_a_module_from_anywhere_and_keeps_the_workspace_that_the_environment_names(tmp_path):
    command = [sys.executable, "-m", "lightning_memory_system"]
    done = run(command, tmp_path, cwd=tmp_path, LIGHTNING_HOME=str(tmp_path / "kept"))
    assert done.returncode == 0, done.stderr
    assert "likeness" in done.stdout
    assert (tmp_path / "kept" / "lightning.db").exists()


def test_without_torch_the_sizer_says_what_to_install_and_kelly_still_sizes(tmp_path):
    script = (
        "import runpy, sys; sys.modules['torch'] = None; "
        "runpy.run_module('lightning_rl_position_sizer', run_name='__main__')"
    )
    done = run([sys.executable, "-c", script], tmp_path)
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if "pip install" in line]
    assert "lightning-gex[rl]" in line
    assert "(kelly)" in done.stdout


def test_a_workspace_that_cannot_be_made_is_one_line_and_its_exit_code(tmp_path):
    (tmp_path / "file").write_text("")
    done = run([sys.executable, "-m", "lightning_memory_system"], tmp_path, LIGHTNING_HOME=str(tmp_path / "file"))
    assert done.returncode == 5
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
