"""Signals that cannot know anything, to set a real one beside: gamma out of its place, and entries drawn at random."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from lightning_gex.core.errors import InsufficientDataError
from lightning_gex.core.series import DatedSeries
from lightning_gex.core.units import BASIS_POINT, Float64Array1D, Int64Array1D
from lightning_gex.engine.inputs import MarketInputs
from lightning_gex.evaluation.calls import Calls, RunIndex

DRAWS = 200
LAG_SESSIONS = 252  # a year
BLOCK_SESSIONS = 21  # shuffled in blocks of a month, so that a shuffled series still moves from day to day as it did
NEIGHBOURHOOD_SESSIONS = 126  # an entry is drawn within half a year of the real one to either side
STRETCH_HORIZONS = 3  # entries of so many longest horizons are moved together: nine tenths of what they share stays
#: Columns that say which way dealers lean: a placebo turns these around and leaves prices alone.
SIGNED_COLUMNS = frozenset(
    {"gex", "gamma_exposure_usd_per_pct", "gex_signal", "charm_pressure", "vanna_sensitivity", "dark_pool_flow"}
)
_KEPT_COLUMNS = frozenset({"price", "spot"})


class GexPlacebo(StrEnum):
    """What is done to dealer positioning and dark-pool flow before a run is repeated."""

    SHUFFLED = "shuffled"
    YEAR_LAGGED = "year_lagged"
    SIGN_FLIPPED = "sign_flipped"

    @property
    def words(self) -> str:
        """What was done, as people say it after "gamma and flow"."""
        return {"year_lagged": "a year late", "sign_flipped": "turned around"}.get(self.value, self.value)


def placebo_inputs(inputs: MarketInputs, kind: GexPlacebo, *, seed: int = 0) -> MarketInputs:
    """The same inputs with their flow and positioning out of place.

    Parameters
    ----------
    inputs : of the real run, with a flow file or a positioning history.
    kind : shuffled in blocks of 21 sessions; a year late; or with its sign turned around (dix about its mean so far).
    seed : of the shuffle.

    Raises
    ------
    InsufficientDataError : there is no flow and no positioning to put out of place, or less than a year of it to lag.
    """
    if inputs.flow is None and not inputs.positioning:
        raise InsufficientDataError("there is no flow and no positioning history to put out of place", field="flow")
    notes = (*inputs.notes, f"placebo: dealer positioning and flow are {kind.value.replace('_', ' ')}")
    return replace(
        inputs,
        flow=None if inputs.flow is None else _misplaced(inputs.flow, kind, seed),
        positioning={t: _misplaced(series, kind, seed) for t, series in inputs.positioning.items()},
        notes=notes,
    )


def _misplaced(series: DatedSeries, kind: GexPlacebo, seed: int) -> DatedSeries:
    if kind is GexPlacebo.SIGN_FLIPPED:
        return replace(series, columns={n: _flipped(n, v) for n, v in series.columns.items()})
    order = _order(len(series.session), kind, seed, series.source)
    moved: dict[str, Float64Array1D] = {}
    for name, values in series.columns.items():
        moved[name] = values if name in _KEPT_COLUMNS else np.where(order >= 0, values[order], np.nan)
    return replace(series, columns=moved)


def _order(count: int, kind: GexPlacebo, seed: int, source: str) -> Int64Array1D:
    """For each row the row whose values it gets; -1 none."""
    rows = np.arange(count)
    if kind is GexPlacebo.YEAR_LAGGED:
        if count <= LAG_SESSIONS:
            raise InsufficientDataError(f"{count} rows are too few to be a year late", source=source, field="date")
        return np.where(rows >= LAG_SESSIONS, rows - LAG_SESSIONS, -1)
    starts = np.arange(0, count, BLOCK_SESSIONS)
    np.random.default_rng(seed).shuffle(starts)
    return np.concatenate([rows[s : s + BLOCK_SESSIONS] for s in starts])


def _flipped(name: str, values: Float64Array1D) -> Float64Array1D:
    if name in SIGNED_COLUMNS:
        return -values
    if name != "dix":
        return values
    known = np.isfinite(values)
    count = np.maximum(np.cumsum(known), 1)
    mean_so_far = np.cumsum(np.where(known, values, 0.0)) / count
    flipped: Float64Array1D = 2.0 * mean_so_far - values
    return flipped


@dataclass(frozen=True, slots=True)
class RandomEntries:
    """The decisions taken, moved to random sessions near their own: same tickers, directions and holding.

    Parameters
    ----------
    draws : how many times all entries were drawn.
    accuracy_mean, accuracy_q95 : of the drawn entries.
    return_mean_bp, return_q95_bp : mean gross return in the direction, basis points.
    p_value : chance that drawn entries are right as often as the real ones: (1 + as often) / (1 + draws).
    return_p_value : the same of their mean return.
    """

    draws: int
    accuracy_mean: float
    accuracy_q95: float
    return_mean_bp: float
    return_q95_bp: float
    p_value: float
    return_p_value: float


def random_entries(index: RunIndex, taken: Calls, *, seed: int, draws: int = DRAWS) -> RandomEntries:
    """Judge entries drawn at random in place of the decisions taken.

    Parameters
    ----------
    index : the run's positions.
    taken : the decisions taken.
    seed : the same seed draws the same entries.
    draws : at least 1.

    Returns
    -------
    Figures over the draws; all NaN, and no draw, where nothing was taken or nothing is resolved.
    """
    real = taken.resolved
    if len(real) == 0:
        return RandomEntries(0, math.nan, math.nan, math.nan, math.nan, math.nan, math.nan)
    moved = _moved(index, real, np.random.default_rng(seed), draws)
    hits, gains, known = np.zeros(draws), np.zeros(draws), np.zeros(draws)
    for k, horizon in sorted({(int(t), int(h)) for t, h in zip(real.ticker, real.horizon, strict=True)}):
        mine = (real.ticker == k) & (real.horizon == horizon)
        drawn = index.returns_by_date(k, horizon)[moved[:, mine]] * real.direction[mine]
        there = np.isfinite(drawn)  # a ticker that did not trade so early, or left the market, has no outcome there
        hits += (drawn > 0).sum(axis=1)
        gains += np.where(there, drawn, 0.0).sum(axis=1)
        known += there.sum(axis=1)
    if not known.all():
        return RandomEntries(0, math.nan, math.nan, math.nan, math.nan, math.nan, math.nan)
    accuracy, gain = hits / known, gains / known / BASIS_POINT
    signed = real.direction * real.share_return
    as_right = int(np.sum(accuracy >= float(np.mean(real.hit))))
    as_good = int(np.sum(gain >= float(np.mean(signed)) / BASIS_POINT))
    return RandomEntries(
        draws=draws,
        accuracy_mean=float(np.mean(accuracy)),
        accuracy_q95=float(np.quantile(accuracy, 0.95)),
        return_mean_bp=float(np.mean(gain)),
        return_q95_bp=float(np.quantile(gain, 0.95)),
        p_value=(1 + as_right) / (1 + draws),
        return_p_value=(1 + as_good) / (1 + draws),
    )


def _moved(index: RunIndex, real: Calls, random: np.random.Generator, draws: int) -> Int64Array1D:
    """(draws, n) sessions of the entries of each draw, within half a year of the real ones.

    Entries of one stretch of sessions share what came after them, and so do tickers of one session. Were each drawn on
    its own, the draws would agree with each other far better than the real entries' luck allows, and luck would look
    like skill. So all entries of a stretch move together.
    """
    stretch = real.date // (STRETCH_HORIZONS * int(real.horizon.max()))
    last = len(index.run.sessions) - 1 - real.horizon  # the last session whose outcome the run's own sessions hold
    out = np.empty((draws, len(real)), dtype=np.int64)
    for one in np.unique(stretch):
        mine = stretch == one
        low = max(-NEIGHBOURHOOD_SESSIONS, -int(real.date[mine].min()))
        high = max(min(NEIGHBOURHOOD_SESSIONS, int((last - real.date)[mine].min())), 0)
        out[:, mine] = real.date[mine] + random.integers(low, high, draws, endpoint=True)[:, None]
    return out
