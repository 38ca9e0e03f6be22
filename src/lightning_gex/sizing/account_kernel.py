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
from lightning_gex.analytics.vector_math import log_ratio_lane
from lightning_gex.core.ledger import PRICE_TICK, money, price
from lightning_gex.core.units import (
    BASIS_POINT,
    BoolArray1D,
    Float32Array1D,
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

_NANO, _TICKS_PER_USD, _CENTS = 1_000_000_000, 10_000.0, 100.0
_CENT_TICKS, _HALF_CENT, _ODD = np.uint64(100), np.uint64(50), np.uint64(1)  # of 1e-4 USD
_QUOTIENT_ERROR = 1e-15  # of a product and a quotient of floats, relative, with room to spare
_ROOM_FOR_ALL = 0.64  # of equity: with no more at stake, the largest rung fits below the limit however it is rounded
_NANO_PER_CENT = 10_000_000
_NANO_PER_TICK = 100_000
_RUNG_PERCENT = np.array([round(rung * 100) for rung in LADDER], dtype=np.int64)
_RUNG = np.array(LADDER)
_DRAWDOWN, _WIN_RATE, _HEAT = (OBSERVATION_NAMES.index(n) for n in ("drawdown", "win_rate", "portfolio_heat"))
_SEEN = len(OBSERVATION_NAMES)
_THE_END = int(np.iinfo(np.int64).max)

#: One candidate: fills in 1e-4 USD and in USD, 0 where the order never fills; the deciding price in USD, in 1e-9 USD,
#: and its rest in 1e-18 USD; ``after``, the row to go on with once it is taken, because those between would find its
#: ticker held; ``fee``, one side's cost as a fraction of its notional.
CANDIDATE: Final = np.dtype(
    [(name, np.int64) for name in ("ticker", "decided_at", "exit_at", "direction", "entry", "exit", "after")]
    + [("mark_nano", np.int64), ("mark_rest", np.int64)]
    + [(name, np.float64) for name in ("price", "risk_usd", "entry_usd", "exit_usd", "fee")],
    align=True,
)
#: One account: money in cents, but the highest equity seen (USD) and the deepest fall of the booked one (log equity).
#: ``exposure`` is what everything ordered and held is worth at the last prices.
ACCOUNT: Final = np.dtype(
    [(name, np.int64) for name in ("row", "end", "cash", "booked", "booked_peak", "equity", "exposure", "closed")]
    + [(name, np.int64) for name in ("won", "held", "drawn", "length")]
    + [(name, np.float64) for name in ("deepest", "peak", "reward_sum")],
    align=True,
)
#: One trade held: what its two fills change in cash, cents, and whether the first has happened.
TRADE: Final = np.dtype([(name, np.int64) for name in ("row", "quantity", "entry", "exit", "open")], align=True)
#: What a step did in one environment.
RESULT: Final = np.dtype([("size_percent", np.int64), ("quantity", np.int64), ("reward", np.float64)], align=True)
#: What an episode that ended leaves behind in integers: where it was, its equity (cents), its steps, whether (1) or not
#: (0) there was money left.
ENDING: Final = ("environment", "equity", "length", "truncated")


class Market(NamedTuple):
    """Candidates as the kernel reads them.

    Parameters
    ----------
    rows : (n,) ``CANDIDATE``.
    first_row : (m + 1,) as in ``Episodes``.
    seen : (n, 7) the observation but for the account's own three entries.
    """

    rows: Records
    first_row: Int64Array1D
    seen: Float32Array2D


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
    """What a step hands back.

    Parameters
    ----------
    results : (e,) ``RESULT``.
    seen : (e, 7) what is seen next.
    endings : (e, 4) ``ENDING``, of which as many are filled as episodes ended in the step.
    reward_sums, last_seen : (e,) and (e, 7) the sum of rewards and what was seen last in each of those.
    """

    results: Records
    seen: Float32Array2D
    endings: Int64Array2D
    reward_sums: Float64Array1D
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
    rows["entry_usd"], rows["exit_usd"] = rows["entry"] / _TICKS_PER_USD, rows["exit"] / _TICKS_PER_USD
    rows["risk_usd"] = episodes.risk_pct * episodes.price
    rows["fee"] = episodes.cost_bp_per_side * BASIS_POINT
    _find_after(rows, episodes.first_row)
    return Market(rows, episodes.first_row, _seen(episodes))


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
    return Answers(
        np.zeros(count, dtype=RESULT),
        np.zeros(shape, dtype=np.float32),
        np.zeros((count, len(ENDING)), dtype=np.int64),
        np.zeros(count),
        np.zeros(shape, dtype=np.float32),
    )


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


# Which way a sum is rounded is a coin flip to the processor, and a wrong guess costs it more than the arithmetic around
# it: the roundings below are therefore written without a branch (``|`` and ``&`` in place of ``or`` and ``and``).


@numba.njit(cache=True, error_model="numpy")
def _cents_of_float(usd: float) -> int:
    """As ``core.ledger.money`` rounds a float >= 0: what it prints is a tie where it is the tie's own float."""
    cents = usd * _CENTS
    whole = int(cents)
    beyond = cents - whole - 0.5
    if abs(beyond) > cents * _QUOTIENT_ERROR:
        return whole + (beyond > 0.0)
    tie = (2 * whole + 1) / 200.0
    return whole + ((usd > tie) | ((usd == tie) & (whole & 1)))


@numba.njit(cache=True, error_model="numpy")
def _fill_cents(ticks: int, usd: float, quantity: int, fee: float) -> tuple[int, int]:
    """(value, costs) in cents of shares that fill at a price given in 1e-4 USD and in USD."""
    lifted = np.uint64(ticks * quantity) + _HALF_CENT  # unsigned: a division that need not look at the sign
    up = lifted // _CENT_TICKS
    is_odd_tie = (lifted == up * _CENT_TICKS) & ((up & _ODD) == _ODD)
    return np.int64(up) - is_odd_tie, _cents_of_float(usd * quantity * fee)


@numba.njit(cache=True, error_model="numpy")
def _value_cents(nano: int, rest: int, quantity: int) -> int:
    """What shares are worth, cents."""
    low = rest * quantity
    carry = low // _NANO
    total = nano * quantity + carry
    whole = total // _NANO_PER_CENT
    double = 2 * (total - whole * _NANO_PER_CENT)
    beyond = low != carry * _NANO
    return whole + ((double > _NANO_PER_CENT) | ((double == _NANO_PER_CENT) & (beyond | (whole & 1))))


@numba.njit(cache=True, error_model="numpy")
def _affordable(percent: int, equity: int, price_usd: float, nano: int, rest: int) -> int:
    """Whole shares whose value does not exceed a percentage of equity, as ``kelly_size.quantity_for`` counts them.

    The quotient of floats decides where its error cannot matter; beside a whole number, one of its neighbours may be
    the answer, which is then found in integers.
    """
    budget = percent * equity  # 1e-4 USD
    shares = budget * 1e-4 / price_usd
    near = int(shares)
    error = shares * _QUOTIENT_ERROR
    if percent > 0 and not error < shares - near < 1.0 - error:
        limit = budget * _NANO_PER_TICK
        return near - 1 + _fits(nano, rest, near, limit) + _fits(nano, rest, near + 1, limit)
    return near


@numba.njit(cache=True, error_model="numpy")
def _fits(nano: int, rest: int, quantity: int, limit: int) -> bool:
    low = rest * quantity
    carry = low // _NANO
    total = nano * quantity + carry
    return (total < limit) | ((total == limit) & (low == carry * _NANO))


# Each part below runs over all environments and takes its arrays one by one: in a function called for one environment
# numba would count the references to every array each time, which is several times the work itself.


@numba.njit(cache=True, error_model="numpy")
def are_rungs(actions: Int64Array1D) -> bool:
    """Whether every action is a rung of the ladder."""
    right = True
    for action in actions:
        right &= (action >= 0) & (action < len(_RUNG))
    return right


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
    a.exposure = a.closed = a.won = a.held = a.length = 0
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
    over: BoolArray1D,
    initial_cents: int,
    max_candidates: int,
) -> None:
    """Where an episode is over begin another, drawn as ``PositionSizingEnv.reset`` draws it."""
    for e in range(len(accounts)):
        if not over[e]:
            continue
        a = accounts[e]
        episode = int(draw[e, a.drawn] * (len(first_row) - 1))
        first, after = first_row[episode], first_row[episode + 1]
        spare = max(after - first - max_candidates, 0)
        row = first + int(draw[e, a.drawn + 1] * (spare + 1))
        a.drawn += 2
        _begin(a, row, after, max_candidates, initial_cents, mark_row[e], rows[row].ticker)
        seen[e] = market_seen[row]


@numba.njit(cache=True, error_model="numpy")
def _take(
    rows: Records,
    accounts: Records,
    trades: Records,
    results: Records,
    actions: Int64Array1D,
    rewards: Float32Array1D,
    reward_scale: float,
    drawdown_penalty: float,
) -> None:
    """Size, order and book the candidate that each environment observes; its ticker is free, so there is room.

    No shares go the same way as some: they cost nothing, change nothing and earn ln(1) = 0.
    """
    for e in range(len(accounts)):
        a, result = accounts[e], results[e]
        action = actions[e] if a.equity > 0 else 0
        if a.exposure > _ROOM_FOR_ALL * a.equity:
            free = MAX_EXPOSURE_PCT - (a.exposure / _CENTS) / (a.equity / _CENTS)
            while action > 0 and not _RUNG[action] <= free:
                action -= 1
        c, trade = rows[a.row], trades[e, a.held]
        percent = _RUNG_PERCENT[action]
        quantity = _affordable(percent, a.equity, c.price, c.mark_nano, c.mark_rest)
        bought, entry_fee = _fill_cents(c.entry, c.entry_usd, quantity, c.fee)
        sold, exit_fee = _fill_cents(c.exit, c.exit_usd, quantity, c.fee)
        trade.row, trade.quantity, trade.open = a.row, quantity, 0
        trade.entry = -c.direction * bought - entry_fee
        trade.exit = c.direction * sold - exit_fee
        reward = reward_scale * _gained(a, trade.entry + trade.exit, drawdown_penalty)
        a.held += quantity > 0
        a.length += 1
        a.reward_sum += reward
        rewards[e] = reward
        result.size_percent, result.quantity, result.reward = percent, quantity, reward


@numba.njit(cache=True, forceinline=True, error_model="numpy")
def _gained(a: Record, pnl: int, drawdown_penalty: float) -> float:
    """Book what a trade will have made: the change of log equity, less the penalty for a new depth of the fall."""
    before = a.booked
    a.booked = before + pnl
    after = max(a.booked, 1)
    growth: float = log_ratio_lane(float(after), float(before))
    if drawdown_penalty == 0.0:
        return growth
    a.booked_peak = max(a.booked_peak, after)
    depth = log_ratio_lane(float(a.booked_peak), float(after))
    deeper = max(depth - a.deepest, 0.0)
    a.deepest = max(depth, a.deepest)
    punished: float = growth - drawdown_penalty * deeper
    return punished


@numba.njit(cache=True, error_model="numpy")
def _move(
    rows: Records,
    accounts: Records,
    trades: Records,
    mark_row: Int64Array2D,
    results: Records,
    ended: BoolArray1D,
) -> int:
    """On to the next candidate whose ticker is free, letting fills happen on the way; how many episodes are over."""
    count = 0
    for e in range(len(accounts)):
        a = accounts[e]
        left = rows[a.row]
        a.row = min(left.after if results[e].quantity > 0 else a.row + 1, a.end)
        mark_row[e, left.ticker] = a.row - 1  # rows that were left out are this ticker's too
        a.row = a.row if a.booked > 1 else a.end  # ruined
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
        ended[e] = over
        count += over
    return count


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
    richest = 0
    for e in range(len(accounts)):
        a = accounts[e]
        worth, risk, exposure = a.cash, 0.0, 0
        for h in range(a.held):
            trade = trades[e, h]
            c = rows[trade.row]
            mark = rows[mark_row[e, c.ticker]]
            value = _value_cents(mark.mark_nano, mark.mark_rest, trade.quantity)
            exposure += value
            risk += c.risk_usd * trade.quantity
            if trade.open == 1 and c.entry > 0:
                worth += c.direction * value
        a.equity, a.exposure = worth, exposure
        richest = max(richest, worth)
        equity = worth / _CENTS
        a.peak = max(a.peak, equity)
        known = max(equity, 0.01)
        row = min(a.row, a.end - 1)
        for i in range(_SEEN):
            seen[e, i] = market_seen[row, i]
        seen[e, _DRAWDOWN] = min((1.0 - known / a.peak) / DRAWDOWN_AT_ONE, 1.0)
        if a.closed > 0:
            seen[e, _WIN_RATE] = 2.0 * (a.won / a.closed) - 1.0
        seen[e, _HEAT] = min(risk / known / HEAT_AT_ONE, 1.0)
    return richest <= LARGEST_EQUITY_CENTS


@numba.njit(cache=True, error_model="numpy")
def _keep_endings(
    accounts: Records,
    seen: Float32Array2D,
    endings: Int64Array2D,
    reward_sums: Float64Array1D,
    last_seen: Float32Array2D,
    ended: BoolArray1D,
) -> None:
    """What ended episodes leave behind, before others begin in their place."""
    k = 0
    for e in range(len(accounts)):
        if not ended[e]:
            continue
        a = accounts[e]
        endings[k, 0], endings[k, 1], endings[k, 2], endings[k, 3] = e, a.equity, a.length, a.booked > 1
        reward_sums[k] = a.reward_sum
        last_seen[k] = seen[e]
        k += 1


@numba.njit(cache=True, error_model="numpy")
def _step(
    rows: Records,
    first_row: Int64Array1D,
    market_seen: Float32Array2D,
    rules: tuple[int, int, float, float],
    accounts: Records,
    trades: Records,
    mark_row: Int64Array2D,
    draw: Float64Array2D,
    results: Records,
    seen: Float32Array2D,
    endings: Int64Array2D,
    reward_sums: Float64Array1D,
    last_seen: Float32Array2D,
    actions: Int64Array1D,
    rewards: Float32Array1D,
    ended: BoolArray1D,
) -> int:
    initial_cents, max_candidates, reward_scale, drawdown_penalty = rules
    _take(rows, accounts, trades, results, actions, rewards, reward_scale, drawdown_penalty)
    count = _move(rows, accounts, trades, mark_row, results, ended)
    fits = _look(rows, market_seen, accounts, trades, mark_row, seen)
    if count:
        _keep_endings(accounts, seen, endings, reward_sums, last_seen, ended)
        _enter(rows, first_row, market_seen, accounts, mark_row, draw, seen, ended, initial_cents, max_candidates)
    return count if fits else -1


def reset_accounts(market: Market, rules: Rules, books: Books, seen: Float32Array2D) -> None:
    """Begin a fresh episode in every environment."""
    _enter(
        market.rows,
        market.first_row,
        market.seen,
        books.accounts,
        books.mark_row,
        books.draw,
        seen,
        np.ones(len(seen), dtype=np.bool_),
        rules.initial_cents,
        rules.max_candidates,
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


def step_accounts(
    market: Market,
    rules: Rules,
    books: Books,
    answers: Answers,
    actions: Int64Array1D,
    rewards: Float32Array1D,
    ended: BoolArray1D,
) -> int:
    """One step of every environment; one that is over begins again.

    Parameters
    ----------
    market, rules, books : what is played, under which terms, and its state, which moves on.
    answers : filled anew.
    actions : (e,) rungs of the ladder.
    rewards, ended : (e,) filled: what each step earned, and whether it ended an episode.

    Returns
    -------
    How many episodes ended; -1 where an account grew too rich for its integers.
    """
    arrays: tuple[Any, ...] = (*market, tuple(rules), *books, *answers, actions, rewards, ended)
    count: int = _step(*arrays)
    return count
