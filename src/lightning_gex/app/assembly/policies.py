"""The trained sizing policy of a workspace."""

from __future__ import annotations

from pathlib import Path

from lightning_gex.app.workspace import Workspace
from lightning_gex.core.errors import InputError
from lightning_gex.core.ports import SizingPolicy
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
    """The workspace's ``policy.zip``; None where there is none or the enhancement is off."""
    path = workspace.home / POLICY_FILE
    return read_policy(path) if config.enhancements.rl_sizing and path.exists() else None
