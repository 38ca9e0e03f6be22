"""One virtual environment a group of peers, with pinned versions, under ``.bench/`` at the repository's root."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
HOME = REPOSITORY / ".bench"
_LONGEST_REASON = 300  # characters of an installer's last words that are worth repeating


class PeerUnavailableError(Exception):
    """This peer cannot be measured here; the message says why."""


@dataclass(frozen=True, slots=True)
class Group:
    """Peers that can share an environment: its folder's name and what pip is asked for."""

    name: str
    requirements: tuple[str, ...]


ARRAYS = Group(
    "arrays",
    (
        "fast-vollib==0.2.4",
        "numba==0.68.1",
        "numpy==2.4.6",
        "pyfeng==0.5.0",
        "QuantLib==1.44",
        "scipy==1.17.1",
        "statsmodels==0.15.0",  # pyfeng imports it without naming it
    ),
)
BACKTESTERS = Group("backtesters", ("backtesting==0.6.5", "bokeh==3.8.1", "numpy==2.3.5", "pandas==2.3.3"))
TRADING_GYMS = Group("trading_gyms", ("gym-anytrading==2.0.0", "gymnasium==1.4.0", "numpy==2.3.5", "pandas==2.3.3"))
FINANCEPY = Group("financepy", ("financepy==1.1.2", "numba==0.62.1", "numpy==2.3.5", "scipy==1.16.3"))
# py_vollib_vectorized was last released in 2021: it needs this py_lets_be_rational and a numba of its years.
VOLLIB = Group(
    "vollib",
    (
        "numba==0.59.1",
        "numpy==1.26.4",
        "pandas==2.2.3",
        "py_lets_be_rational==1.0.1",
        "py_vollib==1.0.1",
        "py_vollib_vectorized==0.1.1",
        "scipy==1.12.0",
    ),
)

# apsw: Python's own sqlite3 is often built without loadable extensions.
VECTORS = Group("vectors", ("apsw==3.54.1.0", "faiss-cpu==1.15.1", "numpy==2.4.6", "sqlite-vec==0.1.9"))


def interpreter(group: Group) -> Path:
    """The Python of a group's environment, made on the first call and again when the pins change.

    Raises
    ------
    PeerUnavailableError : where the packages cannot be installed, with the installer's reason.
    """
    folder = HOME / group.name
    python, stamp = folder / "bin" / "python", folder / "installed.txt"
    wanted = "\n".join(group.requirements)
    if stamp.exists() and stamp.read_text("utf-8") == wanted:
        return python
    shutil.rmtree(folder, ignore_errors=True)
    print(f"installing {', '.join(group.requirements)} into {folder} ...", flush=True)
    _run([sys.executable, "-m", "venv", str(folder)])
    _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *group.requirements])
    stamp.write_text(wanted, "utf-8")
    return python


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("ERROR")]
        reason = said[-1] if said else f"{command[1:4]} ended with {done.returncode}"
        raise PeerUnavailableError(reason[:_LONGEST_REASON])
