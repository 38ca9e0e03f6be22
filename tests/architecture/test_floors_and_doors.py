"""The house stands as drawn: floors, one door for each heavy dependency, one reader of the clock."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from source_tree import (
    PACKAGE,
    REPOSITORY,
    SOURCE,
    all_modules,
    imported_modules,
    name_of,
    package_modules,
    tree_of,
)

#: dependency -> the files and folders (of the package) that may import it. A folder ends in a slash.
DOORS = {
    "alembic": ("adapters/storage/",),
    "alpaca": ("adapters/brokers/",),
    "apprise": ("adapters/",),
    "arch": ("analytics/bootstrap.py", "adapters/market_data/sample_bars.py"),
    "cryptography": ("security/",),
    "exchange_calendars": ("core/sessions.py",),
    "gymnasium": ("sizing/",),
    "httpx": ("adapters/market_data/",),
    "ib_async": ("adapters/brokers/",),
    "keyring": ("security/", "adapters/"),
    "matplotlib": (
        "evaluation/falsification_image.py",
        "evaluation/positioning_image.py",
        "evaluation/summary_image.py",
    ),
    "msgspec": ("adapters/market_data/", "adapters/storage/"),
    "numba": ("analytics/", "simulation/", "sizing/"),
    "onnx": ("sizing/",),
    "onnxruntime": ("sizing/policy.py",),
    "pandas": ("adapters/market_data/", "app/"),
    "plotly": ("evaluation/",),
    "polars": ("adapters/", "evaluation/"),
    "psycopg": ("adapters/storage/",),
    "pyarrow": ("adapters/", "evaluation/"),
    "pydantic": ("app/", "adapters/storage/codec.py"),
    "pydantic_settings": ("app/settings.py",),
    "ray": ("adapters/",),
    "rich": ("app/",),
    "schwab": ("adapters/brokers/",),
    "scipy": ("analytics/", "evaluation/"),
    "sqlalchemy": ("adapters/storage/",),
    "sqlite3": ("adapters/storage/",),
    "stable_baselines3": ("sizing/",),
    "structlog": ("adapters/", "app/"),
    "talib": ("analytics/indicators.py",),
    "torch": ("sizing/",),
    "typer": ("app/",),
}
FOUNDING_MODULES = frozenset(path.stem for path in SOURCE.glob("*.py"))
CLOCK = "adapters/clock.py"
#: Calls that ask what time it is, as (object, method). Of the module ``time`` only waiting is allowed.
CLOCK_READS = {
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
    ("Timestamp", "now"),
    ("Timestamp", "utcnow"),
    ("Timestamp", "today"),
    ("pendulum", "now"),
    ("func", "now"),
    ("func", "current_timestamp"),
}


def door_breakers(path: Path) -> list[str]:
    """Imports of a heavy dependency outside its door."""
    name = name_of(path)
    broken = []
    for line, module in imported_modules(path):
        doors = DOORS.get(module.split(".")[0])
        if doors is not None and not any(name == d or (d.endswith("/") and name.startswith(d)) for d in doors):
            broken.append(f"{name}:{line} imports {module}: only {', '.join(doors)} may")
    return broken


def clock_readers(path: Path) -> list[str]:
    """Places of a module that ask for the present time."""
    found = [
        f"{name_of(path)}:{line} imports {module}"
        for line, module in imported_modules(path)
        if module.startswith("time.") and module != "time.sleep"
    ]
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "time" and node.attr != "sleep":
            found.append(f"{name_of(path)}:{node.lineno} uses time.{node.attr}")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            word = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            if (word, node.func.attr) in CLOCK_READS:
                found.append(f"{name_of(path)}:{node.lineno} calls {word}.{node.func.attr}")
            if node.func.attr == "datetime64" and any(
                isinstance(a, ast.Constant) and a.value in {"now", "today"} for a in node.args
            ):
                found.append(f"{name_of(path)}:{node.lineno} asks numpy for the present time")
    return found


def test_folders_import_only_from_floors_below_and_siblings_never_import_each_other():
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    checked = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_each_heavy_dependency_is_imported_behind_its_door_only():
    broken = [line for path in package_modules() for line in door_breakers(path)]
    assert not broken, "\n".join(broken)


def test_every_installed_dependency_has_a_door_or_is_on_the_floor_of_everything():
    import tomllib

    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    named = {
        requirement.split(">")[0].split("[")[0].strip().replace("-", "_").lower()
        for requirement in project["dependencies"]
    }
    modules = {"ta_lib": "talib"}
    everywhere = {"numpy"}
    assert {modules.get(name, name) for name in named} - everywhere <= set(DOORS)


def test_only_one_file_reads_the_clock():
    readers = [line for path in all_modules() if name_of(path) != CLOCK for line in clock_readers(path)]
    assert not readers, "\n".join(readers)
    assert clock_readers(PACKAGE / CLOCK), "the check no longer sees the one call there is"


def test_nothing_inside_the_package_imports_the_founding_modules():
    broken = [
        f"{name_of(path)}:{line} imports {module}"
        for path in package_modules()
        for line, module in imported_modules(path)
        if module.split(".")[0] in FOUNDING_MODULES
    ]
    assert not broken, "\n".join(broken)


def test_the_founding_modules_import_nothing_of_the_package_but_its_wiring():
    broken = [
        f"{name_of(path)}:{line} imports {module}"
        for path in SOURCE.glob("*.py")
        for line, module in imported_modules(path)
        if module.startswith("lightning_gex") and not "lightning_gex.app.bootstrap".startswith(module)
        if not module.startswith("lightning_gex.app.bootstrap")
    ]
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ("from datetime import datetime\nx = datetime.now()", True),
        ("import datetime\nx = datetime.datetime.utcnow()", True),
        ("import time\nx = time.time()", True),
        ("import time\nx = time.monotonic", True),
        ("from time import perf_counter", True),
        ("import time\ntime.sleep(1)", False),
        ("import numpy as np\nx = np.datetime64('now')", True),
        ("x = clock.now()", False),
        ("import numpy as np\nx = np.datetime64('2020-01-01')", False),
    ],
)
def test_the_clock_check_knows_a_reading_from_a_port(tmp_path, monkeypatch, code, wrong):
    module = tmp_path / "lightning_gex" / "example.py"
    module.parent.mkdir()
    module.write_text(code)
    monkeypatch.setattr("source_tree.SOURCE", tmp_path)
    assert bool(clock_readers(module)) is wrong
