"""Many sizing accounts stepped at once: ``PositionSizingEnv`` over a struct of arrays, in whole cents.

Every rounding of the ledger (Decimal, half to even) is repeated in integers, so that the two agree to the cent and not
only nearly: money in cents, fills in hundredths of a cent, and the price that values what is held in 1e-18 USD, split
in two integers.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any, Final, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from lightning_gex.analytics.observation import DRAWDOWN_AT_ONE, HEAT_AT_ONE, OBSERVATION_NAMES, observation
from lightning_gex.core.ledger import PRICE_TICK, money, price
from lightning_gex.core.units import (
    BASIS_POINT,
    Float32Array2D,
    Float64Array1D,
    Float64Array2D,
    Int64Array1D,
    Int64Array2D,
)
from lightning_gex.sizing.environment import MAX_EXPOSURE_PCT, EnvironmentTerms
from lightning_gex.sizing.episodes import Episodes
from lightning_gex.sizing.ladder import LADDER

Records = NDArray[np.void]
Record = Any  # one of them: numba knows its fields, a type checker cannot

#: Uniform draws an environment keeps ahead; an episode takes two: which one, and where in it to begin.
DRAWS: Final = 256
#: Above this a value in 1e-9 USD no longer fits an integer.
LARGEST_EQUITY_CENTS: Final = 5_000_000_000_000

_NANO, _TICKS_PER_CENT, _CENTS = 1_000_000_000, 100, 100.0
_NANO_PER_CENT = 10_000_000
_NANO_PER_TICK = 100_000
_RUNG_PERCENT = np.array([round(rung * 100) for rung in LADDER], dtype=np.int64)
_RUNG = np.array(LADDER)
_DRAWDOWN, _WIN_RATE, _HEAT = (OBSERVATION_NAMES.index(n) for n in ("drawdown", "win_rate", "portfolio_heat"))
_THE_END = int(np.iinfo(np.int64).max)

#: One candidate: fills in 1e-4 USD, 0 where the order never fills; the deciding price in USD, in 1e-9 USD, and its rest
#: in 1e-18 USD; ``after``, the row to go on with once it is taken, because those between would find its ticker held.
CANDIDATE: Final = np.dtype(
    [(name, np.int64) for name in ("ticker", "decided_at", "exit_at", "direction", "entry", "exit", "after")]
    + [("mark_nano", np.int64), ("mark_rest", np.int64), ("price", np.float64), ("risk_usd", np.float64)],
    align=True,
)
#: One account: money in cents, but the highest equity seen (USD) and the deepest fall of the booked one (log equity).
ACCOUNT: Final = np.dtype(
    [(name, np.int64) for name in ("row", "end", "cash", "booked", "booked_peak", "equity", "closed", "won")]
    + [("held", np.int64), ("drawn", np.int64), ("length", np.int64)]
    + [(name, np.float64) for name in ("deepest", "peak", "reward_sum")],
    align=True,
)
#: One trade held: what its two fills change in cash, cents, and whether the first has happened.
TRADE: Final = np.dtype([(name, np.int64) for name in ("row", "quantity", "entry", "exit", "open")], align=True)
#: What a step hands back; the ``final`` ones hold where ``done``.
RESULT: Final = np.dtype(
    [(name, np.int64) for name in ("size_percent", "quantity", "final_equity", "final_length")]
    + [("reward", np.float64), ("final_reward", np.float64), ("done", np.bool_), ("truncated", np.bool_)],
    align=True,
)


class Market(NamedTuple):
    """Candidates as the kernel reads them.

    Parameters
    ----------
    rows : (n,) ``CANDIDATE``.
    first_row : (m + 1,) as in ``Episodes``.
    seen : (n, 7) the observation but for the account's own three entries.
    fee : one side's cost as a fraction of its notional.
    """

    rows: Records
    first_row: Int64Array1D
    seen: Float32Array2D
    fee: float


class Rules(NamedTuple):
    """``EnvironmentTerms`` as the kernel reads them."""

    initial_cents: int
    max_candidates: int
    reward_scale: float
    drawdown_penalty: float


class Books(NamedTuple):
    """The state of e environments over t tickers.

    Parameters
    ----------
    accounts : (e,) ``ACCOUNT``.
    trades : (e, t) ``TRADE``, of which the first ``held`` are held, in the order they were decided.
    mark_row : (e, t) the row whose price values a ticker now.
    draw : (e, ``DRAWS``) uniform numbers; ``drawn`` of them are used up.
    """

    accounts: Records
    trades: Records
    mark_row: Int64Array2D
    draw: Float64Array2D


class Answers(NamedTuple):
    """What a step hands back: (e,) ``RESULT``, and (e, 7) what is seen next and, where ``done``, what was seen last."""

    results: Records
    seen: Float32Array2D
    last_seen: Float32Array2D


def market_of(episodes: Episodes) -> Market:
    """The candidates as the kernel reads them; a price below a cent loses what lies beyond 1e-18 USD."""
    rows = np.zeros(len(episodes), dtype=CANDIDATE)
    marks = [_nano(float(p)) for p in episodes.price]
    rows["ticker"] = np.unique(episodes.ticker, return_inverse=True)[1]
    for name in ("decided_at", "exit_at", "direction", "price"):
        rows[name] = getattr(episodes, name)
    rows["entry"], rows["exit"] = _ticks(episodes.entry_price), _ticks(episodes.exit_price)
    rows["mark_nano"], rows["mark_rest"] = zip(*marks, strict=True)
    rows["risk_usd"] = episodes.risk_pct * episodes.price
    _find_after(rows, episodes.first_row)
    return Market(rows, episodes.first_row, _seen(episodes), episodes.cost_bp_per_side * BASIS_POINT)


def rules_of(terms: EnvironmentTerms) -> Rules:
    """The terms as the kernel reads them."""
    cents = int(money(terms.initial_capital) * 100)
    return Rules(cents, terms.max_candidates, terms.reward_scale, terms.drawdown_penalty)


def empty_books(count: int, market: Market) -> Books:
    """``count`` accounts that have not begun."""
    tickers = int(market.rows["ticker"].max()) + 1
    return Books(
        np.zeros(count, dtype=ACCOUNT),
        np.zeros((count, tickers), dtype=TRADE),
        np.zeros((count, tickers), dtype=np.int64),
        np.zeros((count, DRAWS)),
    )


def empty_answers(count: int) -> Answers:
    """Room for what a step hands back."""
    shape = (count, len(OBSERVATION_NAMES))
    return Answers(np.zeros(count, dtype=RESULT), np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=np.float32))


def _seen(episodes: Episodes) -> Float32Array2D:
    return np.array(
        [
            observation(
                gex_signal=float(episodes.gex_signal[i]),
                charm_pressure=float(episodes.charm_pressure[i]),
                vanna_sensitivity=float(episodes.vanna_sensitivity[i]),
                drawdown=0.0,
                win_rate=math.nan,
                volatility=float(episodes.volatility[i]),
                portfolio_heat=0.0,
            ).values
            for i in range(len(episodes))
        ]
    )


def _nano(value: float) -> tuple[int, int]:
    whole = int((Decimal(str(value)) * _NANO * _NANO).to_integral_value())
    return whole // _NANO, whole % _NANO


def _ticks(values: Float64Array1D) -> Int64Array1D:
    return np.array([0 if math.isnan(v) else int(price(float(v)) / PRICE_TICK) for v in values], dtype=np.int64)


@numba.njit(cache=True, error_model="numpy")
def _find_after(rows: Records, first_row: Int64Array1D) -> None:
    for episode in range(len(first_row) - 1):
        end = first_row[episode + 1]
        for i in range(first_row[episode], end):
            k = i + 1
            while k < end and rows[k].ticker == rows[i].ticker and rows[k].decided_at < rows[i].exit_at:
                k += 1
            rows[i].after = k


@numba.njit(cache=True, error_model="numpy")
def _half_even(whole: int, rest: int, unit: int) -> int:
    """``whole`` and the fraction rest / unit of one more, to the nearest, half to even."""
    double = 2 * rest
    if double > unit or (double == unit and whole & 1):
        return whole + 1
    return whole


@numba.njit(cache=True, error_model="numpy")
def _cents_of_float(usd: float) -> int:
    """As ``core.ledger.money`` rounds a float >= 0: what it prints is a tie where it is the tie's own float."""
    whole = int(usd * _CENTS)
    tie = (2 * whole + 1) / 200.0
    if usd > tie or (usd == tie and whole & 1):
        return whole + 1
    return whole


@numba.njit(cache=True, error_model="numpy")
def _fill_cents(ticks: int, quantity: int, fee: float) -> tuple[int, int]:
    """(value, costs) of a fill in cents."""
    amount = ticks * quantity
    whole = amount // _TICKS_PER_CENT
    value = _half_even(whole, amount - whole * _TICKS_PER_CENT, _TICKS_PER_CENT)
    return value, _cents_of_float(ticks / 10_000.0 * quantity * fee)


@numba.njit(cache=True, error_model="numpy")
def _value_cents(nano: int, rest: int, quantity: int) -> int:
    """What shares are worth, cents."""
    low = rest * quantity
    carry = low // _NANO
    total = nano * quantity + carry
    whole = total // _NANO_PER_CENT
    left = total - whole * _NANO_PER_CENT
    double = 2 * left
    beyond = low != carry * _NANO
    if double > _NANO_PER_CENT or (double == _NANO_PER_CENT and (beyond or whole & 1)):
        return whole + 1
    return whole


@numba.njit(cache=True, error_model="numpy")
def _affordable(percent: int, equity: int, price_usd: float, nano: int, rest: int) -> int:
    """Whole shares whose value does not exceed a percentage of equity, as ``kelly_size.quantity_for`` counts them."""
    budget = percent * equity  # 1e-4 USD
    quantity = int(budget * 1e-4 / price_usd)
    limit = budget * _NANO_PER_TICK
    while quantity > 0 and not _fits(nano, rest, quantity, limit):
        quantity -= 1
    while _fits(nano, rest, quantity + 1, limit):
        quantity += 1
    return quantity


@numba.njit(cache=True, error_model="numpy")
def _fits(nano: int, rest: int, quantity: int, limit: int) -> bool:
    low = rest * quantity
    carry = low // _NANO
    total = nano * quantity + carry
    return total < limit or (total == limit and low == carry * _NANO)


# Each part below runs over all environments and takes its arrays one by one: in a function called for one environment
# numba would count the references to every array each time, which is several times the work itself.


@numba.njit(cache=True, error_model="numpy")
def _begin(
    a: Record, row: int, after: int, max_candidates: int, initial_cents: int, mark_row: Int64Array1D, ticker: int
) -> None:
    """A fresh account before a candidate."""
    a.row = row
    a.end = min(row + max_candidates, after)
    a.cash = a.booked = a.booked_peak = a.equity = initial_cents
    a.peak = initial_cents / _CENTS
    a.deepest = a.reward_sum = 0.0
    a.closed = a.won = a.held = a.length = 0
    mark_row[ticker] = row


@numba.njit(cache=True, error_model="numpy")
def _enter(
    rows: Records,
    first_row: Int64Array1D,
    market_seen: Float32Array2D,
    accounts: Records,
    mark_row: Int64Array2D,
    draw: Float64Array2D,
    seen: Float32Array2D,
    initial_cents: int,
    max_candidates: int,
    everywhere: bool,
) -> int:
    """Where an episode is over (or everywhere) begin another, drawn as ``PositionSizingEnv.reset`` draws it."""
    entered = 0
    for e in range(len(accounts)):
        a = accounts[e]
        if not everywhere and a.row < a.end:
            continue
        episode = int(draw[e, a.drawn] * (len(first_row) - 1))
        first, after = first_row[episode], first_row[episode + 1]
        spare = max(after - first - max_candidates, 0)
        row = first + int(draw[e, a.drawn + 1] * (spare + 1))
        a.drawn += 2
        _begin(a, row, after, max_candidates, initial_cents, mark_row[e], rows[row].ticker)
        seen[e] = market_seen[row]
        entered += 1
    return entered


@numba.njit(cache=True, error_model="numpy")
def _take(
    rows: Records,
    accounts: Records,
    trades: Records,
    mark_row: Int64Array2D,
    results: Records,
    actions: Int64Array1D,
    fee: float,
    reward_scale: float,
    drawdown_penalty: float,
) -> None:
    """Size, order and book the candidate that each environment observes."""
    for e in range(len(accounts)):
        a, result, action = accounts[e], results[e], actions[e]
        percent = quantity = 0
        if action > 0 and a.equity > 0:
            exposure = 0
            for h in range(a.held):
                mark = rows[mark_row[e, rows[trades[e, h].row].ticker]]
                exposure += _value_cents(mark.mark_nano, mark.mark_rest, trades[e, h].quantity)
            free = MAX_EXPOSURE_PCT - (exposure / _CENTS) / (a.equity / _CENTS)
            while action > 0 and not _RUNG[action] <= free:
                action -= 1
            c = rows[a.row]
            percent = _RUNG_PERCENT[action]
            if percent > 0:
                quantity = _affordable(percent, a.equity, c.price, c.mark_nano, c.mark_rest)
        result.size_percent, result.quantity, result.reward = percent, quantity, 0.0
        a.length += 1
        if quantity > 0:
            before = a.booked
            _order(rows[a.row], a, trades[e, a.held], quantity, fee)
            result.reward = reward_scale * _reward(a, before, drawdown_penalty)
            a.reward_sum += result.reward


@numba.njit(cache=True, error_model="numpy")
def _order(c: Record, a: Record, trade: Record, quantity: int, fee: float) -> None:
    bought, entry_fee = _fill_cents(c.entry, quantity, fee)
    sold, exit_fee = _fill_cents(c.exit, quantity, fee)
    trade.row, trade.quantity, trade.open = a.row, quantity, 0
    trade.entry = -c.direction * bought - entry_fee
    trade.exit = c.direction * sold - exit_fee
    a.held += 1
    a.booked += trade.entry + trade.exit


@numba.njit(cache=True, error_model="numpy")
def _reward(a: Record, before: int, drawdown_penalty: float) -> float:
    after = max(a.booked, 1)
    growth: float = math.log(after / before)
    if drawdown_penalty == 0.0:
        return growth
    a.booked_peak = max(a.booked_peak, after)
    depth = math.log(a.booked_peak / after)
    deeper = max(depth - a.deepest, 0.0)
    a.deepest = max(depth, a.deepest)
    punished: float = growth - drawdown_penalty * deeper
    return punished


@numba.njit(cache=True, error_model="numpy")
def _move(rows: Records, accounts: Records, trades: Records, mark_row: Int64Array2D, results: Records) -> int:
    """On to the next candidate whose ticker is free, letting fills happen on the way; how many episodes are over."""
    done = 0
    for e in range(len(accounts)):
        a = accounts[e]
        ruined = a.booked <= 1
        left = a.row
        a.row = a.end if ruined else left + 1
        if results[e].quantity > 0 and not ruined:
            a.row = min(rows[left].after, a.end)
            mark_row[e, rows[left].ticker] = a.row - 1
        while True:
            over, session, ticker = a.row >= a.end, _THE_END, -1
            if not over:
                session, ticker = rows[a.row].decided_at, rows[a.row].ticker
                mark_row[e, ticker] = a.row
            kept, free = 0, True
            for h in range(a.held):
                trade = trades[e, h]
                c = rows[trade.row]
                if trade.open == 0 and c.decided_at < session:
                    a.cash += trade.entry
                    trade.open = 1
                if trade.open == 1 and c.exit_at <= session:
                    a.cash += trade.exit
                    a.closed += c.entry > 0
                    a.won += trade.entry + trade.exit > 0
                    continue
                free = free and c.ticker != ticker
                if kept < h:
                    trades[e, kept] = trade
                kept += 1
            a.held = kept
            if over or free:
                break
            a.row += 1
        results[e].done, results[e].truncated = over, over and not ruined
        done += over
    return done


@numba.njit(cache=True, error_model="numpy")
def _look(
    rows: Records,
    market_seen: Float32Array2D,
    accounts: Records,
    trades: Records,
    mark_row: Int64Array2D,
    seen: Float32Array2D,
) -> bool:
    """What is known at each environment's candidate; whether every account still fits its integers."""
    fits = True
    for e in range(len(accounts)):
        a = accounts[e]
        worth, risk = a.cash, 0.0
        for h in range(a.held):
            trade = trades[e, h]
            c = rows[trade.row]
            risk += c.risk_usd * trade.quantity
            if trade.open == 1 and c.entry > 0:
                mark = rows[mark_row[e, c.ticker]]
                worth += c.direction * _value_cents(mark.mark_nano, mark.mark_rest, trade.quantity)
        a.equity = worth
        fits = fits and worth <= LARGEST_EQUITY_CENTS
        equity = worth / _CENTS
        a.peak = max(a.peak, equity)
        known = max(equity, 0.01)
        row = min(a.row, a.end - 1)
        for i in range(market_seen.shape[1]):
            seen[e, i] = market_seen[row, i]
        seen[e, _DRAWDOWN] = min((1.0 - known / a.peak) / DRAWDOWN_AT_ONE, 1.0)
        if a.closed > 0:
            seen[e, _WIN_RATE] = 2.0 * (a.won / a.closed) - 1.0
        seen[e, _HEAT] = min(risk / known / HEAT_AT_ONE, 1.0)
    return fits


@numba.njit(cache=True, error_model="numpy")
def _keep_last(accounts: Records, results: Records, seen: Float32Array2D, last_seen: Float32Array2D) -> None:
    """What ended episodes leave behind, before others begin in their place."""
    for e in range(len(accounts)):
        if results[e].done:
            results[e].final_equity = accounts[e].equity
            results[e].final_reward = accounts[e].reward_sum
            results[e].final_length = accounts[e].length
            last_seen[e] = seen[e]


def reset_accounts(
    market: Market, rules: Rules, books: Books, seen: Float32Array2D, *, everywhere: bool = True
) -> None:
    """Begin a fresh episode in every environment, or in those alone whose episode is over."""
    _enter(
        market.rows,
        market.first_row,
        market.seen,
        books.accounts,
        books.mark_row,
        books.draw,
        seen,
        rules.initial_cents,
        rules.max_candidates,
        everywhere,
    )


def place_accounts(
    market: Market, rules: Rules, books: Books, seen: Float32Array2D, episode: Int64Array1D, offset: Int64Array1D
) -> None:
    """Begin a chosen episode at a chosen candidate, (e,) each."""
    for e, (k, start) in enumerate(zip(episode.tolist(), offset.tolist(), strict=True)):
        row, after = int(market.first_row[k]) + start, int(market.first_row[k + 1])
        ticker = int(market.rows["ticker"][row])
        _begin(books.accounts[e], row, after, rules.max_candidates, rules.initial_cents, books.mark_row[e], ticker)
        seen[e] = market.seen[row]


def step_accounts(market: Market, rules: Rules, books: Books, answers: Answers, actions: Int64Array1D) -> int:
    """One step of every environment; one that is over begins again. How many are over; -1 where one grew too rich."""
    rows, accounts, trades, mark_row = market.rows, books.accounts, books.trades, books.mark_row
    results = answers.results
    _take(rows, accounts, trades, mark_row, results, actions, market.fee, rules.reward_scale, rules.drawdown_penalty)
    done: int = _move(rows, accounts, trades, mark_row, results)
    fits = _look(rows, market.seen, accounts, trades, mark_row, answers.seen)
    if done:
        _keep_last(accounts, results, answers.seen, answers.last_seen)
        reset_accounts(market, rules, books, answers.seen, everywhere=False)
    return done if fits else -1
