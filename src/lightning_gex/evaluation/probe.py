"""The look-ahead probe: cut the future off, or scramble it, and see whether anything of the past changes.

What the files are read to is compared with what they are read to when an earlier last session is named, since bars and
chains may be set beside each other by figures of the whole file. Whatever is computed for the whole history at once is
compared column by column, so that a leak is named by the layer it enters: a layer below it is clean, every layer above
inherits it. What depends on what came before (memory, weights, calibration, sizing) is compared decision by decision,
and named by the first station that said something else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import StrEnum

import numpy as np

from lightning_gex.core.bars import Bars
from lightning_gex.core.decision import Decision
from lightning_gex.core.errors import InsufficientDataError
from lightning_gex.core.series import DatedSeries
from lightning_gex.core.sessions import close_of, session_of
from lightning_gex.core.units import BoolArray1D, DateArray1D
from lightning_gex.engine.inputs import MarketInputs
from lightning_gex.engine.perception import Perception

#: What the files are read to: bars, flow, indices, positioning. Below all others.
INPUTS = "inputs"
#: In the order in which one rests on another.
LAYERS = ("features", "votes", "consensus", "regimes", "vectors", "forecast", "overlap")
#: Sessions that stay before the first cut and after the last, so that there is a past and a future.
LEAST_PAST, LEAST_FUTURE = 60, 5
_SCRAMBLED_FACTOR = 10.0  # prices of a scrambled future: nothing that has happened looks like it


class Future(StrEnum):
    """What is done to the future."""

    TRUNCATED = "truncated"
    SCRAMBLED = "scrambled"


@dataclass(frozen=True, slots=True)
class Leak:
    """Something of the past that changed with the future.

    Parameters
    ----------
    layer : where it enters; of a decision, the station that said something else.
    name : the column, or the decision's field.
    ticker : whose.
    session : the first one that changed.
    cut : the last session that was left alone.
    future : what was done to the rest.
    before, after : the value with the real future, and with the other one.
    """

    layer: str
    name: str
    ticker: str
    session: np.datetime64
    cut: np.datetime64
    future: Future
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What a probe looked at, and the leaks it found.

    Parameters
    ----------
    cuts : sessions after which the future was taken away.
    columns : layer -> columns compared, over all cuts and futures.
    decisions : decisions compared.
    leaks : the first of each column, lowest layer first.
    """

    cuts: tuple[np.datetime64, ...]
    columns: Mapping[str, int]
    decisions: int
    leaks: tuple[Leak, ...]

    @property
    def clean(self) -> bool:
        """Whether nothing changed."""
        return not self.leaks


Perceive = Callable[[str, MarketInputs], Perception]


def chosen_cuts(
    sessions: DateArray1D, count: int, *, seed: int, first: np.datetime64 | None = None
) -> tuple[np.datetime64, ...]:
    """Sessions to cut at, drawn at random, oldest first.

    Parameters
    ----------
    sessions : of the history.
    count : how many, at least 1.
    seed : the same seed draws the same ones.
    first : the first session that is traded; None: all are.

    Raises
    ------
    InsufficientDataError : no session has 60 before it and 5 after it, or those that have are not traded.
    """
    traded = 0 if first is None else int(np.searchsorted(sessions, first))
    rows = np.arange(max(LEAST_PAST, traded), len(sessions) - LEAST_FUTURE)
    if len(rows) == 0:
        raise InsufficientDataError(
            f"{len(sessions)} sessions hold no past and future to cut apart, {LEAST_PAST + LEAST_FUTURE + 1} do",
            field="date",
        )
    drawn = np.random.default_rng(seed).choice(rows, min(count, len(rows)), replace=False)
    return tuple(sessions[i] for i in sorted(drawn.tolist()))


def other_future(inputs: MarketInputs, cut: np.datetime64, future: Future, *, seed: int) -> MarketInputs:
    """The same inputs up to the close of ``cut``, and after it nothing, or nonsense."""
    if future is Future.TRUNCATED:
        return inputs.until(cut)
    random = np.random.default_rng(seed)

    def scrambled(series: DatedSeries | None) -> DatedSeries | None:
        if series is None:
            return None
        later = series.session > cut
        return replace(series, columns={n: _mixed(v, later, random) for n, v in series.columns.items()})

    return replace(
        inputs,
        bars={t: _scrambled_bars(b, cut, random) for t, b in inputs.bars.items()},
        flow=scrambled(inputs.flow),
        volatility_index=scrambled(inputs.volatility_index),
        market=scrambled(inputs.market),
        positioning={t: s for t, p in inputs.positioning.items() if (s := scrambled(p)) is not None},
        rates=scrambled(inputs.rates),
    )


def _scrambled_bars(bars: Bars, cut: np.datetime64, random: np.random.Generator) -> Bars:
    later = bars.session > cut
    factor = np.where(later, _SCRAMBLED_FACTOR * np.exp(0.1 * random.standard_normal(len(bars))), 1.0)
    return Bars(
        bars.ticker,
        bars.session,
        bars.open * factor,
        bars.high * factor,
        bars.low * factor,
        bars.close * factor,
        _mixed(bars.volume, later, random),
        bars.source,
    )


def _mixed(values: np.ndarray, later: BoolArray1D, random: np.random.Generator) -> np.ndarray:
    """The values with those of the future in another order, and turned about their middle."""
    out = values.copy()
    future = random.permutation(values[later])
    known = future[np.isfinite(future)]
    out[later] = (known.min() + known.max()) - future if len(known) else future
    return out


def input_leaks(
    inputs: MarketInputs, read_until: Callable[[np.datetime64], MarketInputs], cuts: Sequence[np.datetime64]
) -> tuple[int, list[Leak]]:
    """Leaks in reading: what is known of a session must not depend on how far the files are read.

    Parameters
    ----------
    inputs : the whole history, as read.
    read_until : last session -> the same files, read as though it were the last one.
    cuts : sessions to read until.

    Returns
    -------
    Columns compared, and the first leak of each.
    """
    compared, leaks = 0, []
    for cut in cuts:
        real, other = _read_columns(inputs.until(cut)), _read_columns(read_until(cut).until(cut))
        for (ticker, name), (session, values) in real.items():
            compared += 1
            there = other.get((ticker, name))
            if there is None or not np.array_equal(session, there[0]):
                leaks.append(Leak(INPUTS, name, ticker, session[0], cut, Future.TRUNCATED, "these sessions", "others"))
                continue
            changed = _first_change(values, there[1], len(values))
            if changed is not None:
                row, before, after = changed
                leaks.append(Leak(INPUTS, name, ticker, session[row], cut, Future.TRUNCATED, before, after))
    return compared, leaks


def _read_columns(inputs: MarketInputs) -> dict[tuple[str, str], tuple[DateArray1D, np.ndarray]]:
    """Ticker (empty for the whole market) and column -> its sessions and values; what holds no session is left out."""
    found: dict[tuple[str, str], tuple[DateArray1D, np.ndarray]] = {}
    for ticker, bars in inputs.bars.items():
        for name in ("open", "high", "low", "close", "volume"):
            found[ticker, f"bars.{name}"] = (bars.session, getattr(bars, name))
    whole = {
        "flow": inputs.flow,
        "volatility_index": inputs.volatility_index,
        "market": inputs.market,
        "rates": inputs.rates,
    }
    series = [("", name, one) for name, one in whole.items()]
    series += [(ticker, "positioning", table) for ticker, table in inputs.positioning.items()]
    for ticker, kind, one in series:
        if one is not None and len(one.session):
            found |= {(ticker, f"{kind}.{name}"): (one.session, values) for name, values in one.columns.items()}
    return found


def perception_leaks(
    inputs: MarketInputs, tickers: Sequence[str], perceive: Perceive, cuts: Sequence[np.datetime64], *, seed: int
) -> tuple[dict[str, int], list[Leak]]:
    """Leaks in what is computed for the whole history at once.

    Parameters
    ----------
    inputs : the whole history.
    tickers : to look at.
    perceive : ticker and inputs -> everything perceived of it.
    cuts : sessions to cut at.
    seed : of the scrambling.

    Returns
    -------
    Layer -> columns compared, and the first leak of each column at each cut and future.
    """
    compared = dict.fromkeys(LAYERS, 0)
    leaks: list[Leak] = []
    whole = {ticker: perceive(ticker, inputs) for ticker in tickers}
    for cut in cuts:
        for future in Future:
            other = other_future(inputs, cut, future, seed=seed)
            for ticker in tickers:
                if ticker not in other.bars:
                    continue
                found = perceive(ticker, other)
                session = inputs.bars[ticker].session
                kept = int(np.searchsorted(session, cut, side="right"))
                for layer in LAYERS:
                    real = dict(_columns(getattr(whole[ticker], layer), "", len(session)))
                    for name, values in _columns(getattr(found, layer), "", len(other.bars[ticker])):
                        compared[layer] += 1
                        leak = _first_change(real.get(name), values, kept)
                        if leak is not None:
                            row, before, after = leak
                            leaks.append(Leak(layer, name, ticker, session[row], cut, future, before, after))
    return compared, leaks


def decision_leaks(
    real: Sequence[Decision], other: Sequence[Decision], cut: np.datetime64, future: Future
) -> tuple[int, list[Leak]]:
    """Leaks in what depends on what came before: the first decision of each ticker that changed.

    Parameters
    ----------
    real, other : decisions of a run with the real future and of one with another, in order of time.
    cut : the last session that was left alone.
    future : what was done to the rest.

    Returns
    -------
    Decisions compared, and the leaks.
    """
    last = close_of(cut)
    before = {(d.ticker, d.as_of): d for d in real if d.as_of <= last}
    after = {(d.ticker, d.as_of): d for d in other if d.as_of <= last}
    leaks: dict[str, Leak] = {}
    for key in sorted(before.keys() | after.keys(), key=lambda k: (k[1], k[0])):
        ticker, as_of = key
        if ticker in leaks:
            continue
        told = _decision_change(before.get(key), after.get(key))
        if told is not None:
            layer, name, was, is_ = told
            leaks[ticker] = Leak(layer, name, ticker, session_of(as_of), cut, future, was, is_)
    return len(before), list(leaks.values())


def _decision_change(one: Decision | None, other: Decision | None) -> tuple[str, str, str, str] | None:
    if one is None or other is None:
        return "decisions", "made", str(one is not None), str(other is not None)
    stages = {s.stage: s for s in other.stages}
    for stage in one.stages:
        told = stages.get(stage.stage)
        if told is None or not _same(stage, told):
            return stage.stage.value, "record", stage.reason, "nothing" if told is None else told.reason
    for field in fields(one):
        was, is_ = getattr(one, field.name), getattr(other, field.name)
        if not _same(was, is_):
            return "decision", field.name, str(was), str(is_)
    return None


def _columns(value: object, name: str, count: int) -> Iterator[tuple[str, np.ndarray]]:
    """Every array along time in a value, with a name for each; time is the first axis, or the last."""
    if isinstance(value, np.ndarray):
        if value.ndim and value.shape[0] == count:
            yield name, value
        elif value.ndim > 1 and value.shape[-1] == count:
            yield name, np.moveaxis(value, -1, 0)
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            if not field.name.startswith("_"):
                yield from _columns(getattr(value, field.name), _joined(name, field.name), count)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _columns(item, _joined(name, str(key)), count)
    elif isinstance(value, tuple | list):
        for i, item in enumerate(value):
            yield from _columns(item, _joined(name, str(getattr(item, "agent", i))), count)


def _joined(name: str, part: str) -> str:
    return f"{name}.{part}" if name else part


def _first_change(real: np.ndarray | None, other: np.ndarray, kept: int) -> tuple[int, str, str] | None:
    """The first row up to the cut whose values differ, and both values; None where all are the same to the bit."""
    if real is None:
        return 0, "absent", "there"
    one, two = real[:kept], other[:kept]
    same = one == two
    if one.dtype.kind == "f":
        same |= np.isnan(one) & np.isnan(two)
    rows = same.reshape(kept, -1).all(axis=1)
    if rows.all():
        return None
    row = int(np.argmin(rows))
    return row, str(one[row]), str(two[row])


def _same(one: object, other: object) -> bool:
    """Whether two values are the same, NaN and NaN included, however deep."""
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (one != one and other != other)
    if is_dataclass(one) and not isinstance(one, type):
        if type(one) is not type(other):
            return False
        return all(_same(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, tuple | list) and isinstance(other, tuple | list):
        return len(one) == len(other) and all(_same(a, b) for a, b in zip(one, other, strict=True))
    return bool(one == other)


def result_of(
    cuts: Sequence[np.datetime64], columns: Mapping[str, int], decisions: int, leaks: Sequence[Leak]
) -> ProbeResult:
    """The result, the lowest layer first, one leak a column."""
    order = {layer: k for k, layer in enumerate((INPUTS, *LAYERS))}
    first: dict[tuple[str, str], Leak] = {}
    for leak in leaks:
        first.setdefault((leak.layer, leak.name), leak)
    ordered = sorted(first.values(), key=lambda k: (order.get(k.layer, len(order)), k.name))
    return ProbeResult(tuple(cuts), dict(columns), decisions, tuple(ordered))
