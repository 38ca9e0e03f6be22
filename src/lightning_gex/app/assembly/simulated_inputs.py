"""A simulated market as the files that a user has: bars, flow, volatility index, positioning history, and the truth."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import numpy as np

from lightning_gex.adapters.market_data.positioning_history import history_bytes, history_frame
from lightning_gex.adapters.storage.workspace_files import replace_together
from lightning_gex.analytics import dealer_models
from lightning_gex.analytics.dealer_positioning import positioning
from lightning_gex.analytics.positioning_features import (
    FEATURES,
    FEATURES_VERSION,
    FeatureValue,
    positioning_features,
)
from lightning_gex.app.assembly.jobs import InputFiles
from lightning_gex.core.errors import InputError, InsufficientDataError
from lightning_gex.core.ports import Progress
from lightning_gex.core.sessions import close_of
from lightning_gex.evaluation.frames import Frame, frame, stacked, table_bytes
from lightning_gex.simulation.market import MarketConfig, SimulatedMarket
from lightning_gex.simulation.universe import MOST_TICKERS, simulate_universe

BARS, FLOW, VOLATILITY_INDEX, HISTORY, TRUTH = "bars.csv", "flow.csv", "vix.csv", "history.parquet", "truth.csv"
FIRST_SESSION = np.datetime64("2012-01-03")
LEAST_SESSIONS = 2
#: USD: a share that 1 % of the usual capital can buy several of.
START_PRICE = 100.0


@dataclass(frozen=True, slots=True)
class SimulationRequest:
    """Which market to simulate, and what is true of it.

    Parameters
    ----------
    seed : not negative.
    sessions : how many, at least 2.
    tickers : how many, the index among them, 1 to 100.
    direction_effect : drift of each ticker's next session at full positioning, in daily standard deviations, [-1, 1];
        the positioning shows, with noise, in its net gamma and, of the index, in DIX. 0: nothing tells the direction.
    volatility_effect : how much of their book dealers hedge, 1 all, 0 none, up to 10: net gamma then tells the size of
        moves beyond what the volatility index says. With 0, and ``direction_effect`` 0, nothing is to be found.
    chains : whether the history holds every figure of each session's whole chain; else net gamma alone, at once.
    start : ``datetime64[D]``, the first session is on it or next after.
    """

    seed: int = 0
    sessions: int = 1_000
    tickers: int = 1
    direction_effect: float = 0.0
    volatility_effect: float = 1.0
    chains: bool = False
    start: np.datetime64 = FIRST_SESSION

    def __post_init__(self) -> None:
        for name, right in (
            ("seed", self.seed >= 0),
            ("sessions", self.sessions >= LEAST_SESSIONS),
            ("tickers", 1 <= self.tickers <= MOST_TICKERS),
            ("direction_effect", -1 <= self.direction_effect <= 1),
            ("volatility_effect", 0 <= self.volatility_effect <= 10),
        ):
            if not right:
                raise InputError(f"{getattr(self, name)} is out of range", source="simulated market", field=name)

    def markets(self) -> tuple[SimulatedMarket, ...]:
        """The markets, the index first."""
        usual = MarketConfig(start_price=START_PRICE)
        hedged = {
            name: self.volatility_effect * getattr(usual, name)
            for name in ("gamma_hedging", "charm_hedging", "vanna_hedging", "pinning")
        }
        return simulate_universe(
            seed=self.seed,
            tickers=self.tickers,
            sessions=self.sessions,
            start=self.start,
            planted_effect=self.direction_effect,
            config=replace(usual, **hedged),
        )

    @property
    def truth(self) -> str:
        """What is to be found in it, in a sentence."""
        told = []
        if self.direction_effect:
            told.append(
                f"positioning moves each ticker's next session by up to {self.direction_effect:g} of its daily "
                "standard deviations"
            )
        if self.volatility_effect:
            told.append(
                f"dealers hedge {self.volatility_effect:g} times their book, so net gamma tells the size of moves"
            )
        return "; ".join(told) or "nothing is to be found: no past figure tells the direction or, beyond VIX, the size"


@dataclass(frozen=True, slots=True)
class SimulatedFiles:
    """What was written, and what is true of it.

    Parameters
    ----------
    files : as a run reads them.
    truth_file : by ticker and session what nobody in the market can see.
    tickers : in the bars, the index first.
    first, last : sessions.
    truth : what is to be found, in words.
    without_chain : ticker -> its sessions of which the history has no row, because the price had run away from the
        strikes listed; only tickers that have any.
    """

    files: InputFiles
    truth_file: Path
    tickers: tuple[str, ...]
    first: np.datetime64
    last: np.datetime64
    truth: str
    without_chain: Mapping[str, tuple[np.datetime64, ...]] = field(default_factory=dict)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the files must know."""
        return tuple(
            f"the history has no row of {ticker} on {len(days)} of its sessions, the first {days[0]}: the price had "
            "run away from the strikes listed"
            for ticker, days in self.without_chain.items()
        )


def write_simulated(request: SimulationRequest, folder: Path, *, progress: Progress) -> SimulatedFiles:
    """Simulate, and write what a user of the system would have of such a market.

    Parameters
    ----------
    request : which market.
    folder : made where it is not there; files of the same names are replaced, all together.
    progress : shows how far the chains are.

    Raises
    ------
    InputError : the exchange's calendar ends before the last session.
    StoreError : a file cannot be written.
    """
    markets = request.markets()
    index = markets[0]
    flow, vix = index.flow.columns, index.vix.columns
    dates = index.bars.session
    rows = _history_rows(markets, request, progress)
    contents = {
        BARS: table_bytes(stacked([_bars_frame(market) for market in markets]), BARS),
        FLOW: table_bytes(frame({"date": dates, **{name: flow[name] for name in ("price", "dix", "gex")}}), FLOW),
        VOLATILITY_INDEX: table_bytes(frame({"date": dates, "close": vix["close"]}), VOLATILITY_INDEX),
        HISTORY: history_bytes(history_frame(rows)),
        TRUTH: table_bytes(stacked([_truth_frame(market) for market in markets]), TRUTH),
    }
    replace_together(folder, contents)
    return SimulatedFiles(
        files=InputFiles(folder / BARS, folder / FLOW, folder / HISTORY, folder / VOLATILITY_INDEX),
        truth_file=folder / TRUTH,
        tickers=tuple(market.bars.ticker for market in markets),
        first=dates[0],
        last=dates[-1],
        truth=request.truth,
        without_chain=_without_chain(markets, rows),
    )


def _without_chain(
    markets: Sequence[SimulatedMarket], rows: Iterable[Mapping[str, FeatureValue]]
) -> dict[str, tuple[np.datetime64, ...]]:
    """The sessions after each market's first that have no row."""
    there = {(row["underlying"], np.datetime64(str(row["session"]), "D")) for row in rows}
    missing = {
        of.bars.ticker: tuple(day for day in of.bars.session[1:] if (of.bars.ticker, day) not in there)
        for of in markets
    }
    return {ticker: days for ticker, days in missing.items() if days}


def simulated_document(request: SimulationRequest, found: SimulatedFiles) -> dict[str, object]:
    """What was written, and the truth, as plain values."""
    of = found.files
    files = {
        "bars": of.bars,
        "flow": of.flow,
        "history": of.history,
        "volatility_index": of.volatility_index,
        "truth": found.truth_file,
    }
    return {
        "seed": request.seed,
        "tickers": list(found.tickers),
        "sessions": request.sessions,
        "first": str(found.first),
        "last": str(found.last),
        "effect": request.direction_effect,
        "volatility_effect": request.volatility_effect,
        "truth": found.truth,
        "sessions_without_chain": {ticker: [str(d) for d in days] for ticker, days in found.without_chain.items()},
        "files": {name: str(path) for name, path in files.items()},
    }


def _bars_frame(market: SimulatedMarket) -> Frame:
    b = market.bars
    prices = {name: getattr(b, name) for name in ("open", "high", "low", "close", "volume")}
    return frame({**_named(market), **prices})


def _truth_frame(market: SimulatedMarket) -> Frame:
    of = market.truth
    hidden = {name: getattr(of, name) for name in ("news_vol", "damping", "charm_return", "vanna_return")}
    return frame({**_named(market), "positioning": market.positioning, **hidden})


def _named(market: SimulatedMarket) -> dict[str, np.ndarray]:
    return {"ticker": np.full(len(market.bars), market.bars.ticker), "date": market.bars.session}


def _history_rows(
    markets: tuple[SimulatedMarket, ...], request: SimulationRequest, progress: Progress
) -> list[Mapping[str, FeatureValue]]:
    rows = _of_chains(markets) if request.chains else _of_gamma(markets)
    total = sum(len(market.bars) - 1 for market in markets)
    label = "reading simulated chains" if request.chains else "writing net gamma"
    return list(cast("Iterable[Mapping[str, FeatureValue]]", progress(rows, total=total, label=label)))


def _of_chains(markets: tuple[SimulatedMarket, ...]) -> Iterator[Mapping[str, FeatureValue]]:
    for market in markets:
        for row in range(1, len(market.bars)):
            try:
                found = positioning(market.chain(row))
            except InsufficientDataError:
                continue  # the price ran away from the strikes listed: ``without_chain`` tells of it
            yield _with_origin(positioning_features(found), market, row)


def _of_gamma(markets: tuple[SimulatedMarket, ...]) -> Iterator[Mapping[str, FeatureValue]]:
    """Net gamma alone, which the market's own walk knows; what only a chain tells is absent."""
    naive = dealer_models.by_name("naive")
    absent = {name: float("nan") if kind is float else None for name, kind in FEATURES.items()}
    for market in markets:
        gamma, close = market.flow.columns["gex"], market.bars.close
        for row in range(1, len(market.bars)):
            session = market.bars.session[row]
            found: dict[str, FeatureValue] = {
                **absent,
                "underlying": market.bars.ticker,
                "session": session.item(),
                "as_of": close_of(session),
                "spot": float(close[row]),
                "dealer_model": naive.name,
                "dealer_model_version": naive.version,
                "gamma_exposure_usd_per_pct": float(gamma[row]),
                "modelled": True,
            }
            yield _with_origin(found, market, row)


def _with_origin(features: Mapping[str, FeatureValue], market: SimulatedMarket, row: int) -> Mapping[str, FeatureValue]:
    name = f"{market.bars.ticker} {market.bars.session[row]} of seed {market.seed}"
    digest = hashlib.sha256(name.encode()).hexdigest()
    return {**features, "source": name, "content_hash": digest, "features_version": FEATURES_VERSION}
