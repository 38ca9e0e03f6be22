"""A peer measured in its own process: arrays out by file, times, versions and columns back."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from peers.environments import Group, PeerUnavailableError, interpreter

SCRIPTS = Path(__file__).resolve().parent / "scripts"
Columns = Mapping[str, NDArray[np.generic]]
_SETTING = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
_SETTING["PYTHONPATH"] = str(SCRIPTS.parent)  # for ``timing``
_LONGEST_S = 900.0
_LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class Peer:
    """A library and how it is asked: the script of its environment, and what that script computes."""

    name: str
    group: Group
    script: str
    computes: str


@dataclass(frozen=True, slots=True)
class PeerRun:
    """One process of a peer: its versions, seconds a call (``median_s``, ``min_s``), and its answer."""

    versions: Mapping[str, str]
    times: Mapping[str, float]
    columns: Columns


def run_peer(peer: Peer, columns: Columns) -> PeerRun:
    """Measure a peer on these columns, one thread, in a fresh process.

    Raises
    ------
    PeerUnavailableError : where its environment cannot be made, or its script fails; the message says why.
    """
    python = interpreter(peer.group)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.savez(folder / "in.npz", **columns)
        command = [str(python), "-W", "ignore", str(SCRIPTS / peer.script), str(folder)]
        environment = {**os.environ, **_SETTING}
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=_LONGEST_S, env=environment
            )
        except subprocess.TimeoutExpired:
            raise PeerUnavailableError(f"took longer than {_LONGEST_S:.0f} s") from None
        if done.returncode:
            last = (done.stderr.strip() or "no message").splitlines()[-1]
            raise PeerUnavailableError(f"{peer.script} failed: {last[:_LONGEST_REASON]}")
        answer = json.loads((folder / "out.json").read_text("utf-8"))
        with np.load(folder / "out.npz") as found:
            return PeerRun(answer["versions"], answer["times"], dict(found))
