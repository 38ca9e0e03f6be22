"""A workspace's policy: the champion, what ships where it is asked for, and never in the way where it is not sound."""

from __future__ import annotations

import numpy as np
import pytest

from lightning_gex.app.assembly import policies
from lightning_gex.app.assembly.policies import (
    POLICY_FILE,
    UnpromotedPolicy,
    UnreadablePolicy,
    kelly_reigns,
    read_policy,
    workspace_policy,
)
from lightning_gex.app.assembly.shipped import shipped_bytes, shipped_policy
from lightning_gex.app.assembly.variants import ablation_variants
from lightning_gex.app.assembly.wiring import engine_config
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.errors import InputError, RefusedError
from lightning_gex.sizing.ladder import LADDER
from lightning_gex.sizing.policy import OnnxPolicy


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    return Workspace.open(tmp_path / "home")


def policy_of(workspace, **sections):
    opened = Workspace.open(workspace.home, overrides=sections or None)
    return workspace_policy(opened, engine_config(opened.settings))


def test_without_a_promoted_policy_kelly_sizes_and_the_record_says_why(workspace, monkeypatch):
    monkeypatch.setattr(policies, "is_champion", lambda: False)
    policy = policy_of(workspace)
    assert isinstance(policy, UnpromotedPolicy)
    with pytest.raises(RefusedError, match="has not beaten Kelly"):
        policy.size_pct(np.zeros(7))
    assert kelly_reigns(workspace)
    with pytest.raises(InputError, match="no such model"):
        read_policy(workspace.home / POLICY_FILE)


def test_the_shipped_policy_sizes_where_it_has_beaten_kelly_or_is_asked_for(workspace, monkeypatch):
    assert isinstance(policy_of(workspace, sizing={"policy": "shipped"}), OnnxPolicy)
    monkeypatch.setattr(policies, "is_champion", lambda: True)
    policy = policy_of(workspace)
    assert isinstance(policy, OnnxPolicy)
    assert policy.size_pct(np.zeros(7)) in LADDER
    assert not kelly_reigns(workspace)


def test_a_promoted_policy_goes_before_the_shipped_one_unless_that_is_asked_for(workspace):
    (workspace.home / POLICY_FILE).write_bytes(shipped_bytes("policy.zip"))
    assert isinstance(policy_of(workspace), OnnxPolicy)
    (workspace.home / POLICY_FILE).write_bytes(b"no archive")
    assert isinstance(policy_of(workspace), UnreadablePolicy)
    assert isinstance(policy_of(workspace, sizing={"policy": "shipped"}), OnnxPolicy)
    assert not kelly_reigns(workspace)


def test_a_file_that_is_no_policy_fails_when_it_is_asked_and_says_what_is_wrong(workspace):
    (workspace.home / POLICY_FILE).write_bytes(b"no archive")
    policy = policy_of(workspace)
    assert isinstance(policy, UnreadablePolicy)
    with pytest.raises(InputError, match=POLICY_FILE):
        policy.size_pct(np.zeros(7))


def test_with_the_enhancement_off_no_file_is_looked_at(workspace):
    (workspace.home / POLICY_FILE).write_bytes(b"no archive")
    assert policy_of(workspace, enhancements={"rl_sizing": False}) is None
    off = {"enhancements": {"rl_sizing": False}, "sizing": {"policy": "shipped"}}
    assert policy_of(workspace, **off) is None


def test_a_shipped_file_that_was_altered_is_not_used(workspace, monkeypatch):
    from lightning_gex.app.assembly import shipped

    monkeypatch.setitem(shipped.DIGESTS, "policy.zip", "0" * 64)
    with pytest.raises(InputError, match="install the package again"):
        shipped_policy()
    policies._shipped.cache_clear()
    assert isinstance(policy_of(workspace, sizing={"policy": "shipped"}), UnreadablePolicy)


def test_an_ablation_judges_rl_sizing_by_its_shipped_policy_where_kelly_reigns():
    names = [v.name for v in ablation_variants(kelly_reigns=True)]
    assert set(names) - {v.name for v in ablation_variants(kelly_reigns=False)} == {"with_shipped_policy"}
    asked = {v.name: v.settings for v in ablation_variants(kelly_reigns=True)}
    assert asked["with_shipped_policy"]["sizing"] == {"policy": "shipped"}
    assert asked["only_rl_sizing"]["sizing"]["policy"] == "shipped"
    assert "policy" not in asked["only_memory"]["sizing"]
