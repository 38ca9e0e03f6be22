"""Position sizing as a Gymnasium environment: one candidate trade a step, a rung of the ladder as the action.

The account is the engine's own ledger and the costs are the engine's own rule, so training and trading cannot drift
apart. The reward is the change of log equity after costs, booked when the trade is decided: the rewards of an episode
add up to the logarithm of final over initial equity, to the cent, so that no reward is ever earned while money is lost.
What the policy *sees* is only what was known: outcomes enter the account when they happen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np

from lightning_gex.analytics.fills import trade_costs_usd
from lightning_gex.analytics.observation import OBSERVATION_HIGH, OBSERVATION_LOW, observation
from lightning_gex.core.enums import Action
from lightning_gex.core.errors import InputError, MissingExtraError, RefusedError
from lightning_gex.core.ledger import CENT, Ledger, money, price
from lightning_gex.core.orders import Fill
from lightning_gex.core.units import Float32Array1D
from lightning_gex.sizing.episodes import Episodes
from lightning_gex.sizing.ladder import LADDER, rung_at_or_below

try:
    import gymnasium
except ImportError as missing:
    raise MissingExtraError("Gymnasium", "rl") from missing

#: The founding document's guardrail: all positions together, as a fraction of equity.
MAX_EXPOSURE_PCT = 0.80
INITIAL_CAPITAL_USD = 100_000.0
#: About a year of candidates: long enough for drawdowns to build, short enough that an update sees several episodes.
MAX_CANDIDATES = 250

_THE_END = int(np.iinfo(np.int64).max)
_UNDATED = datetime(1970, 1, 1, tzinfo=UTC)  # the ledger asks for a moment; candidates are numbered, not dated


@dataclass(frozen=True, slots=True)
class _Held:
    """A trade taken: ordered, then open, then settled. ``pnl`` (USD after costs) is not known before that."""

    key: str
    row: int
    quantity: int
    pnl: Decimal


class PositionSizingEnv(gymnasium.Env[Float32Array1D, np.int64]):
    """Decides how much of equity each candidate trade gets.

    Observation: ``Box(7)``, see ``analytics.observation``. Action: ``Discrete(5)``, the rungs of ``sizing.ladder``. A
    rung that would lift all positions above 80 % of equity is lowered to one that does not. Quantities are whole
    shares. An episode ends (``truncated``) after its last candidate and (``terminated``) when the money is gone.

    Parameters
    ----------
    episodes : candidate trades.
    initial_capital : USD, positive.
    max_candidates : at most so many steps an episode; longer ones are entered at a random row.
    reward_scale : multiplies the reward, for learners that want numbers near one.

    Notes
    -----
    ``reset(options={"episode": k, "start": row})`` chooses the episode and the candidate within it to begin at.
    ``info`` holds ``equity`` (USD, as known), ``size_pct`` (the rung taken after the exposure limit) and ``quantity``.
    """

    metadata = {"render_modes": []}  # noqa: RUF012 - Gymnasium declares it as an instance attribute

    def __init__(
        self,
        episodes: Episodes,
        *,
        initial_capital: float = INITIAL_CAPITAL_USD,
        max_candidates: int = MAX_CANDIDATES,
        reward_scale: float = 1.0,
    ) -> None:
        if not 0 < initial_capital < math.inf:
            raise InputError(f"{initial_capital} is not a positive amount", field="initial_capital")
        if max_candidates < 1:
            raise InputError(f"{max_candidates} is not at least 1", field="max_candidates")
        self.observation_space = gymnasium.spaces.Box(OBSERVATION_LOW, OBSERVATION_HIGH, dtype=np.float32)
        self.action_space = gymnasium.spaces.Discrete(len(LADDER))
        self.episodes = episodes
        self._initial = money(initial_capital)
        self._max_candidates = max_candidates
        self._reward_scale = reward_scale
        self._row = 0
        self._end = 0  # no episode yet: step refuses
        self._start_account()

    def _start_account(self) -> None:
        self._account = Ledger(self._initial)  # as known: trades enter and leave it when they happen
        self._booked = Ledger(self._initial)  # every trade taken, settled: what the reward is measured on
        self._ordered: list[_Held] = []  # decided, to be filled in the next session
        self._open: list[_Held] = []
        self._prices: dict[int, float] = {}
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
        k = int(self.np_random.integers(self.episodes.count)) if k is None else int(k)
        if not 0 <= k < self.episodes.count:
            raise InputError(f"there is no episode {k} among {self.episodes.count}", field="episode")
        length = int(starts[k + 1] - starts[k])
        spare = max(length - self._max_candidates, 0)
        offset = chosen.get("start")
        offset = int(self.np_random.integers(spare + 1)) if offset is None else int(offset)
        if not 0 <= offset < length:
            raise InputError(f"episode {k} has no candidate {offset} among {length}", field="start")
        self._row = int(starts[k]) + offset
        self._end = min(self._row + self._max_candidates, int(starts[k + 1]))
        self._start_account()
        return self._observe(), self._info(0.0, 0)

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
        reward = self._reward_scale * math.log(max(self._booked.cash, CENT) / before)
        self._row += 1
        terminated = self._booked.cash <= CENT
        truncated = self._row >= self._end
        if terminated or truncated:
            self._row = self._end
            self._advance(_THE_END)
        seen = self._observe(at_row=min(self._row, self._end - 1))
        return seen, reward, terminated, truncated, self._info(size_pct, quantity)

    def equity(self) -> float:
        """USD as known now: cash and open trades at the latest price of their ticker."""
        return self._equity

    def booked_equity(self) -> Decimal:
        """USD the account ends with once every trade taken so far is settled."""
        return self._booked.cash

    def _sized(self, row: int, rung: float) -> tuple[float, int]:
        """The rung the exposure limit leaves of ``rung``, and the whole shares it buys at the decision's price."""
        if rung <= 0.0 or self._equity <= 0.0:
            return 0.0, 0
        held = (*self._ordered, *self._open)
        exposure = sum(h.quantity * self._prices[int(self.episodes.ticker[h.row])] for h in held)
        size_pct = rung_at_or_below(min(rung, MAX_EXPOSURE_PCT - exposure / self._equity))
        return size_pct, int(size_pct * self._equity / float(self.episodes.price[row]))

    def _order(self, row: int, quantity: int) -> None:
        before = self._booked.cash
        key = f"candidate {row}"
        for entering in (True, False):
            self._booked = self._booked.applied(self._fill(key, row, quantity, entering=entering))
        self._ordered.append(_Held(key, row, quantity, self._booked.cash - before))

    def _fill(self, key: str, row: int, quantity: int, *, entering: bool) -> Fill:
        episodes = self.episodes
        done = price(float((episodes.entry_price if entering else episodes.exit_price)[row]))
        buys = (episodes.direction[row] > 0) == entering
        fees = money(trade_costs_usd(float(done) * quantity, episodes.cost_bp_per_side))
        return Fill(key, key, Action.BUY if buys else Action.SELL, quantity, done, fees, _UNDATED)

    def _advance(self, session: int) -> None:
        """Bring the account to the close of ``session``: fill what was ordered before it, settle what ended by it."""
        for held in [h for h in self._ordered if self.episodes.decided_at[h.row] < session]:
            self._ordered.remove(held)
            self._open.append(held)
            self._account = self._account.applied(self._fill(held.key, held.row, held.quantity, entering=True))
        for held in [h for h in self._open if self.episodes.exit_at[h.row] <= session]:
            self._open.remove(held)
            self._account = self._account.applied(self._fill(held.key, held.row, held.quantity, entering=False))
            self._closed += 1
            self._won += held.pnl > 0

    def _observe(self, at_row: int | None = None) -> Float32Array1D:
        """What is known at the decision about a candidate (the next one, unless said)."""
        row = self._row if at_row is None else at_row
        episodes = self.episodes
        self._prices[int(episodes.ticker[row])] = float(episodes.price[row])
        self._advance(int(episodes.decided_at[row]))
        marks = {held.key: self._prices[int(episodes.ticker[held.row])] for held in self._open}
        self._equity = float(self._account.equity(marks))
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
        episodes = self.episodes
        held = (*self._ordered, *self._open)
        return sum(float(episodes.risk_pct[h.row] * episodes.price[h.row]) * h.quantity for h in held)

    def _info(self, size_pct: float, quantity: int) -> dict[str, Any]:
        return {"equity": self._equity, "size_pct": size_pct, "quantity": quantity}
