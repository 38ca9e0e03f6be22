"""A workspace's policy: read where it is sound, and never in the way where it is not."""

from __future__ import annotations

import numpy as np
import pytest

from lightning_gex.app.assembly.policies import POLICY_FILE, UnreadablePolicy, read_policy, workspace_policy
from lightning_gex.app.assembly.wiring import engine_config
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.errors import InputError


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    return Workspace.open(tmp_path / "home")


def test_without_a_file_there_is_no_policy(workspace):
    assert workspace_policy(workspace, engine_config(workspace.settings)) is None
    with pytest.raises(InputError, match="no such model"):
        read_policy(workspace.home / POLICY_FILE)


def test_a_file_that_is_no_policy_fails_when_it_is_asked_and_says_what_is_wrong(workspace):
    (workspace.home / POLICY_FILE).write_bytes(b"no archive")
    policy = workspace_policy(workspace, engine_config(workspace.settings))
    assert isinstance(policy, UnreadablePolicy)
    with pytest.raises(InputError, match=POLICY_FILE):
        policy.size_pct(np.zeros(7))


def test_with_the_enhancement_off_the_file_is_not_looked_at(workspace):
    (workspace.home / POLICY_FILE).write_bytes(b"no archive")
    off = Workspace.open(workspace.home, overrides={"enhancements": {"rl_sizing": False}})
    assert workspace_policy(off, engine_config(off.settings)) is None
