"""Whoever does the work, here, in processes or on a Ray cluster: the same results, once each, and the same errors."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import executor_work as work
from lightning_gex.adapters.executors import Here, Processes
from lightning_gex.adapters.ray_cluster import RayCluster
from lightning_gex.core.errors import InputError, SettingsError
from lightning_gex.core.work import Done, Executor, Lost


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """A small Ray cluster of this machine, gone with the module."""
    ray = pytest.importorskip("ray")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(work.__file__).parent), prepend=os.pathsep)  # where workers find the work
        try:
            ray.init(
                address="local",  # its own, also where another one of this machine runs
                num_cpus=2,
                object_store_memory=80_000_000,
                include_dashboard=False,
                log_to_driver=False,
                logging_level="ERROR",
            )
            yield
        finally:
            ray.shutdown()


@pytest.fixture(params=["here", "processes", pytest.param("ray", marks=pytest.mark.slow)])
def executor(request: pytest.FixtureRequest) -> Executor:
    if request.param == "ray":
        request.getfixturevalue("cluster")
        return RayCluster(workers=2)
    return Here() if request.param == "here" else Processes(2)


def test_every_item_is_done_once_and_keeps_its_number(executor: Executor) -> None:
    done = list(executor.run(work.added, 100, (n * n for n in range(9))))
    assert sorted((one.index, one.result) for one in done) == [(k, 100 + k * k) for k in range(9)]
    assert all(isinstance(one, Done) for one in done)


def test_without_an_item_nothing_is_done(executor: Executor) -> None:
    assert list(executor.run(work.added, 100, [])) == []
    assert list(executor.run(work.added, 100, [], count=0)) == []


def test_no_more_workers_are_begun_than_there_are_items(executor: Executor) -> None:
    (only,) = executor.run(work.added, 100, [5], count=1)
    assert only == Done(0, 105)


def test_what_the_function_raises_comes_through_as_it_was(executor: Executor) -> None:
    with pytest.raises(InputError, match="is not wanted") as caught:
        list(executor.run(work.refusing, 2, range(4)))
    assert (caught.value.source, caught.value.row) == ("somewhere", 2)


def test_what_all_items_share_is_read_once_by_each_worker(executor: Executor) -> None:
    seen = [one.result for one in executor.run(work.whose, ["shared"], range(8))]
    assert len({pid for pid, _, _ in seen}) <= 2
    assert len({(pid, shared) for pid, shared, _ in seen}) == len({pid for pid, _, _ in seen})


def test_an_item_is_taken_no_earlier_than_somebody_is_about_to_need_it(executor: Executor) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for k in range(12):
            taken.append(k)
            yield k

    for done, _ in enumerate(executor.run(work.added, 0, items()), start=1):
        assert len(taken) <= done + 4


def test_a_stranger_who_stops_listening_ends_the_work(executor: Executor) -> None:
    outcomes = iter(executor.run(work.added, 1, range(1_000_000)))
    first = next(outcomes)
    assert isinstance(first, Done)
    outcomes.close()  # type: ignore[attr-defined]
    assert next(outcomes, None) is None


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_a_cluster_of_somebody_else_is_joined_by_its_address_and_left_as_it_was() -> None:
    import ray

    address = ray.get_runtime_context().gcs_address
    script = (
        "import executor_work as work\n"
        "from lightning_gex.adapters.ray_cluster import RayCluster\n"
        f"found = RayCluster({address!r}, 1).run(work.added, 100, [1, 2])\n"
        "print(sorted(one.result for one in found))\n"
    )
    joined = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False, env=os.environ
    )
    assert joined.stdout.splitlines()[-1:] == ["[101, 102]"], joined.stderr
    assert [one.result for one in RayCluster(workers=1).run(work.added, 0, [7])] == [7]  # it is still there
    with pytest.raises(SettingsError, match="has joined"):
        list(RayCluster("elsewhere:1", 1).run(work.added, 0, [7]))


@pytest.mark.parametrize("name", ["processes", pytest.param("ray", marks=pytest.mark.slow)])
def test_an_item_that_ends_its_worker_is_lost_after_two_and_the_others_are_done(
    name: str, request: pytest.FixtureRequest, tmp_path
) -> None:
    if name == "ray":
        request.getfixturevalue("cluster")
    executor = RayCluster(workers=2) if name == "ray" else Processes(2)
    outcomes = list(executor.run(work.dying, 3, range(6)))
    assert sorted(one.result for one in outcomes if isinstance(one, Done)) == [0, 1, 2, 4, 5]
    lost = [one for one in outcomes if isinstance(one, Lost)]
    assert [one.index for one in lost] == [3]
    assert "ended from outside" in lost[0].why
    assert sorted(one.result for one in executor.run(work.dying_once, str(tmp_path), range(4))) == [0, 1, 2, 3]
