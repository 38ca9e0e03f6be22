"""Work spread over a Ray cluster. Implements ``core.work.Executor``; needs the extra ``cluster``.

The cluster is somebody's: it is joined, and left as it was. Every worker is one of its actors, with a processor of its
own; what all items need is put into the cluster's store once and read by each worker once.
"""

from __future__ import annotations

import pickle
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lightning_gex.adapters.executors import READY, Said, answer_of, scheduled
from lightning_gex.core.errors import MissingExtraError, SettingsError, SourceError, StoreError
from lightning_gex.core.work import Done, Item, Lost, Result, Shared

#: The address at which Ray looks for a cluster by itself: the variable RAY_ADDRESS, else the one begun last here.
ANY_CLUSTER = "auto"
#: The address that begins a cluster of this machine for the work alone and ends it afterwards.
OWN_CLUSTER = "local"
_PATIENCE_SECONDS = 120.0  # for a first free processor
_KNOCK_SECONDS = 5.0
_CLIENT = "ray://"
_OWN_STORE_BYTES = 200_000_000  # a parcel of histories is a few megabytes; Ray would take a third of the memory


@dataclass(frozen=True, slots=True)
class RayCluster:
    """Spreads the work over a Ray cluster.

    Parameters
    ----------
    address : ``host:port``, ``auto`` or ``local``.
    workers : how many; None takes a worker for every processor of the cluster.
    """

    address: str = ANY_CLUSTER
    workers: int | None = None

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise SettingsError(f"workers must be at least 1, not {self.workers}")
        if self.address.startswith(_CLIENT):
            raise SettingsError(f"{self.address} is an address of Ray's client: name the cluster's own, host:port")

    def run(
        self,
        function: Callable[[Shared, Item], Result],
        shared: Shared,
        items: Iterable[Item],
        *,
        count: int | None = None,
    ) -> Iterator[Done[Result] | Lost]:
        """As ``core.work.Executor.run``.

        Raises
        ------
        MissingExtraError : Ray is not installed.
        SettingsError : the program has joined a cluster already, and another one is named.
        SourceError : no cluster answers at the address, or none of its processors gets free.
        """
        with _joined(self.address, self.workers):
            crew = _RayCrew(pickle.dumps((function, shared), protocol=pickle.HIGHEST_PROTOCOL))
            try:
                yield from scheduled(crew, self.workers or _processors(), items, count=count)
            finally:
                crew.dismiss()


def _ray() -> Any:  # noqa: ANN401 - Ray has no types
    try:
        import ray
    except ImportError:
        raise MissingExtraError("ray", "cluster") from None
    return ray


@contextmanager
def _joined(address: str, workers: int | None) -> Iterator[None]:
    """The cluster, left again afterwards unless the caller's program had joined it before."""
    ray = _ray()
    if ray.is_initialized():
        if address != ANY_CLUSTER:
            raise SettingsError("this program has joined a Ray cluster already: leave the address out")
        yield
        return
    _knock(address)
    terms: dict[str, Any] = {"address": address}
    if address == OWN_CLUSTER:
        terms |= {"num_cpus": workers, "include_dashboard": False, "object_store_memory": _OWN_STORE_BYTES}
    try:
        ray.init(**terms, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        token = "" if address in (ANY_CLUSTER, OWN_CLUSTER) else ", set RAY_AUTH_MODE=token where it asks for a token"
        raise _unanswered(address, first, token) from error
    try:
        yield
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """See that anybody listens at ``host:port``: Ray itself would try for minutes. Other forms are left to it."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_KNOCK_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise _unanswered(address, getattr(error, "strerror", None) or str(error)) from error


def _unanswered(address: str, why: str, more: str = "") -> SourceError:
    return SourceError(
        f"no Ray cluster answers at {address} ({why.rstrip('.')}): begin one with 'ray start --head', name the one "
        f"there is with --address{more}, or leave --backend ray out"
    )


def _processors() -> int:
    return max(1, int(_ray().cluster_resources().get("CPU", 1)))


class _Servant:
    """What a worker of the cluster does."""

    def __init__(self, parcel: bytes) -> None:
        self._function, self._shared = pickle.loads(parcel)  # noqa: S301 - made by the program that began this worker

    def ready(self) -> tuple[int, None, None]:
        """Answers once there is a worker at all."""
        return READY, None, None

    def do(self, index: int, item: object) -> bytes:
        """The answer to one item, packed by the same hand as between processes."""
        answer = (index, *answer_of(self._function, self._shared, item))
        return pickle.dumps(answer, protocol=pickle.HIGHEST_PROTOCOL)


class _RayCrew:
    """Actors of a cluster, each with one call open."""

    def __init__(self, parcel: bytes) -> None:
        ray = self._ray = _ray()
        self._parcel = ray.put(parcel)
        self._kind = ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)(_Servant)
        self._actors: dict[int, Any] = {}
        self._open: dict[Any, int] = {}  # call -> worker
        self._any_began = False
        self._hired = 0

    def hire(self) -> int:
        self._hired += 1
        actor = self._kind.remote(self._parcel)
        self._actors[self._hired] = actor
        self._open[actor.ready.remote()] = self._hired
        return self._hired

    def give(self, worker: int, index: int, item: Any) -> None:  # noqa: ANN401
        self._open[self._actors[worker].do.remote(index, item)] = worker

    def listen(self) -> list[Said]:
        patience = None if self._any_began else _PATIENCE_SECONDS
        ended, _ = self._ray.wait(list(self._open), num_returns=1, timeout=patience)
        if not ended:
            raise SourceError(
                f"no processor of the Ray cluster got free within {_PATIENCE_SECONDS:.0f} seconds: see 'ray status'"
            )
        return [self._heard(call) for call in ended]

    def _heard(self, call: Any) -> Said:  # noqa: ANN401
        worker = self._open.pop(call)
        try:
            answer = self._ray.get(call)
        except self._ray.exceptions.RayActorError as error:
            self._actors.pop(worker)
            if not self._any_began and (cause := _first_cause(error)):
                raise StoreError(f"no worker of the Ray cluster can begin: {cause}") from error
            return Said(worker, died=True)
        self._any_began = True
        index, result, raised = pickle.loads(answer) if isinstance(answer, bytes) else answer  # noqa: S301
        return Said(worker, index, result, raised)

    def dismiss(self) -> None:
        for actor in self._actors.values():
            self._ray.kill(actor)
        self._actors.clear()
        self._open.clear()


def _first_cause(error: BaseException) -> str:
    """The last line of what Ray says, which names what arose on the worker."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else ""
