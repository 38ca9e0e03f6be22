"""Ways of sizing played on the same candidate trades, so that a trained policy can be set against the plain ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

import numpy as np

from lightning_gex.core.errors import InputError
from lightning_gex.core.patterns import Outcome
from lightning_gex.core.ports import SizingPolicy
from lightning_gex.core.units import BASIS_POINT, Float32Array2D, Float64Array1D, Int64Array1D
from lightning_gex.sizing.episodes import Episodes
from lightning_gex.sizing.kelly_size import KellyConfig, kelly_cap
from lightning_gex.sizing.ladder import LADDER, rung_at_or_below
from lightning_gex.sizing.model_card import KELLY
from lightning_gex.sizing.policy import OnnxPolicy
from lightning_gex.sizing.score import Score
from lightning_gex.sizing.track_record import TrackRecord

#: Annualised volatility that one position may add to the account under volatility targeting.
TARGET_VOLATILITY: Final = 0.01
FIXED_PCT: Final = (0.05, 0.10, 0.15)
#: A quarter of a year: the stretches whose growth is compared and resampled.
BLOCK_SESSIONS: Final = 63

#: (rows (e,), observations (e, 7)) of the accounts that are asked -> fractions of equity (e,).
Sizing = Callable[[Int64Array1D, Float32Array2D], Float64Array1D]


def played(episodes: Episodes, sizing: Sizing, *, sessions: int = BLOCK_SESSIONS, one_calendar: bool = False) -> Score:
    """Play a way of sizing through these episodes, an account an episode, each carried through to its end.

    Parameters
    ----------
    episodes : candidate trades, none of which the sizing was made from.
    sizing : asked at every candidate whose ticker is free; its answer is lowered to a rung.
    sessions : of a block.
    one_calendar : whether all episodes count the same sessions: what happens in a block then happens to all accounts
        alike, and a block's growth is the mean over the accounts; else every account has blocks of its own.

    Raises
    ------
    InputError : where ``sessions`` is not positive.
    MissingExtraError : where the extra ``rl`` is not installed.
    """
    if sessions < 1:
        raise InputError(f"{sessions} is not at least 1", field="sessions")
    from lightning_gex.sizing.batched import BatchedSizingEnv
    from lightning_gex.sizing.environment import EnvironmentTerms

    count = episodes.count
    block = _blocks(episodes, sessions, one_calendar=one_calendar)
    growth, turnover = np.zeros(int(block.max()) + 1), np.zeros(int(block.max()) + 1)
    exposure, drawdown, trades = np.zeros(count), np.zeros(count), 0
    env = BatchedSizingEnv(episodes, count, EnvironmentTerms(max_candidates=int(np.diff(episodes.first_row).max())))
    seen = env.place(np.arange(count), np.zeros(count, dtype=np.int64))
    peak, equity, asked = env.equity_usd, env.equity_usd, np.arange(count)
    while len(asked):
        rows = env.row[asked]
        actions = np.zeros(count, dtype=np.int64)
        actions[asked] = _rungs(sizing(rows, seen[asked]))
        env.step_async(actions)
        seen, _, over, infos = env.step_wait()
        np.add.at(growth, block[rows], env.rewards[asked])
        bought = env.quantity[asked] * (episodes.entry_price[rows] + episodes.exit_price[rows])
        filled = np.isfinite(bought) & (env.quantity[asked] > 0)
        np.add.at(turnover, block[rows][filled], (bought / equity[asked])[filled])
        exposure[asked] += np.where(filled, env.size_pct[asked] * (episodes.exit_at - episodes.decided_at)[rows], 0.0)
        trades += int(filled.sum())
        equity = env.equity_usd
        for e in np.flatnonzero(over).tolist():
            equity[e] = infos[e]["equity"]  # the batch has begun another episode there already
        peak[asked] = np.maximum(peak[asked], equity[asked])
        drawdown[asked] = np.maximum(drawdown[asked], 1.0 - equity[asked] / peak[asked])
        asked = asked[~over[asked]]
    first = episodes.first_row[:-1]
    spans = np.maximum.reduceat(episodes.exit_at, first) - episodes.decided_at[first]
    sharing = _accounts_by_block(episodes, block) if one_calendar else np.ones(len(growth))
    return Score(growth / sharing, turnover / sharing, drawdown, exposure / spans, trades)


def _blocks(episodes: Episodes, sessions: int, *, one_calendar: bool) -> Int64Array1D:
    """(n,) the block of each candidate, numbered from 0 without a gap."""
    decided = episodes.decided_at
    lengths = np.diff(episodes.first_row)
    if one_calendar:
        stretches = (decided - decided.min()) // sessions
    else:
        begin = np.repeat(decided[episodes.first_row[:-1]], lengths)
        own = (decided - begin) // sessions
        stretches = own + np.repeat(np.arange(episodes.count), lengths) * (int(own.max()) + 1)
    blocks: Int64Array1D = np.unique(stretches, return_inverse=True)[1]
    return blocks


def _accounts_by_block(episodes: Episodes, block: Int64Array1D) -> Float64Array1D:
    """(b,) how many accounts were open in each block: from their first candidate's to their last one's."""
    opened, closed = block[episodes.first_row[:-1]], block[episodes.first_row[1:] - 1]
    numbers = np.arange(int(block.max()) + 1)
    accounts: Float64Array1D = ((opened[:, None] <= numbers) & (numbers <= closed[:, None])).sum(
        axis=0, dtype=np.float64
    )
    return accounts


def _rungs(sizes: Float64Array1D) -> Int64Array1D:
    """(e,) index of the rung at or below each size; NaN is none."""
    return np.array([LADDER.index(rung_at_or_below(float(size))) for size in sizes], dtype=np.int64)


def by_policy(policy: SizingPolicy) -> Sizing:
    """A trained policy's own answer."""
    if isinstance(policy, OnnxPolicy):
        rungs = np.array(LADDER)
        return lambda _rows, seen: rungs[policy.actions(seen)]
    return lambda _rows, seen: np.array([policy.size_pct(one) for one in seen])


def by_stretch(ways: Mapping[int, Sizing], stretch: Int64Array1D) -> Sizing:
    """Another way of sizing in each stretch of time: ``stretch`` (n,) names the one of each candidate."""

    def size(rows: Int64Array1D, seen: Float32Array2D) -> Float64Array1D:
        found = np.zeros(len(rows))
        for number in np.unique(stretch[rows]).tolist():
            here = stretch[rows] == number
            found[here] = ways[number](rows[here], seen[here])
        return found

    return size


def by_row(sizes: Float64Array1D) -> Sizing:
    """What was settled before for each candidate, (n,) fractions of equity."""
    return lambda rows, _seen: sizes[rows]


def fixed(size_pct: float) -> Sizing:
    """The same fraction of equity always."""
    return lambda rows, _seen: np.full(len(rows), size_pct)


def same_exposure(episodes: Episodes, score: Score, *, one_calendar: bool = False) -> Score:
    """A fixed size that is as much invested, on average, as what is compared with it, and looks at nothing.

    Sizes come in rungs, so the two rungs around the wanted one take turns such that their mean is kept; nothing but
    this mean is taken from what it is compared with. More than the highest rung all the time cannot be.

    Parameters
    ----------
    episodes : the candidates that ``score`` was earned on.
    score : whose exposure is matched.
    one_calendar : as in :func:`played`.
    """
    trial = FIXED_PCT[0]
    always = float(played(episodes, fixed(trial), one_calendar=one_calendar).exposure_pct.mean())
    wanted = trial * float(score.exposure_pct.mean()) / always if always > 0 else 0.0
    return played(episodes, _taking_turns(episodes, wanted), one_calendar=one_calendar)


def _taking_turns(episodes: Episodes, mean_pct: float) -> Sizing:
    """Rungs in turn whose mean over each account's candidates is ``mean_pct``."""
    mean_pct = min(mean_pct, LADDER[-1])
    lower = rung_at_or_below(mean_pct)
    upper = next((rung for rung in LADDER if rung > lower), lower)
    episode = np.repeat(np.arange(episodes.count), np.diff(episodes.first_row))
    owed = np.zeros(episodes.count)

    def size(rows: Int64Array1D, _seen: Float32Array2D) -> Float64Array1D:
        k = episode[rows]
        owed[k] += mean_pct
        taken = np.where(owed[k] >= (lower + upper) / 2.0, upper, lower)
        owed[k] -= taken
        return taken

    return size


def volatility_sizes(episodes: Episodes) -> Float64Array1D:
    """(n,) as much as adds ``TARGET_VOLATILITY`` to the account; nothing where volatility is unknown or zero."""
    with np.errstate(divide="ignore", invalid="ignore"):
        wanted = TARGET_VOLATILITY / episodes.volatility
    return np.where(np.isfinite(wanted), np.minimum(wanted, LADDER[-1]), 0.0)


def kelly_sizes(
    episodes: Episodes,
    *,
    one_calendar: bool = False,
    experience: Episodes | None = None,
    config: KellyConfig | None = None,
) -> Float64Array1D:
    """(n,) what Kelly allows each candidate: the engine's rule on the candidate's own bracket and costs.

    Parameters
    ----------
    episodes : candidates; what became of earlier ones, taken or not, is on Kelly's record from the session on after
        which it is known. Outcomes of orders that never filled are on none.
    one_calendar : whether all episodes count the same sessions and share one record; else each has its own.
    experience : candidates of other markets that ended before: what a policy learnt from, so that Kelly knows as much.
    config : how far Kelly is trusted.
    """
    config = config or KellyConfig()
    net = episodes.net_return
    before = {} if experience is None else {side: _experience(experience, side) for side in (-1, 1)}
    sizes = np.zeros(len(episodes))
    for rows in _in_order_of_decision(episodes, one_calendar=one_calendar):
        records = dict(before)
        filled = rows[np.isfinite(net[rows])]
        due = filled[np.lexsort((episodes.decided_at[filled], episodes.known_at[filled]))].tolist()
        at = 0
        for row in rows.tolist():
            while at < len(due) and episodes.known_at[due[at]] <= episodes.decided_at[row]:
                side = int(episodes.direction[due[at]])
                records[side] = _after(records.get(side, TrackRecord()), episodes, due[at], float(net[due[at]]))
                at += 1
            sizes[row] = kelly_cap(
                record=records.get(int(episodes.direction[row]), TrackRecord()),
                target_return=float(episodes.target_pct[row]),
                stop_return=float(episodes.risk_pct[row]),
                cost_per_side=float(episodes.cost_bp_per_side[row]) * BASIS_POINT,
                config=config,
            ).size_pct_cap
    return sizes


def _in_order_of_decision(episodes: Episodes, *, one_calendar: bool) -> list[Int64Array1D]:
    """The rows that share a record, in the order in which they were decided."""
    if one_calendar:
        return [np.argsort(episodes.decided_at, kind="stable")]
    return [np.arange(first, after) for first, after in pairwise(episodes.first_row.tolist())]


def _experience(episodes: Episodes, side: int) -> TrackRecord:
    """The record of one direction over markets that have nothing to do with each other: a month of each is its own."""
    net = episodes.net_return
    records = []
    for rows in _in_order_of_decision(episodes, one_calendar=False):
        own = rows[np.isfinite(net[rows]) & (episodes.direction[rows] == side)]
        record = TrackRecord()
        for row in own[np.argsort(episodes.known_at[own], kind="stable")].tolist():
            record = _after(record, episodes, row, float(net[row]))
        records.append(record)
    return TrackRecord(
        resolved=sum(r.resolved for r in records),
        won=sum(r.won for r in records),
        net_return_sum=sum(r.net_return_sum for r in records),
        independent=sum(r.independent for r in records),
        months=sum(r.months + (r.month_count > 0) for r in records),
        counts_squared=sum(r.counts_squared + r.month_count**2 for r in records),
        sums_squared=sum(r.sums_squared + r.month_sum**2 for r in records),
        cross=sum(r.cross + r.month_count * r.month_sum for r in records),
    )


def _after(record: TrackRecord, episodes: Episodes, row: int, net_return: float) -> TrackRecord:
    outcome = Outcome(net_return, net_return > 0, _moment(int(episodes.known_at[row])))
    return record.after(_moment(int(episodes.decided_at[row])), outcome)


def plain_ways(episodes: Episodes, kelly: Float64Array1D) -> Mapping[str, Sizing]:
    """What every trained policy is set against, beside its own exposure; ``kelly`` as ``kelly_sizes`` gives it."""
    ways: dict[str, Sizing] = {KELLY: by_row(kelly), "volatility_targeting": by_row(volatility_sizes(episodes))}
    ways |= {f"fixed_{size * 100:.0f}_pct": fixed(size) for size in FIXED_PCT}
    return ways | {"nothing": fixed(0.0)}


def _moment(session: int) -> datetime:
    """A date for a session number, seven days for five sessions: a record counts by the month."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=session * 7 // 5)
