"""``LightningRLPositionSizer``: a size policy trained by reinforcement learning, with Kelly where there is none."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

import numpy as np

from lightning_gex.adapters.storage.workspace_files import write_atomically
from lightning_gex.analytics.kelly import kelly_fraction
from lightning_gex.analytics.observation import (
    OBSERVATION_HIGH,
    OBSERVATION_LOW,
    OBSERVATION_NAMES,
    Observation,
    observation,
)
from lightning_gex.app.assembly.policies import read_policy
from lightning_gex.app.assembly.training_data import episodes_of_bars, simulated_episodes
from lightning_gex.app.founding.inputs import file_path, number, positive, probability, usd_price, whole
from lightning_gex.core.bars import Bars
from lightning_gex.core.errors import InputError, RefusedError, SettingsError, shown
from lightning_gex.core.ports import SizingPolicy
from lightning_gex.core.units import Float64Array1D
from lightning_gex.sizing.episodes import Episodes
from lightning_gex.sizing.kelly_size import KellyConfig, quantity_for
from lightning_gex.sizing.ladder import LADDER, rung_at_or_below
from lightning_gex.sizing.policy import Algorithm, OnnxPolicy
from lightning_gex.sizing.training import (
    LEARNING_RATE,
    ProgressReport,
    TrainedPolicy,
    TrainingKnobs,
    device_named,
    train_policy,
)


class LightningRLPositionSizer:
    """Chooses one of five sizes (0, 2, 5, 10, 15 % of equity) from seven observations.

    Parameters
    ----------
    algorithm : ``PPO``, ``A2C`` or ``DQN``.
    initial_capital : USD, for turning a size into shares.
    model_path : a model that ``save_model`` wrote, to decide with; None starts untrained.
    seed : of training; the same seed gives the same model.
    learning_rate : of the optimiser, for trainings that name none.
    """

    def __init__(
        self,
        algorithm: str = "PPO",
        initial_capital: float = 100_000,
        model_path: str | Path | None = None,
        seed: int = 0,
        learning_rate: float = LEARNING_RATE,
    ) -> None:
        try:
            self.algorithm = Algorithm(algorithm.upper())
        except (ValueError, AttributeError):
            known = ", ".join(a.value for a in Algorithm)
            raise SettingsError(f"no algorithm is called {shown(algorithm)}: there are {known}") from None
        self.initial_capital = positive(initial_capital, "initial_capital")
        self.seed = whole(seed, "seed", least=0)
        self.learning_rate = number(learning_rate, "learning_rate")
        TrainingKnobs(learning_rate=self.learning_rate)  # refuses what no training could use
        self._policy: SizingPolicy | None = None
        self._trained: TrainedPolicy | None = None
        if model_path is not None:
            self.load_model(model_path)

    def __repr__(self) -> str:
        return f"LightningRLPositionSizer({self.algorithm.value}, {'trained' if self.is_trained else 'untrained'})"

    @property
    def is_trained(self) -> bool:
        """Whether there is a policy to decide with."""
        return self._policy is not None

    @property
    def policy(self) -> SizingPolicy | None:
        """The policy, or None before training or loading."""
        return self._policy

    def train(
        self,
        total_timesteps: int = 100_000,
        data: Bars | Any = None,  # noqa: ANN401 - pandas and polars frames are accepted without importing either
        learning_rate: float | None = None,
        progress: ProgressReport | None = None,
        **knobs: Any,  # noqa: ANN401 - the fields of TrainingKnobs, which checks them
    ) -> dict[str, Any]:
        """Train the policy. What was trained or loaded before stays in place until this one is finished.

        Parameters
        ----------
        total_timesteps : candidate trades to learn from, repeats counted.
        data : daily bars to take candidate trades from: ``Bars``, or a pandas or polars frame with the columns
            ``date, open, high, low, close, volume``; None simulates markets.
        learning_rate : of the optimiser; None takes the sizer's own.
        progress : called with steps done, reward and equity (``TrainingProgress``) after every batch of steps.
        knobs : further fields of ``TrainingKnobs``: ``environments, rollout_steps, batch_size, discount,
            entropy_coefficient, hidden, drawdown_penalty, device`` (``cpu``, ``cuda`` or ``auto``).

        Returns
        -------
        What was trained on and how it went, as it is stored with the model.

        Raises
        ------
        MissingExtraError : Stable-Baselines3 is not installed; deciding never needs it.
        InputError : an argument or data that cannot be used.
        """
        steps = whole(total_timesteps, "total_timesteps", least=1)
        settings = _knobs(
            self.learning_rate if learning_rate is None else number(learning_rate, "learning_rate"), knobs
        )
        episodes = simulated_episodes(self.seed) if data is None else _episodes_of(data)
        self._trained = train_policy(
            episodes,
            algorithm=self.algorithm,
            total_timesteps=steps,
            seed=self.seed,
            knobs=settings,
            progress=progress,
        )
        self._policy = self._trained.policy()
        return {
            "algorithm": self.algorithm.value,
            "total_timesteps": steps,
            "seed": self.seed,
            "data": episodes.source,
            "candidates": len(episodes),
            **self._trained.metadata.training,
        }

    def save_model(self, path: str | Path) -> None:
        """Write the trained model, whole or not at all. Raises ``RefusedError`` where nothing was trained."""
        if self._trained is None:
            raise RefusedError("there is nothing to save: train the model first")
        write_atomically(file_path(path), self._trained.to_bytes())

    def load_model(self, path: str | Path) -> None:
        """Decide with a saved model from now on. Needs neither torch nor Stable-Baselines3.

        Raises
        ------
        InputError : no such file, no model, or one of another algorithm.
        """
        policy = read_policy(file_path(path))
        if isinstance(policy, OnnxPolicy) and policy.metadata.algorithm is not self.algorithm:
            found = policy.metadata.algorithm.value
            problem = f"was trained with {found}: create the sizer with algorithm='{found}'"
            raise InputError(problem, source=str(path), field="algorithm")
        self._policy, self._trained = policy, None

    def predict_size(self, observation: Mapping[str, float] | Sequence[float] | Any) -> float:  # noqa: ANN401 - arrays too
        """The policy's answer alone: one of 0, 0.02, 0.05, 0.10 and 0.15.

        Parameters
        ----------
        observation : the figures by name, as ``get_position_size`` takes them; or the seven numbers of
            ``analytics.observation``, scaled as the training environment gives them.

        Raises
        ------
        RefusedError : no policy was trained or loaded, or too little is known to ask it; ``get_position_size`` then
            sizes by Kelly and says so.
        InputError : a figure is missing its number or out of range.
        """
        if self._policy is None:
            raise RefusedError("there is no policy to ask: train or load one; get_position_size falls back to Kelly")
        if not hasattr(observation, "items"):
            return self._policy.size_pct(_vector(observation))
        seen = _seen(cast("Mapping[str, Any]", observation))
        if not seen.enough:
            raise RefusedError(f"too little is known to ask the policy: {', '.join(seen.absent)} absent")
        return self._policy.size_pct(seen.values)

    def get_position_size(
        self,
        observations: Mapping[str, float],
        price: float | None = None,
        win_rate: float | None = None,
        payoff_ratio: float | None = None,
        stop_return: float | None = None,
    ) -> dict[str, Any]:
        """A size for the present situation.

        Parameters
        ----------
        observations : ``gex_signal, charm_pressure, vanna_sensitivity, drawdown, win_rate, volatility,
            portfolio_heat``; what is missing is absent.
        price : USD a share, to turn the size into shares.
        win_rate, payoff_ratio, stop_return : what Kelly needs, for when no policy can decide.

        Returns
        -------
        ``size_pct``, ``method`` (``policy``, ``kelly`` or ``cold_start``), ``reason``, ``fallback`` and ``quantity``.
        """
        seen = _seen(observations)
        answer: dict[str, Any]
        if self._policy is not None and seen.enough:
            size = self._policy.size_pct(seen.values.astype(np.float64))
            fallback = f"absent, read as 0: {', '.join(seen.absent)}" if seen.absent else None
            answer = {"size_pct": size, "method": "policy", "reason": "the trained policy", "fallback": fallback}
        else:
            answer = self._without_policy(win_rate, payoff_ratio, stop_return)
            missing = "no trained policy" if self._policy is None else f"too little known: {', '.join(seen.absent)}"
            answer["fallback"] = f"{missing}: Kelly sizes"
        usd = None if price is None else usd_price(price, "price")
        quantity = None if usd is None else quantity_for(answer["size_pct"], self.initial_capital, usd)
        return {**answer, "quantity": quantity}

    def _without_policy(
        self, win_rate: float | None, payoff_ratio: float | None, stop_return: float | None
    ) -> dict[str, Any]:
        config = KellyConfig()
        if win_rate is None or payoff_ratio is None or stop_return is None:
            reason = "no record of outcomes: the lowest rung"
            return {"size_pct": config.cold_start_size_pct, "method": "cold_start", "reason": reason}
        full = kelly_fraction(probability(win_rate, "win_rate"), positive(payoff_ratio, "payoff_ratio"))
        stop = positive(stop_return, "stop_return")
        at_risk = max(0.0, config.fraction * full)
        size = rung_at_or_below(min(at_risk / stop, LADDER[-1]))
        reason = f"{config.fraction:.0%} of Kelly's {full:.1%} at risk, stop {stop:.2%} away"
        return {"size_pct": size, "method": "kelly", "reason": reason}


def _knobs(learning_rate: float, more: Mapping[str, Any]) -> TrainingKnobs:
    if "device" in more:
        more = {**more, "device": device_named(more["device"])}
    try:
        return TrainingKnobs(**{**more, "learning_rate": learning_rate})
    except TypeError:
        known = ", ".join(f.name for f in fields(TrainingKnobs))
        raise InputError(f"known are {known}", source="training", field=", ".join(sorted(more))) from None


def _vector(values: Any) -> Float64Array1D:  # noqa: ANN401 - lists, arrays, tensors
    try:
        vector = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError("must be seven numbers or a dictionary", field="observation") from None
    low, high = OBSERVATION_LOW.astype(np.float64), OBSERVATION_HIGH.astype(np.float64)
    if vector.shape == low.shape and ((vector < low) | (vector > high)).any():
        raise InputError("a scaled observation lies within -1..1", field="observation")
    return vector


def _seen(observations: Mapping[str, Any]) -> Observation:
    return observation(**_observed(observations))


def _observed(observations: Mapping[str, Any]) -> dict[str, float]:
    """The seven figures, NaN where absent; a fresh account's own where those of the account are."""
    if not (hasattr(observations, "items") and hasattr(observations, "get")):
        raise InputError(f"must be a dictionary, not {type(observations).__name__}", source="observations")
    for key in observations.keys():  # noqa: SIM118 - iterating a pandas Series gives its values
        if key not in OBSERVATION_NAMES:
            raise InputError(f"known are {', '.join(OBSERVATION_NAMES)}", source="observations", field=str(key))
    absent = dict.fromkeys(OBSERVATION_NAMES, math.nan) | {"drawdown": 0.0, "portfolio_heat": 0.0}
    given = {k: number(v, k, source="observations") for k, v in observations.items() if v is not None}
    return absent | given


def _episodes_of(data: Bars | Any) -> Episodes:  # noqa: ANN401 - pandas and polars frames, without importing either
    if not isinstance(data, Bars) and not hasattr(data, "columns"):
        raise InputError(f"must be daily bars in a pandas or polars frame, not {type(data).__name__}", field="data")
    return episodes_of_bars(data)
