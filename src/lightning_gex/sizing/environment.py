"""Position sizing as a Gymnasium environment: one candidate trade a step, a rung of the ladder as the action.

The account is the engine's own ledger, and quantities, fills and costs follow the engine's own rules, so training and
trading cannot drift apart. The reward is the change of log equity after costs, booked when the trade is decided: the
rewards of an episode add up to the logarithm of final over initial equity, to the cent, so that no reward is ever
earned while money is lost. What the policy *sees* is only what was known: outcomes enter the account when they happen.

This is the readable reference; ``sizing.batched`` steps many of these at once and answers the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import numpy as np

from lightning_gex.analytics.fills import trade_costs_usd
from lightning_gex.analytics.observation import OBSERVATION_HIGH, OBSERVATION_LOW, observation
from lightning_gex.analytics.vector_math import log_ratio_lane
from lightning_gex.core.enums import Action
from lightning_gex.core.errors import InputError, MissingExtraError, RefusedError
from lightning_gex.core.ledger import CENT, Ledger, money, price
from lightning_gex.core.orders import Fill
from lightning_gex.core.units import Float32Array1D
from lightning_gex.sizing.episodes import Episodes
from lightning_gex.sizing.kelly_size import quantity_for
from lightning_gex.sizing.ladder import LADDER, rung_at_or_below

try:
    import gymnasium
except ImportError as missing:
    raise MissingExtraError("Gymnasium", "rl") from missing

#: The founding document's guardrail: all positions together, as a fraction of equity.
MAX_EXPOSURE_PCT: Final = 0.80
INITIAL_CAPITAL_USD: Final = 100_000.0
#: About a year of candidates: long enough for drawdowns to build, short enough that an update sees several episodes.
MAX_CANDIDATES: Final = 250

_THE_END = int(np.iinfo(np.int64).max)
_UNDATED = datetime(1970, 1, 1, tzinfo=UTC)  # the ledger asks for a moment; candidates are numbered, not dated


@dataclass(frozen=True, slots=True)
class EnvironmentTerms:
    """What an episode is played for; the plain and the batched environment take the same.

    Parameters
    ----------
    initial_capital : USD, positive.
    max_candidates : at most so many rows an episode; longer ones are entered at a random row.
    reward_scale : multiplies the reward, for learners that want numbers near one.
    drawdown_penalty : what each new depth of the episode's deepest fall costs, in units of log equity: the rewards then
        add up to ln(final / initial equity) less the penalty times ln(highest / lowest equity after it). 0 is none.
    """

    initial_capital: float = INITIAL_CAPITAL_USD
    max_candidates: int = MAX_CANDIDATES
    reward_scale: float = 1.0
    drawdown_penalty: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.initial_capital < math.inf:
            raise InputError(f"{self.initial_capital} is not a positive amount", field="initial_capital")
        if self.max_candidates < 1:
            raise InputError(f"{self.max_candidates} is not at least 1", field="max_candidates")
        if not 0 < self.reward_scale < math.inf:
            raise InputError(f"{self.reward_scale} is not a positive number", field="reward_scale")
        if not 0 <= self.drawdown_penalty < math.inf:
            raise InputError(f"{self.drawdown_penalty} is not a number, 0 or more", field="drawdown_penalty")


@dataclass(frozen=True, slots=True)
class _Held:
    """A trade taken: ordered, then open, then settled. ``pnl`` (USD after costs) is not known before that."""

    ticker: str
    row: int
    quantity: int
    pnl: Decimal


class PositionSizingEnv(gymnasium.Env[Float32Array1D, np.int64]):
    """Decides how much of equity each candidate trade gets.

    Observation: ``Box(7)``, see ``analytics.observation``. Action: ``Discrete(5)``, the rungs of ``sizing.ladder``. A
    rung that would lift all positions above 80 % of equity is lowered to one that does not. Quantities are whole
    shares. A candidate in a ticker that is ordered or held already is passed over, as the engine passes it over. An
    episode ends (``truncated``) after its last candidate and (``terminated``) when the money is gone.

    Parameters
    ----------
    episodes : candidate trades.
    terms : capital, length, scale and penalty.

    Notes
    -----
    ``reset(options={"episode": k, "start": row})`` chooses the episode and the candidate within it to begin at.
    ``info`` holds ``equity`` (USD, as known), ``size_pct`` (the rung taken after the exposure limit), ``quantity`` and
    ``row`` (of the candidate that is observed).
    """

    metadata = {"render_modes": []}  # noqa: RUF012 - Gymnasium declares it as an instance attribute

    def __init__(self, episodes: Episodes, terms: EnvironmentTerms | None = None) -> None:
        self.observation_space = gymnasium.spaces.Box(OBSERVATION_LOW, OBSERVATION_HIGH, dtype=np.float32)
        self.action_space = gymnasium.spaces.Discrete(len(LADDER))
        self.episodes = episodes
        self.terms = terms or EnvironmentTerms()
        self._initial = money(self.terms.initial_capital)
        self._row = 0
        self._end = 0  # no episode yet: step refuses
        self._start_account()

    def _start_account(self) -> None:
        self._account = Ledger(self._initial)  # as known: trades enter and leave it when they happen
        self._booked = Ledger(self._initial)  # every trade taken, settled: what the reward is measured on
        self._booked_peak = self._initial
        self._deepest = 0.0  # ln(highest / lowest after it) of the booked equity
        self._ordered: list[_Held] = []  # decided, to be filled in the next session
        self._open: list[_Held] = []
        self._prices: dict[str, float] = {}
        self._equity = self._peak = float(self._initial)
        self._closed = 0
        self._won = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Float32Array1D, dict[str, Any]]:
        """A fresh account before the first candidate of an episode; see the class for ``options``."""
        super().reset(seed=seed)
        chosen = options or {}
        starts = self.episodes.first_row
        k = chosen.get("episode")
        k = int(self.np_random.random() * self.episodes.count) if k is None else int(k)
        if not 0 <= k < self.episodes.count:
            raise InputError(f"there is no episode {k} among {self.episodes.count}", field="episode")
        length = int(starts[k + 1] - starts[k])
        spare = max(length - self.terms.max_candidates, 0)
        offset = chosen.get("start")
        offset = int(self.np_random.random() * (spare + 1)) if offset is None else int(offset)
        if not 0 <= offset < length:
            raise InputError(f"episode {k} has no candidate {offset} among {length}", field="start")
        self._row = int(starts[k]) + offset
        self._end = min(self._row + self.terms.max_candidates, int(starts[k + 1]))
        self._start_account()
        self._arrive()
        return self._observe(self._row), self._info(0.0, 0)

    def step(self, action: np.int64) -> tuple[Float32Array1D, float, bool, bool, dict[str, Any]]:
        """Take the candidate at a rung, book it, and move to the next.

        Raises ``RefusedError`` before ``reset`` and after the end of an episode.
        """
        if self._row >= self._end:
            raise RefusedError("the episode is over: call reset")
        if not self.action_space.contains(action):
            raise InputError(f"action {action} is not a rung of the ladder, 0..{len(LADDER) - 1}", field="action")
        size_pct, quantity = self._sized(self._row, LADDER[int(action)])
        before = self._booked.cash
        if quantity:
            self._order(self._row, quantity)
        reward = self._reward(before)
        self._row += 1
        terminated = self._booked.cash <= CENT
        if terminated:
            self._row = self._end
        while self._row < self._end and not self._arrive():
            self._row += 1
        truncated = self._row >= self._end
        if truncated:
            self._advance(_THE_END)
        seen = self._observe(min(self._row, self._end - 1))
        return seen, reward, terminated, truncated, self._info(size_pct, quantity)

    def equity(self) -> float:
        """USD as known now: cash and open trades at the latest price of their ticker."""
        return self._equity

    def booked_equity(self) -> Decimal:
        """USD the account ends with once every trade taken so far is settled."""
        return self._booked.cash

    def _ticker(self, row: int) -> str:
        return str(self.episodes.ticker[row])

    def _reward(self, before: Decimal) -> float:
        after = max(self._booked.cash, CENT)
        self._booked_peak = max(self._booked_peak, after)
        depth = log_ratio_lane(float(self._booked_peak / CENT), float(after / CENT))
        deeper, self._deepest = max(depth - self._deepest, 0.0), max(depth, self._deepest)
        growth = log_ratio_lane(float(after / CENT), float(before / CENT))
        return self.terms.reward_scale * (growth - self.terms.drawdown_penalty * deeper)

    def _sized(self, row: int, rung: float) -> tuple[float, int]:
        """The rung the exposure limit leaves of ``rung``, and the whole shares it buys at the decision's price."""
        if rung <= 0.0 or self._equity <= 0.0:
            return 0.0, 0
        exposure = sum((self._value_usd(held) for held in (*self._ordered, *self._open)), Decimal(0))
        size_pct = rung_at_or_below(min(rung, MAX_EXPOSURE_PCT - float(exposure) / self._equity))
        return size_pct, quantity_for(size_pct, self._equity, float(self.episodes.price[row]))

    def _value_usd(self, held: _Held) -> Decimal:
        return money(Decimal(str(self._prices[held.ticker])) * held.quantity)

    def _order(self, row: int, quantity: int) -> None:
        before = self._booked.cash
        if self._fills(row):
            for entering in (True, False):
                self._booked = self._booked.applied(self._fill(row, quantity, entering=entering))
        self._ordered.append(_Held(self._ticker(row), row, quantity, self._booked.cash - before))

    def _fills(self, row: int) -> bool:
        return not math.isnan(self.episodes.entry_price[row])

    def _fill(self, row: int, quantity: int, *, entering: bool) -> Fill:
        episodes, ticker = self.episodes, self._ticker(row)
        done = price(float((episodes.entry_price if entering else episodes.exit_price)[row]))
        buys = (episodes.direction[row] > 0) == entering
        fees = money(trade_costs_usd(float(done) * quantity, float(episodes.cost_bp_per_side[row])))
        return Fill(ticker, ticker, Action.BUY if buys else Action.SELL, quantity, done, fees, _UNDATED)

    def _arrive(self) -> bool:
        """Let everything happen up to the present row's decision; whether its ticker is free to be entered."""
        self._prices[self._ticker(self._row)] = float(self.episodes.price[self._row])
        self._advance(int(self.episodes.decided_at[self._row]))
        return all(held.ticker != self._ticker(self._row) for held in (*self._ordered, *self._open))

    def _advance(self, session: int) -> None:
        """Bring the account to the close of ``session``: fill what was ordered before it, settle what ended by it."""
        for held in [h for h in self._ordered if self.episodes.decided_at[h.row] < session]:
            self._ordered.remove(held)
            self._open.append(held)
            if self._fills(held.row):
                self._account = self._account.applied(self._fill(held.row, held.quantity, entering=True))
        for held in [h for h in self._open if self.episodes.exit_at[h.row] <= session]:
            self._open.remove(held)
            if not self._fills(held.row):
                continue
            self._account = self._account.applied(self._fill(held.row, held.quantity, entering=False))
            self._closed += 1
            self._won += held.pnl > 0

    def _observe(self, row: int) -> Float32Array1D:
        """What is known at the decision about a candidate, once everything up to it has happened."""
        episodes = self.episodes
        self._equity = float(self._account.equity(self._prices))
        self._peak = max(self._peak, self._equity)
        known = max(self._equity, float(CENT))
        return observation(
            gex_signal=float(episodes.gex_signal[row]),
            charm_pressure=float(episodes.charm_pressure[row]),
            vanna_sensitivity=float(episodes.vanna_sensitivity[row]),
            drawdown=1.0 - known / self._peak,
            win_rate=self._won / self._closed if self._closed else math.nan,
            volatility=float(episodes.volatility[row]),
            portfolio_heat=self._open_risk_usd() / known,
        ).values

    def _open_risk_usd(self) -> float:
        episodes, total = self.episodes, 0.0
        for held in sorted((*self._ordered, *self._open), key=lambda h: h.row):
            total += float(episodes.risk_pct[held.row] * episodes.price[held.row]) * held.quantity
        return total

    def _info(self, size_pct: float, quantity: int) -> dict[str, Any]:
        return {"equity": self._equity, "size_pct": size_pct, "quantity": quantity, "row": self._row}
