"""The part every peer's script shares: read the columns, measure, write times, versions and the answer.

Runs in the peer's environment, which holds numpy and the peer and nothing of ours.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
from timing import timed

Columns = dict[str, np.ndarray]
Call = Callable[[], dict]


def serve(libraries: list[str], prepared: Callable[[Columns], Call]) -> None:
    """``prepared`` turns columns into a call without arguments; the call alone is timed, its dict of columns kept."""
    folder = Path(sys.argv[1])
    with np.load(folder / "in.npz") as given:
        call = prepared(dict(given))
    times = timed(call)
    np.savez(folder / "out.npz", **{k: np.asarray(v, dtype=np.float64) for k, v in call().items()})
    versions = {name: version(name) for name in libraries}
    (folder / "out.json").write_text(json.dumps({"times": times, "versions": versions}), "utf-8")
