"""The trained sizing policy of a workspace."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lightning_gex.app.workspace import Workspace
from lightning_gex.core.errors import InputError
from lightning_gex.core.ports import SizingPolicy
from lightning_gex.core.units import Float32Array1D, Float64Array1D
from lightning_gex.engine.config import EngineConfig
from lightning_gex.sizing.policy import load_policy

POLICY_FILE = "policy.zip"


def read_policy(path: Path) -> SizingPolicy:
    """The policy in a file that ``save_model`` wrote. Raises ``InputError`` where there is none."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError("no such model: train one and save it there", source=str(path)) from None
    except OSError as error:
        raise InputError(f"cannot be read: {(error.strerror or str(error)).lower()}", source=str(path)) from error
    return load_policy(data, str(path))


def workspace_policy(workspace: Workspace, config: EngineConfig) -> SizingPolicy | None:
    """The workspace's ``policy.zip``; None where there is none or the enhancement is off.

    One that cannot be read stops nothing: it fails at each decision, which falls back to Kelly and says why.
    """
    path = workspace.home / POLICY_FILE
    if not config.enhancements.rl_sizing or not path.exists():
        return None
    try:
        return read_policy(path)
    except InputError as error:
        return UnreadablePolicy(str(error))


@dataclass(frozen=True, slots=True)
class UnreadablePolicy:
    """A policy file that is there and cannot be used.

    Parameters
    ----------
    why : what is wrong with it.
    """

    why: str

    def size_pct(self, observation: Float64Array1D | Float32Array1D) -> float:
        """Raises ``InputError``: it has no answer to any observation."""
        raise InputError(self.why)
