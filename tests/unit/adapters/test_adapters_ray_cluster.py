"""A cluster that is not there, or an extra that is not installed, is said in one line with what to do."""

from __future__ import annotations

import sys

import pytest

import executor_work as work
from lightning_gex.adapters.ray_cluster import RayCluster
from lightning_gex.core.errors import MissingExtraError, SettingsError, SourceError


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere.invalid:6379", "nowhere"])
def test_an_address_where_nobody_answers_is_told_soon_and_with_what_to_do(address: str) -> None:
    pytest.importorskip("ray")
    with pytest.raises(SourceError, match="ray start --head") as caught:
        list(RayCluster(address).run(work.added, 0, [1]))
    assert address in str(caught.value)


def test_without_ray_the_extra_is_named(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"lightning-gex\[cluster\]"):
        list(RayCluster().run(work.added, 0, [1]))


def test_no_worker_is_no_crew_and_an_address_of_rays_client_is_none_of_a_cluster() -> None:
    with pytest.raises(SettingsError, match="at least 1"):
        RayCluster(workers=0)
    with pytest.raises(SettingsError, match="host:port"):
        RayCluster("ray://127.0.0.1:10001")
