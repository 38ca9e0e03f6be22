"""The command answers before anything heavy is loaded."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {
    "alembic", "arch", "cryptography", "exchange_calendars", "gymnasium", "httpx", "matplotlib", "msgspec", "numba",
    "numpy", "onnxruntime", "pandas", "plotly", "polars", "pyarrow", "pydantic", "rich", "scipy", "sqlalchemy",
    "stable_baselines3", "talib", "torch",
}  # fmt: skip
PROBE = """
import json, sys
from lightning_gex.app.cli import main
code = main(json.loads(sys.argv[1]))
sys.stderr.write(json.dumps([code, sorted({name.split('.')[0] for name in sys.modules})]))
"""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["--version"], 0),
        (["backtest", "--help"], 0),
        (["gex", "--no-such"], 2),
        (["history"], 0),
        (["history", "build", "--help"], 0),
        (["scan"], 2),
    ],
)
def test_help_version_and_wrong_usage_load_nothing_heavy(arguments, code):
    done = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps(arguments)], capture_output=True, text=True, check=True
    )
    ended, loaded = json.loads(done.stderr.splitlines()[-1])
    assert ended == code
    parser_s_own = set() if arguments[0].startswith("-") else {"pydantic"}  # typer checks a command's options with it
    assert not (HEAVY - parser_s_own) & set(loaded)


@pytest.mark.parametrize(
    "package", ["lightning_gex", "lightning_gex.app", "lightning_gex.core", "lightning_gex.sizing"]
)
def test_importing_a_package_loads_nothing_heavy(package):
    script = f"import json, sys, {package}; print(json.dumps(sorted({{n.split('.')[0] for n in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not HEAVY & set(json.loads(done.stdout))
