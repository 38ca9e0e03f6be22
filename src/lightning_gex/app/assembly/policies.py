"""The sizing policy that a workspace decides with: the champion, or the one that ships where it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lightning_gex.app.assembly.shipped import is_champion, shipped_policy
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.errors import InputError, RefusedError
from lightning_gex.core.ports import SizingPolicy
from lightning_gex.core.units import Float32Array1D, Float64Array1D
from lightning_gex.engine.config import EngineConfig
from lightning_gex.sizing.policy import OnnxPolicy, load_policy

POLICY_FILE = "policy.zip"
SHIPPED = "shipped"
_BEATEN = "no policy was promoted, and the shipped one has not beaten Kelly out of sample"


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
    """What sizes in a workspace; None where the enhancement is off.

    That is the workspace's ``policy.zip``, else the policy that ships with the package where it beat Kelly out of
    sample or ``sizing.policy`` asks for it; else nothing but the reason why Kelly sizes. A policy that cannot be read
    stops nothing: it fails at each decision, which falls back to Kelly and says why.
    """
    if not config.enhancements.rl_sizing:
        return None
    path = workspace.home / POLICY_FILE
    try:
        if workspace.settings.sizing.policy == SHIPPED:
            return _shipped()
        if path.exists():
            return read_policy(path)
        return _shipped() if is_champion() else UnpromotedPolicy(_BEATEN)
    except InputError as error:
        return UnreadablePolicy(str(error))


def kelly_reigns(workspace: Workspace) -> bool:
    """Whether no policy sizes in a workspace, RL sizing switched on or off."""
    chosen = workspace.settings.sizing.policy == SHIPPED or (workspace.home / POLICY_FILE).exists()
    return not chosen and not is_champion()


@cache
def _shipped() -> OnnxPolicy:
    return shipped_policy()


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


@dataclass(frozen=True, slots=True)
class UnpromotedPolicy:
    """No policy at all, and the reason for the record.

    Parameters
    ----------
    why : why Kelly sizes.
    """

    why: str

    def size_pct(self, observation: Float64Array1D | Float32Array1D) -> float:
        """Raises ``RefusedError``: nothing that has not beaten Kelly sizes."""
        raise RefusedError(self.why)
