"""Many sizing environments stepped by one compiled call, behind the vectorised interface of Stable-Baselines3.

Step for step and to the cent what ``DummyVecEnv`` over as many ``PositionSizingEnv`` answers, from the same seeds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from lightning_gex.analytics.observation import OBSERVATION_HIGH, OBSERVATION_LOW
from lightning_gex.core.errors import InputError, MissingExtraError, RefusedError
from lightning_gex.core.units import (
    BoolArray1D,
    Float32Array1D,
    Float32Array2D,
    Float64Array1D,
    Int64Array1D,
    Int64Array2D,
)
from lightning_gex.sizing.account_kernel import (
    DRAWS,
    Books,
    are_rungs,
    empty_answers,
    empty_books,
    market_of,
    place_accounts,
    reset_accounts,
    rules_of,
    step_accounts,
)
from lightning_gex.sizing.environment import EnvironmentTerms
from lightning_gex.sizing.episodes import Episodes
from lightning_gex.sizing.ladder import LADDER

try:
    import gymnasium
    from gymnasium.utils.seeding import np_random
    from stable_baselines3.common.vec_env import VecEnv
except ImportError as missing:
    raise MissingExtraError("Stable-Baselines3", "rl") from missing

#: More would overflow the integers that keep the books to the cent.
LARGEST_CAPITAL_USD = 100_000_000.0


class StepInfos(Sequence[dict[str, Any]]):
    """What a step says of each environment: a list of dictionaries, made when it is first looked into.

    Parameters
    ----------
    quiet : (count,) empty dictionaries, for environments in which nothing ended; shared by all steps.
    endings, reward_sums, last_seen : as in ``account_kernel.Answers``, of the k episodes that ended; kept, not copied.
    """

    __slots__ = ("_infos", "_quiet", "endings", "last_seen", "reward_sums")

    def __init__(
        self,
        quiet: list[dict[str, Any]],
        endings: Int64Array2D,
        reward_sums: Float64Array1D,
        last_seen: Float32Array2D,
    ) -> None:
        self._quiet, self._infos = quiet, None if len(endings) else quiet
        self.endings, self.reward_sums, self.last_seen = endings, reward_sums, last_seen

    def __len__(self) -> int:
        return len(self._quiet)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._made())

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        return self._made()[index]

    def _made(self) -> list[dict[str, Any]]:
        if self._infos is None:
            self._infos = self._quiet.copy()
            for (e, cents, length, truncated), total, seen in zip(
                self.endings.tolist(), self.reward_sums.tolist(), self.last_seen, strict=True
            ):
                self._infos[e] = {
                    "terminal_observation": seen,
                    "TimeLimit.truncated": truncated == 1,
                    "equity": cents / 100.0,
                    "episode": {"r": total, "l": length},
                }
        return self._infos


class BatchedSizingEnv(VecEnv):
    """``count`` environments as one; an episode that is over begins anew within the step that ended it.

    Parameters
    ----------
    episodes : candidate trades, shared by all.
    count : how many environments, at least 1.
    terms : as for ``PositionSizingEnv``; at most 100 million USD of capital.

    Notes
    -----
    Infos are empty but where an episode ended: there they hold ``terminal_observation``, ``TimeLimit.truncated``,
    ``equity`` (USD, all settled) and ``episode`` (``r``, the sum of rewards, and ``l``, its length). ``equity_usd``,
    ``size_pct`` and ``quantity`` hold what the plain environment's infos say of every step.

    Raises
    ------
    InputError : where an argument is out of range.
    """

    render_mode = None

    def __init__(self, episodes: Episodes, count: int, terms: EnvironmentTerms | None = None) -> None:
        terms = terms or EnvironmentTerms()
        if count < 1:
            raise InputError(f"{count} is not at least 1", field="count")
        if terms.initial_capital > LARGEST_CAPITAL_USD:
            raise InputError(f"{terms.initial_capital:g} is more than {LARGEST_CAPITAL_USD:g}", field="initial_capital")
        super().__init__(
            count,
            gymnasium.spaces.Box(OBSERVATION_LOW, OBSERVATION_HIGH, dtype=np.float32),
            gymnasium.spaces.Discrete(len(LADDER)),
        )
        self.episodes, self.terms = episodes, terms
        self._market, self._rules = market_of(episodes), rules_of(terms)
        self._books, self._out = empty_books(count, self._market), empty_answers(count)
        self._accounts, self._results = self._books.accounts, self._out.results
        self._draws: list[np.random.Generator] = []
        self._actions: Int64Array1D | None = None
        self._steps_ahead = 0  # until more is drawn
        self._begun = False
        self._quiet: list[dict[str, Any]] = [{} for _ in range(count)]
        out = self._out
        self._calm = StepInfos(self._quiet, out.endings[:0], out.reward_sums[:0], out.last_seen[:0])

    def reset(self) -> Float32Array2D:
        """(count, 7) observations of fresh episodes; the seeds of ``seed`` are used up by it."""
        if not self._draws or any(seed is not None for seed in self._seeds):
            self._draws = [np_random(seed)[0] for seed in self._seeds]
            for e in range(self.num_envs):
                self._refill(e, keep=0)
        self._top_up()
        reset_accounts(self._market, self._rules, self._books, self._out.seen)
        self._begun = True
        self._reset_seeds()
        self._reset_options()
        return self._out.seen.copy()

    def place(self, episode: Sequence[int] | Int64Array1D, start: Sequence[int] | Int64Array1D) -> Float32Array2D:
        """Begin chosen episodes at chosen candidates, (count,) each: ``reset(options=...)`` of the plain environment.

        Raises ``InputError`` where there is no such candidate.
        """
        k, offset = np.asarray(episode, dtype=np.int64), np.asarray(start, dtype=np.int64)
        lengths = np.diff(self.episodes.first_row)
        if k.shape != (self.num_envs,) or (k < 0).any() or (k >= len(lengths)).any():
            raise InputError(f"must name one of {len(lengths)} episodes for each environment", field="episode")
        if offset.shape != k.shape or (offset < 0).any() or (offset >= lengths[k]).any():
            raise InputError("must name a candidate of each episode", field="start")
        if not self._begun:
            self.reset()
        place_accounts(self._market, self._rules, self._books, self._out.seen, k, offset)
        return self._out.seen.copy()

    def step_async(self, actions: NDArray[np.int64]) -> None:
        """Take a rung in every environment. Raises ``InputError`` on what is no rung, ``RefusedError`` before reset."""
        if not self._begun:
            raise RefusedError("no episode has begun: call reset")
        chosen = np.ascontiguousarray(actions, dtype=np.int64)
        if chosen.shape != (self.num_envs,) or not are_rungs(chosen):
            raise InputError(f"needs {self.num_envs} rungs of the ladder, 0..{len(LADDER) - 1}", field="action")
        self._actions = chosen

    def step_wait(self) -> tuple[Float32Array2D, Float32Array1D, BoolArray1D, StepInfos]:  # type: ignore[override]
        """Observations (count, 7), rewards, whether an episode ended, and infos."""
        if self._actions is None:
            raise RefusedError("no actions are waiting: call step_async")
        actions, self._actions = self._actions, None
        rewards, ended = np.empty(self.num_envs, dtype=np.float32), np.empty(self.num_envs, dtype=np.bool_)
        count = step_accounts(self._market, self._rules, self._books, self._out, actions, rewards, ended)
        if count < 0:
            raise RefusedError("an account grew beyond 50 billion USD: begin with less capital")
        self._steps_ahead -= 1
        if self._steps_ahead == 0:
            self._top_up()
        out, infos = self._out, self._calm
        if count:
            infos = StepInfos(
                self._quiet, out.endings[:count].copy(), out.reward_sums[:count].copy(), out.last_seen[:count].copy()
            )
        return out.seen.copy(), rewards, ended, infos

    @property
    def rewards(self) -> Float64Array1D:
        """(count,) rewards of the last step as the plain environment gives them; ``step`` hands on float32."""
        return self._results["reward"].copy()

    @property
    def equity_usd(self) -> Float64Array1D:
        """(count,) equity as known now, USD."""
        usd: Float64Array1D = self._accounts["equity"] / 100.0
        return usd

    @property
    def size_pct(self) -> Float64Array1D:
        """(count,) rungs taken in the last step after the exposure limit, fractions of equity."""
        pct: Float64Array1D = self._results["size_percent"] / 100.0
        return pct

    @property
    def quantity(self) -> Int64Array1D:
        """(count,) whole shares ordered in the last step."""
        return self._results["quantity"].copy()

    @property
    def row(self) -> Int64Array1D:
        """(count,) row of the candidate that each environment observes."""
        return self._accounts["row"].copy()

    def close(self) -> None:
        """Nothing is held open."""

    def state(self) -> tuple[Books, Float32Array2D, list[dict[str, Any]]]:
        """Copies of everything a run needs to go on: accounts, observations, random states."""
        books = self._books
        copies = Books(books.accounts.copy(), books.trades.copy(), books.mark_row.copy(), books.draw.copy())
        return copies, self._out.seen.copy(), [draw.bit_generator.state for draw in self._draws]  # type: ignore[misc]

    def go_on_from(self, state: tuple[Books, Float32Array2D, list[dict[str, Any]]]) -> None:
        """Go on from what ``state`` gave, in an environment over the same episodes and of the same size."""
        books, seen, draws = state
        for column, kept in zip(self._books, books, strict=True):
            column[...] = kept
        self._out.seen[...] = seen
        self._draws = [np.random.Generator(np.random.PCG64()) for _ in draws]
        for draw, kept_state in zip(self._draws, draws, strict=True):
            draw.bit_generator.state = kept_state
        self._top_up()
        self._begun = True
        self._reset_seeds()

    def get_attr(self, attr_name: str, indices: int | Iterable[int] | None = None) -> list[Any]:
        """The value of an attribute, once for each environment."""
        return [getattr(self, attr_name)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: int | Iterable[int] | None = None) -> None:  # noqa: ANN401
        """Refused: the environments are one."""
        raise RefusedError(f"{attr_name} cannot be set on a batch: make another")

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:  # noqa: ANN401
        """Refused: the environments have no methods of their own."""
        raise RefusedError(f"{method_name} cannot be called on one environment of a batch")

    def env_is_wrapped(self, wrapper_class: type, indices: int | Iterable[int] | None = None) -> list[bool]:
        """False for each: nothing is wrapped."""
        return [False] * len(list(self._get_indices(indices)))

    def _top_up(self) -> None:
        """Draw so much that no environment can use it up before the next time, were every episode one step long."""
        for e in np.flatnonzero(self._accounts["drawn"] > DRAWS // 2).tolist():
            self._refill(e, keep=DRAWS - int(self._accounts["drawn"][e]))
        self._steps_ahead = DRAWS // 4 - 1

    def _refill(self, e: int, *, keep: int) -> None:
        rest = self._books.draw[e, DRAWS - keep :].copy()
        self._books.draw[e] = np.r_[rest, self._draws[e].random(DRAWS - keep)]
        self._accounts["drawn"][e] = 0
