"""The jobs behind the commands: files in, a decision or a run out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import cast

import numpy as np

from lightning_gex.adapters.clock import SystemClock
from lightning_gex.adapters.market_data.bars_file import read_bars
from lightning_gex.adapters.market_data.positioning_history import PositioningHistory, read_history
from lightning_gex.adapters.market_data.series_files import read_flow, read_market, read_rates, read_volatility_index
from lightning_gex.adapters.market_data.stale_open import default_fill_price, same_underlying
from lightning_gex.adapters.storage.journaled_decisions import JournaledDecisions
from lightning_gex.analytics.positioning_result import DealerPositioning
from lightning_gex.app.assembly.expressing import expressed, on_the_record
from lightning_gex.app.assembly.hygiene import DataFinding, bar_findings, faults_of, scale_findings, told_together
from lightning_gex.app.assembly.input_notes import coverage_notes
from lightning_gex.app.assembly.policies import workspace_policy
from lightning_gex.app.assembly.positions import position_chain, table_of_history, table_of_one, with_today
from lightning_gex.app.assembly.universe import UniverseRequest, chosen_universe, with_universe
from lightning_gex.app.assembly.wiring import (
    BACKTEST_JOURNAL_GROUP,
    Stores,
    agents_of,
    capital_of,
    engine_config,
    new_run_id,
)
from lightning_gex.app.settings import Settings
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.bars import Bars
from lightning_gex.core.decision import Decision, Scalar
from lightning_gex.core.errors import InputError, InsufficientDataError
from lightning_gex.core.membership import Membership
from lightning_gex.core.ports import Agent, Progress
from lightning_gex.core.series import DatedSeries
from lightning_gex.engine.config import EngineConfig
from lightning_gex.engine.drivers import ShowProgress, Watch, decide_latest, run_backtest
from lightning_gex.engine.feed import SessionUpdate
from lightning_gex.engine.inputs import MARKET_TICKERS, MarketInputs, market_ticker_among
from lightning_gex.engine.result import RunResult
from lightning_gex.engine.simulated_broker import SimulatedBroker
from lightning_gex.engine.trader import Trader
from lightning_gex.memory.book import MemoryBook
from lightning_gex.risk.expression import Expression

#: Names under which a bars file may hold the volatility index.
VOLATILITY_INDEX_TICKERS = ("VIX", "^VIX")
#: A simulation has nobody to look at a tripped breaker; after a trading week somebody would have.
BREAKERS_RESET_AFTER_SESSIONS = 5
_NAMED = 12  # underlyings a message lists


@dataclass(frozen=True, slots=True)
class AnalysisResult:
    """One decision, and what it was made from.

    Parameters
    ----------
    decision : the latest one.
    positioning : of the chain, where one was given.
    notes : what a reader must know.
    expression : how it could be traded with the chain's options; None without a chain or a trade.
    """

    decision: Decision
    positioning: DealerPositioning | None
    notes: tuple[str, ...]
    expression: Expression | None = None


def analyze_files(
    workspace: Workspace,
    *,
    ticker: str,
    bars: Path,
    chain: Path | None = None,
    history: Path | None = None,
    flow: Path | None = None,
    volatility_index: Path | None = None,
    market: Path | None = None,
    chain_format: str | None = None,
    progress: Progress,
) -> AnalysisResult:
    """Decide on the last bar of a ticker, after learning from every bar before it.

    The history in the file is walked through once without trading, so that memory and sizing know what became of past
    signals; the decision on the last bar is then made by the same path, with the whole capital free. A history of
    positioning gives the options-flow agent its ranks; a chain beside it is the last of its rows.
    """
    file = _read_bars_file(bars, [ticker])
    own = file.bars[ticker]
    past = None if history is None else read_history(history)
    table, notes = _past_positioning(past, file.bars, [ticker])
    found: DealerPositioning | None = None
    if chain is not None:
        model = "naive" if past is None else past.dealer_model
        found = position_chain(chain, chain_format=chain_format, dealer_model=model, underlying=None)
        if not same_underlying(found.underlying, ticker):
            raise InputError(
                f"the chain is on {found.underlying}, not on {ticker}: give the chain of {ticker}, or none",
                source=str(chain),
                field="underlying",
            )
        series, chain_notes = table_of_one(found, own)
        table = {ticker: with_today(table[ticker], series) if ticker in table else series}
        notes = (*notes, *found.notes, *chain_notes)
    index = file.volatility_index if volatility_index is None else read_volatility_index(volatility_index)
    given = {
        "flow": None if flow is None else read_flow(flow),
        "market": None if market is None else _market_series(market, own),
        "history": None if past is None else _gamma_of(table[ticker]),
    }
    inputs = MarketInputs(
        bars=file.bars,
        flow=given["flow"],
        volatility_index=index,
        market=given["market"],
        positioning=table,
        market_ticker=market_ticker_among(file.bars),
        notes=(*file.notes, *notes, *coverage_notes(own.session[-1:], given), *told_together(_examined([own]))),
    )
    inputs = with_universe(workspace, inputs)
    trader, _, watch = _wired(workspace, tickers=(ticker,), start=None, kind="analyze")
    label = f"learning from {len(own)} sessions of {ticker}"
    decisions = decide_latest(
        trader,
        inputs,
        watch,
        capital=capital_of(workspace.settings),
        settings=on_record(workspace),
        show_progress=shown(progress, label),
    )
    if chain is None:
        return AnalysisResult(decisions[-1], found, inputs.notes)
    equity = float(capital_of(workspace.settings))
    how = expressed(decisions[-1], chain, trader.config, equity=equity, chain_format=chain_format)
    if how is not None:
        trader.emit(on_the_record(decisions[-1], how))
        trader.journal.flush()
    return AnalysisResult(decisions[-1], found, inputs.notes, how)


def run_backtest_files(
    workspace: Workspace,
    *,
    bars: Path,
    universe: UniverseRequest,
    flow: Path | None = None,
    history: Path | None = None,
    volatility_index: Path | None = None,
    rates: Path | None = None,
    market: Path | None = None,
    market_bars: Path | None = None,
    start: date | None = None,
    end: date | None = None,
    capital: float | None = None,
    progress: Progress,
) -> RunResult:
    """Walk forward through the files' history. Sessions before ``start`` are learnt from and not traded."""
    chosen = chosen_universe(bars, universe, end=end)
    files = InputFiles(bars, flow, history, volatility_index, rates, market, market_bars)
    inputs = inputs_of(files, chosen.tickers, start=start, end=end)
    return simulate(
        workspace,
        replace(inputs, notes=(*chosen.notes, *inputs.notes)),
        tickers=chosen.tickers,
        start=None if start is None else np.datetime64(start, "D"),
        kind="backtest",
        label=f"walking through {named(chosen.tickers)}",
        progress=progress,
        capital=capital,
        membership=chosen.membership,
    )


def named(tickers: Sequence[str]) -> str:
    """Tickers for a line of text: all of a few, the number of many.

    >>> named(("SPY", "QQQ")), named(tuple("ABCDEFGHIJKLM"))
    ('SPY, QQQ', '13 tickers')
    """
    return ", ".join(tickers) if len(tickers) <= _NAMED else f"{len(tickers)} tickers"


@dataclass(frozen=True, slots=True)
class InputFiles:
    """The files a run reads; None where there is none.

    Parameters
    ----------
    bars : daily bars. flow, history, volatility_index, rates, market : as the commands take them.
    market_bars : daily bars of what stands for the market as a whole, where ``bars`` has none.
    """

    bars: Path
    flow: Path | None = None
    history: Path | None = None
    volatility_index: Path | None = None
    rates: Path | None = None
    market: Path | None = None
    market_bars: Path | None = None


def inputs_of(
    files: InputFiles, watched: tuple[str, ...], *, start: date | None = None, end: date | None = None
) -> MarketInputs:
    """What a run on these files looks at.

    Parameters
    ----------
    files : to read.
    watched : tickers to trade; other tickers of the bars count for breadth and for the market only.
    start : first session to trade; what is missing is counted from there on. None counts from the first bar.
    end : last session; None takes all.
    """
    last = None if end is None else np.datetime64(end, "D")
    flow, history, rates, market = files.flow, files.history, files.rates, files.market
    bars, volatility_index = files.bars, files.volatility_index
    file = _read_bars_file(bars, watched)
    found = file.bars if files.market_bars is None else _with_market(file.bars, files.market_bars)
    everything = {t: _until(b, last) for t, b in found.items()}
    index = file.volatility_index if volatility_index is None else read_volatility_index(volatility_index)
    given = {
        "flow": None if flow is None else read_flow(flow),
        "volatility index": index,
        "rates": None if rates is None else read_rates(rates),
        "market": None if market is None else _market_series(market, everything[watched[0]]),
    }
    past = None if history is None else read_history(history)
    table, past_notes = _past_positioning(past, everything, watched)
    findings = _examined([everything[t] for t in watched])
    findings += [] if past is None else scale_findings(past, everything, watched)
    given |= {f"history of {ticker}": _gamma_of(series) for ticker, series in table.items()}
    first = None if start is None else np.datetime64(start, "D")
    decided = everything[watched[0]].session
    notes = (
        *(file.notes if volatility_index is None else ()),
        *_notes_on_inputs(flow, history, index, rates),
        *past_notes,
        *coverage_notes(decided if first is None else decided[decided >= first], given),
        *told_together(findings),
    )
    return MarketInputs(
        bars=everything,
        flow=given["flow"],
        volatility_index=index,
        market=given["market"],
        positioning=table,
        rates=given["rates"],
        market_ticker=market_ticker_among(everything),
        notes=notes,
        faults=faults_of(findings),
    )


def simulate(
    workspace: Workspace,
    inputs: MarketInputs,
    *,
    tickers: tuple[str, ...],
    start: np.datetime64 | None,
    kind: str,
    label: str,
    progress: Progress,
    capital: float | None = None,
    besides: tuple[Agent, ...] = (),
    membership: Membership | None = None,
    learn_until: np.datetime64 | None = None,
) -> RunResult:
    """One journaled walk through a history with simulated fills and a memory of its own.

    ``besides`` are agents that vote beside those of the settings, ``membership`` who may be entered when,
    ``learn_until`` the last session whose decisions are learnt from; None learns from all.

    Raises
    ------
    InputError : the data have a fault, and the settings do not let a run rest on it.
    """
    if workspace.settings.data.refuse_faults:
        refuse_faults(inputs)
    trader, exchange, watch = _wired(workspace, tickers=tickers, start=start, kind=kind)
    watch = replace(watch, agents=(*watch.agents, *besides), membership=membership, learn_until=learn_until)
    return run_backtest(
        trader,
        exchange,
        with_universe(workspace, inputs),
        watch,
        capital=capital_of(workspace.settings, capital),
        settings=on_record(workspace),
        show_progress=shown(progress, label),
    )


def _wired(
    workspace: Workspace, *, tickers: tuple[str, ...], start: np.datetime64 | None, kind: str
) -> tuple[Trader, SimulatedBroker, Watch]:
    """A trader with a memory of its own, journaled under a new run, before a simulated exchange."""
    settings = workspace.settings
    config = engine_config(settings)
    run_id = new_run_id(kind, SystemClock().now())
    exchange = SimulatedBroker(config.costs)
    journal = Stores.open(workspace).journal(run_id, group_size=BACKTEST_JOURNAL_GROUP)
    trader = Trader(
        config=config,
        journal=journal,
        memory=MemoryBook(forgets_resolved=True),
        policy=workspace_policy(workspace, config),
        broker=exchange,
        decisions=JournaledDecisions(journal),
    )
    return trader, exchange, watch_of(settings, config, tickers=tickers, start=start)


def watch_of(
    settings: Settings, config: EngineConfig, *, tickers: tuple[str, ...], start: np.datetime64 | None
) -> Watch:
    """What a simulated run watches, and how, under these settings and the configuration that follows from them."""
    return Watch(
        tickers=tickers,
        agents=agents_of(settings),
        config=config,
        fill_price={t: default_fill_price(t) for t in tickers},
        start=start,
        breakers_reset_after=BREAKERS_RESET_AFTER_SESSIONS,
    )


def on_record(workspace: Workspace) -> dict[str, Scalar]:
    """What a run's start says about how it was set up."""
    return {**workspace.settings.flat(), "config_hash": workspace.settings.config_hash()}


def shown(progress: Progress, label: str) -> ShowProgress:
    """Sessions shown to a person while they are consumed."""
    return lambda feed, total: cast("Iterable[SessionUpdate]", progress(feed, total=total, label=label))


@dataclass(frozen=True, slots=True)
class _BarsFile:
    """What a bars file holds for a run: the watched tickers, the one that stands for the market, and VIX."""

    bars: dict[str, Bars]
    volatility_index: DatedSeries | None
    notes: tuple[str, ...]


def _read_bars_file(path: Path, tickers: Sequence[str]) -> _BarsFile:
    found = read_bars(path, tickers=tickers, optional=(*MARKET_TICKERS, *VOLATILITY_INDEX_TICKERS))
    market = market_ticker_among(found)
    bars = {t: b for t, b in found.items() if t in tickers or t == market}
    for name in VOLATILITY_INDEX_TICKERS:
        if name in found:
            index = DatedSeries(found[name].session, {"close": found[name].close}, str(path))
            return _BarsFile(bars, index, (f"the volatility index is {name} of the bars file",))
    return _BarsFile(bars, None, ())


def _with_market(bars: Mapping[str, Bars], path: Path) -> dict[str, Bars]:
    """The bars with the best ticker of a second file that can stand for the market."""
    there = read_bars(path)
    market = market_ticker_among(there)
    if market is None:
        raise InputError(
            f"none of {', '.join(MARKET_TICKERS)} is in it: one of them stands for the market",
            source=str(path),
            field="ticker",
        )
    return {market: there[market], **bars}


def refuse_faults(inputs: MarketInputs) -> None:
    """Raise ``InputError`` at the first fault of the data, saying how many more there are."""
    if inputs.faults:
        more = f"; {len(inputs.faults) - 1} more: lightning check-data lists them" if len(inputs.faults) > 1 else ""
        source = next(iter(inputs.bars.values())).source
        raise InputError(
            f"{inputs.faults[0]}{more} (to run all the same, set data.refuse_faults = false)",
            source=source,
            field="bars",
        )


def _examined(bars: Iterable[Bars]) -> list[DataFinding]:
    today = np.datetime64(SystemClock().now().date(), "D")
    return [finding for own in bars for finding in bar_findings(own, today=today)]


def _until(bars: Bars, last: np.datetime64 | None) -> Bars:
    if last is None:
        return bars
    if bars.session[0] > last:
        raise InsufficientDataError(f"{bars.ticker} has no bar up to {last}", source=bars.source, field="date")
    return bars.between(None, last)


def _market_series(path: Path, bars: Bars) -> DatedSeries:
    aligned = read_market(path).aligned(bars.session)
    return DatedSeries(bars.session, dict(aligned.columns), str(path))


def _past_positioning(
    history: PositioningHistory | None, bars: Mapping[str, Bars], tickers: Sequence[str]
) -> tuple[dict[str, DatedSeries], tuple[str, ...]]:
    """The feature tables of the tickers that a history knows. Raises ``InputError`` where it knows none of them."""
    if history is None:
        return {}, ()
    tables: dict[str, DatedSeries] = {}
    notes: list[str] = []
    for ticker in tickers:
        table, told = table_of_history(history, bars[ticker])
        if table is not None:
            tables[ticker] = table
        else:
            notes.append(f"{history.source} holds nothing of {ticker}")
        notes.extend(told)
    if not tables:
        there = ", ".join(list(history.by_underlying)[:_NAMED])
        raise InputError(
            f"holds nothing of {', '.join(tickers)}: it has {there}", source=history.source, field="underlying"
        )
    return tables, tuple(notes)


def _gamma_of(table: DatedSeries) -> DatedSeries:
    """The one column that every session with a chain has."""
    name = "gamma_exposure_usd_per_pct"
    return DatedSeries(table.session, {name: table.columns[name]}, table.source)


def _notes_on_inputs(
    flow: Path | None, history: Path | None, volatility_index: DatedSeries | None, rates: Path | None
) -> tuple[str, ...]:
    missing = [
        (flow or history, "no flow file and no history was given: the options flow agent abstains"),
        (volatility_index, "no volatility index was given: each ticker's own volatility stands in for regimes"),
        (rates, "no bill rates were given: cash earns nothing and Sharpe is over zero"),
    ]
    return tuple(text for given, text in missing if given is None)
