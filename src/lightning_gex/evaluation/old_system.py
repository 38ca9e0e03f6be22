"""The trades of an old system as a run like any other: same bars, sessions, costs and capital, so that it compares."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from lightning_gex.core.bars import Bars
from lightning_gex.core.decision import Decision
from lightning_gex.core.enums import Action, DecisionStatus, Direction, ExitReason, FillPrice, RunMode
from lightning_gex.core.errors import InputError
from lightning_gex.core.ledger import money, price
from lightning_gex.core.old_trades import OldTrades
from lightning_gex.core.orders import ClosedTrade
from lightning_gex.core.sessions import close_of, session_open_utc, to_aware
from lightning_gex.core.units import BASIS_POINT, DateArray1D, Float64Array1D, Int64Array1D
from lightning_gex.engine.result import RunResult

_NOTHING = math.nan
_DAYS_PER_YEAR = 365  # of interest, as the engine counts it
#: How far outside its bar a price may lie, as a fraction of it: rounding, a fee in the price; farther is another scale.
_OUTSIDE_BAR = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """What both systems are accounted on.

    Parameters
    ----------
    bars : ticker -> its bars.
    sessions : (m,) ``datetime64[D]``, the ones to account for.
    capital : USD at the first of them.
    fill_price : ticker -> which price an order gets where the file has none.
    cost_bp_per_side : ticker -> basis points a side.
    bill_rate : (m,) annualised fraction that cash earns; None where it earns nothing.
    """

    bars: Mapping[str, Bars]
    sessions: DateArray1D
    capital: float
    fill_price: Mapping[str, FillPrice]
    cost_bp_per_side: Mapping[str, float]
    bill_rate: Float64Array1D | None = None

    @classmethod
    def of(cls, run: RunResult) -> Ground:
        """The ground that a run stood on."""
        return cls(run.bars, run.sessions, run.initial_capital, run.fill_price, run.cost_bp_per_side, run.bill_rate)


@dataclass(slots=True)
class _Held:
    """A trade that is open: where it stands in the file, its shares, price and cost of the entry."""

    row: int
    quantity: int
    entry_price: float
    entry_costs: float


def old_system_run(trades: OldTrades, ground: Ground) -> RunResult:
    """An account that made these trades, session by session.

    Prices of the file are taken as they are; where one is empty the trade gets the price that an order of this system
    would have got in that session. Costs are charged on both sides alike. Cash earns the bill rate, borrowed cash costs
    nothing and is noted.

    Parameters
    ----------
    trades : of the old system; those entered outside the ground's sessions, or in a ticker it has no bars of, are left
        out and counted in the notes.
    ground : what the new system was accounted on.

    Returns
    -------
    A run whose decisions are the entries: each is dated to the close of the session before, without confidence, target
    or stop, and with the sessions held as its horizon.

    Raises
    ------
    InputError : a date without a bar of the ticker, a price that its bar does not hold, or no trade left.
    """
    chosen, notes = _within(trades, ground)
    if not len(chosen):
        raise InputError(
            f"no trade of it was entered from {ground.sessions[0]} to {ground.sessions[-1]} in "
            f"{', '.join(ground.bars)}: nothing to compare",
            source=trades.source,
        )
    _refuse_unknown_sessions(trades, chosen, ground)
    book = _Account(trades, ground)
    book.walk(chosen)
    decisions = _decisions(trades, chosen, book)
    return RunResult(
        run_id=f"old system ({trades.source})",
        mode=RunMode.BACKTEST,
        decisions=decisions,
        trades=tuple(book.closed),
        sessions=ground.sessions,
        equity=book.equity,
        exposure=book.exposure,
        initial_capital=ground.capital,
        bars=ground.bars,
        fill_price=ground.fill_price,
        cost_bp_per_side=ground.cost_bp_per_side,
        bill_rate=ground.bill_rate,
        settings={"old_trades": trades.source},
        notes=(*notes, *book.notes()),
    )


def _within(trades: OldTrades, ground: Ground) -> tuple[Int64Array1D, tuple[str, ...]]:
    """Positions of the trades to account for, by entry, and notes on the others."""
    known = np.array([t in ground.bars for t in trades.ticker], dtype=np.bool_)
    inside = (trades.entry >= ground.sessions[0]) & (trades.entry <= ground.sessions[-1])
    notes = []
    if (~known).any():
        names = sorted({trades.ticker[i] for i in np.flatnonzero(~known)})
        notes.append(
            f"{int((~known).sum())} trades of {trades.source} are in tickers that are not compared "
            f"({', '.join(names[:5])}) and are left out"
        )
    if (known & ~inside).any():
        notes.append(
            f"{int((known & ~inside).sum())} trades of {trades.source} were entered outside "
            f"{ground.sessions[0]} to {ground.sessions[-1]} and are left out"
        )
    chosen = np.flatnonzero(known & inside)
    return chosen[np.argsort(trades.entry[chosen], kind="stable")], tuple(notes)


def _refuse_unknown_sessions(trades: OldTrades, chosen: Int64Array1D, ground: Ground) -> None:
    for i in chosen:
        bars = ground.bars[trades.ticker[i]]
        for name, when, usd in (
            ("entry", trades.entry[i], trades.entry_price[i]),
            ("exit", trades.exit[i], trades.exit_price[i]),
        ):
            if np.isnat(when) or when > ground.sessions[-1]:
                continue
            row = int(np.searchsorted(bars.session, when))
            if row >= len(bars) or bars.session[row] != when:
                raise InputError(
                    f"{bars.ticker} has no bar on {when}: give the session in which the trade was made",
                    source=trades.source,
                    row=int(trades.line[i]),
                    field=f"{name}_date",
                )
            low, high = bars.low[row] * (1.0 - _OUTSIDE_BAR), bars.high[row] * (1.0 + _OUTSIDE_BAR)
            if math.isfinite(usd) and not low <= usd <= high:
                raise InputError(
                    f"{usd:g} lies outside the bar of {bars.ticker} on {when}, {bars.low[row]:g} to "
                    f"{bars.high[row]:g}: adjust prices and bars for splits and dividends alike",
                    source=trades.source,
                    row=int(trades.line[i]),
                    field=f"{name}_price",
                )


@dataclass(eq=False)
class _Account:
    """The old system's money over the ground's sessions."""

    trades: OldTrades
    ground: Ground
    closed: list[ClosedTrade] = field(default_factory=list)
    equity: Float64Array1D = field(init=False)
    exposure: Float64Array1D = field(init=False)
    lowest_cash: float = field(init=False)
    quantity: dict[int, int] = field(default_factory=dict)
    skipped: int = 0

    def __post_init__(self) -> None:
        count = len(self.ground.sessions)
        self.equity, self.exposure = np.zeros(count), np.zeros(count)
        self.lowest_cash = self.ground.capital
        self._cash = self.ground.capital
        self._held: list[_Held] = []

    def walk(self, chosen: Int64Array1D) -> None:
        """Every session: interest, exits, entries, the close."""
        sessions, entered = self.ground.sessions, 0
        for k, session in enumerate(sessions):
            self._earn(k)
            for held in [h for h in self._held if self.trades.exit[h.row] == session]:
                self._leave(held, session)
            worth = self.equity[k - 1] if k else self.ground.capital
            while entered < len(chosen) and self.trades.entry[chosen[entered]] == session:
                self._enter(int(chosen[entered]), session, worth)
                entered += 1
            for held in [h for h in self._held if self.trades.exit[h.row] == session]:  # in and out in one session
                self._leave(held, session)
            if k == len(sessions) - 1:
                for held in list(self._held):
                    self._leave(held, session, at_close=True)
            self._mark(k, session)

    def notes(self) -> tuple[str, ...]:
        """What a reader must know of the account."""
        out = []
        if self.lowest_cash < 0:
            out.append(f"the old system borrowed: its cash fell to {self.lowest_cash:,.0f} USD, free of interest")
        if self.skipped:
            out.append(f"{self.skipped} trades of the old system came to less than one share and are left out")
        return tuple(out)

    def _earn(self, k: int) -> None:
        rates = self.ground.bill_rate
        if k == 0 or rates is None or not math.isfinite(rates[k]) or self._cash <= 0:
            return
        days = int((self.ground.sessions[k] - self.ground.sessions[k - 1]).astype(np.int64))
        self._cash += self._cash * float(rates[k]) * days / _DAYS_PER_YEAR

    def _enter(self, row: int, session: np.datetime64, equity: float) -> None:
        trades = self.trades
        usd = trades.entry_price[row]
        paid = float(usd) if math.isfinite(usd) else self._fill(trades.ticker[row], session)
        wanted = int(trades.quantity[row])
        quantity = wanted or int(equity * float(trades.size_pct[row]) / paid)
        if quantity < 1:
            self.skipped += 1
            return
        costs = self._costs(row, paid, quantity)
        self._cash -= int(trades.direction[row]) * quantity * paid + costs
        self.lowest_cash = min(self.lowest_cash, self._cash)
        self.quantity[row] = quantity
        self._held.append(_Held(row, quantity, paid, costs))

    def _leave(self, held: _Held, session: np.datetime64, *, at_close: bool = False) -> None:
        trades, ticker = self.trades, self.trades.ticker[held.row]
        usd = trades.exit_price[held.row]
        if at_close:
            got = self._close(ticker, session)
        else:
            got = float(usd) if math.isfinite(usd) else self._fill(ticker, session)
        way = int(trades.direction[held.row])
        costs = self._costs(held.row, got, held.quantity)
        self._cash += way * held.quantity * got - costs
        self._held.remove(held)
        self.closed.append(self._closed(held, session, got, held.entry_costs + costs, at_close=at_close))

    def _closed(self, held: _Held, session: np.datetime64, got: float, costs: float, *, at_close: bool) -> ClosedTrade:
        trades, row = self.trades, held.row
        way = int(trades.direction[row])
        gain = way * held.quantity * (got - held.entry_price) - costs
        entered, left = session_open_utc(np.array([trades.entry[row], session], dtype="datetime64[D]"))
        return ClosedTrade(
            trade_id=row,
            decision_id=f"old-{row}",
            ticker=trades.ticker[row],
            direction=Direction(way),
            quantity=held.quantity,
            decided_at=close_of(self.decided_after(trades.ticker[row], trades.entry[row])),
            entry_at=to_aware(entered),
            exit_at=close_of(session) if at_close else to_aware(left),
            entry_price=price(held.entry_price),
            exit_price=price(got),
            horizon_sessions=self.sessions_held(row),
            confidence=_NOTHING,
            costs=money(costs),
            pnl=money(gain),
            exit_reason=ExitReason.END_OF_DATA if at_close else ExitReason.MANUAL,
        )

    def sessions_held(self, row: int) -> int:
        """From entry to exit, or to the last session; at least 1."""
        bars = self.ground.bars[self.trades.ticker[row]]
        leave = self.trades.exit[row]
        last = self.ground.sessions[-1] if np.isnat(leave) else min(leave, self.ground.sessions[-1])
        return max(1, int(np.searchsorted(bars.session, last) - np.searchsorted(bars.session, self.trades.entry[row])))

    def decided_after(self, ticker: str, session: np.datetime64) -> np.datetime64:
        """The session that an entry was decided after; the entry's own where the ticker has no earlier bar."""
        bars = self.ground.bars[ticker]
        before: np.datetime64 = bars.session[max(0, int(np.searchsorted(bars.session, session)) - 1)]
        return before

    def _mark(self, k: int, session: np.datetime64) -> None:
        worth = [
            int(self.trades.direction[h.row]) * h.quantity * self._close(self.trades.ticker[h.row], session)
            for h in self._held
        ]
        self.equity[k] = self._cash + sum(worth)
        self.exposure[k] = sum(abs(usd) for usd in worth)

    def _fill(self, ticker: str, session: np.datetime64) -> float:
        bars = self.ground.bars[ticker]
        usd = bars.close if self.ground.fill_price[ticker] is FillPrice.CLOSE else bars.open
        return float(usd[np.searchsorted(bars.session, session)])

    def _close(self, ticker: str, session: np.datetime64) -> float:
        """The latest close up to a session: a ticker that does not trade keeps its price."""
        bars = self.ground.bars[ticker]
        return float(bars.close[max(0, int(np.searchsorted(bars.session, session, side="right")) - 1)])

    def _costs(self, row: int, usd: float, quantity: int) -> float:
        return usd * quantity * self.ground.cost_bp_per_side[self.trades.ticker[row]] * BASIS_POINT


def _decisions(trades: OldTrades, chosen: Int64Array1D, book: _Account) -> tuple[Decision, ...]:
    """The entries as decisions, in time order."""
    out = []
    for i in (int(row) for row in chosen if int(row) in book.quantity):
        as_of = close_of(book.decided_after(trades.ticker[i], trades.entry[i]))
        way = Direction(int(trades.direction[i]))
        out.append(
            Decision(
                decision_id=f"old-{i}",
                ticker=trades.ticker[i],
                as_of=as_of,
                status=DecisionStatus.APPROVED,
                action=Action.BUY if way is Direction.BULLISH else Action.SELL,
                direction=way,
                quantity=book.quantity[i],
                entry_price=float(trades.entry_price[i]),
                target_price=_NOTHING,
                stop_loss=_NOTHING,
                confidence=_NOTHING,
                time_horizon_days=book.sessions_held(i),
                size_pct=float(trades.size_pct[i]),
                regime=None,
                reason=f"a trade of the old system, line {int(trades.line[i])} of its file",
                blocked_by=None,
                stages=(),
                votes=(),
            )
        )
    return tuple(sorted(out, key=lambda d: d.as_of))
