"""Nothing that comes later changes what was decided: cut the future off, or poison it, and the journal is the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from builders_engine import differences, market, prepared
from builders_events import same
from lightning_gex.agents.registry import default_agents
from lightning_gex.core.bars import Bars
from lightning_gex.core.enums import FillPrice
from lightning_gex.core.events import DecisionMade, Event, SignalResolved, TradeClosed
from lightning_gex.core.features import Features
from lightning_gex.core.ports import Agent
from lightning_gex.core.series import DatedSeries
from lightning_gex.core.votes import Votes
from lightning_gex.engine.config import EngineConfig
from lightning_gex.engine.drivers import HistoryFeed
from lightning_gex.engine.inputs import MarketInputs
from lightning_gex.risk.tactical import TacticalConfig

N = 330
CONFIG = replace(EngineConfig(), tactical=TacticalConfig(allow_short=True))  # more happens where both sides trade
CUTS = sorted(np.random.default_rng(20_240_301).choice(np.arange(70, N - 5), 4, replace=False).tolist())


def positioning(bars: Bars) -> DatedSeries:
    """Dealer positioning of every third session, so that levels are old and new by turns."""
    random = np.random.default_rng(7)
    n = len(bars)
    columns = {
        "gamma_exposure_usd_per_pct": 1e9 * np.cumsum(random.standard_normal(n)),
        "zero_gamma": bars.close * (1.0 + 0.02 * random.standard_normal(n)),
        "call_wall": bars.close * 1.03,
        "put_wall": bars.close * 0.97,
        "dealer_models_agree": np.round(random.random(n)),
        "charm_exposure_usd_per_day": 1e8 * random.standard_normal(n),
        "vanna_exposure_usd_per_vol_point": 1e8 * random.standard_normal(n),
        "implied_vol": 0.15 + 0.02 * random.random(n),
    }
    return DatedSeries(bars.session[::3], {k: v[::3] for k, v in columns.items()}, "made up")


def everything() -> MarketInputs:
    one, two = market("SPY", 31, N), market("AAA", 32, N)
    return MarketInputs(
        {"SPY": one.bars, "AAA": two.bars},
        flow=one.flow,
        volatility_index=one.vix,
        market=DatedSeries(one.bars.session[::5], {"advance_decline_ratio": np.linspace(0.3, 3.0, N)[::5]}, "market"),
        positioning={"AAA": positioning(two.bars)},
        rates=DatedSeries(one.bars.session, {"bill_rate": np.linspace(0.0, 0.05, N)}, "rates"),
        market_ticker="SPY",
    )


WHOLE = everything()
SESSIONS = WHOLE.bars["SPY"].session


def journaled(inputs: MarketInputs, agents: Sequence[Agent], *, until: int, fill_price=FillPrice.OPEN) -> list[Event]:
    """Everything a backtest of these inputs puts on record through the session of row ``until``."""
    run = prepared(inputs, agents, CONFIG, fill_price=fill_price)
    for update in HistoryFeed(inputs, run.watch):
        if update.session > SESSIONS[until]:
            break
        run.exchange.trade_through(update)
        run.trader.see(update)
    return run.events


def poisoned(after: int) -> MarketInputs:
    """The same history with a future that is nonsense: ten times the prices, everything else scrambled."""
    random = np.random.default_rng(13)
    last = SESSIONS[after]

    def bars(b: Bars) -> Bars:
        factor = np.where(b.session > last, 10.0, 1.0)
        return replace(b, **{name: getattr(b, name) * factor for name in ("open", "high", "low", "close", "volume")})

    def series(s: DatedSeries | None) -> DatedSeries | None:
        if s is None:
            return None
        later = np.flatnonzero(s.session > last)
        columns = {k: v.copy() for k, v in s.columns.items()}
        for values in columns.values():
            values[later] = random.permutation(values[later]) * random.uniform(0.1, 3.0, len(later))
        return replace(s, columns=columns)

    return replace(
        WHOLE,
        bars={t: bars(b) for t, b in WHOLE.bars.items()},
        flow=series(WHOLE.flow),
        volatility_index=series(WHOLE.volatility_index),
        market=series(WHOLE.market),
        positioning={t: series(p) for t, p in WHOLE.positioning.items()},  # type: ignore[misc]
        rates=series(WHOLE.rates),
    )


def changed(ones: Sequence[Event], others: Sequence[Event]) -> list[str]:
    """What differs between two records, in words: the fields of a decision, or the kind of another event."""
    found = []
    for one, other in zip(ones, others, strict=False):
        if isinstance(one, DecisionMade) and isinstance(other, DecisionMade):
            found += [f"{one.decision.decision_id}: {name}" for name in differences(one.decision, other.decision)]
        if not same(one, other):
            found.append(f"{one.kind} at {one.at}")
    if len(ones) != len(others):
        found.append(f"{len(ones)} events against {len(others)}")
    return found


@pytest.fixture(scope="module", params=FillPrice)
def record(request) -> tuple[FillPrice, list[list[Event]]]:
    """The record of the whole history, as it stood after each session."""
    run = prepared(WHOLE, default_agents(), CONFIG, fill_price=request.param)
    lengths = []
    for update in HistoryFeed(WHOLE, run.watch):
        run.exchange.trade_through(update)
        run.trader.see(update)
        lengths.append(len(run.events))
    return request.param, [run.events[:length] for length in lengths]


def test_the_history_has_enough_in_it_to_be_changed(record):
    _, stands = record
    kinds = [type(e) for e in stands[-1]]
    assert kinds.count(TradeClosed) >= 5
    assert kinds.count(SignalResolved) >= 100
    regimes = {e.decision.regime for e in stands[-1] if isinstance(e, DecisionMade)}
    assert len(regimes) >= 4


@pytest.mark.parametrize("cut", CUTS)
def test_cutting_the_future_off_changes_nothing_on_record(record, cut):
    fill_price, stands = record
    past = journaled(WHOLE.until(SESSIONS[cut]), default_agents(), until=cut, fill_price=fill_price)
    assert changed(stands[cut], past) == []


@pytest.mark.parametrize("cut", CUTS)
def test_poisoning_the_future_changes_nothing_on_record(record, cut):
    fill_price, stands = record
    past = journaled(poisoned(cut), default_agents(), until=cut, fill_price=fill_price)
    assert changed(stands[cut], past) == []


def test_the_poison_works_from_the_next_session_on(record):
    fill_price, stands = record
    cut = CUTS[0]
    later = journaled(poisoned(cut), default_agents(), until=cut + 1, fill_price=fill_price)
    assert changed(stands[cut + 1], later)


# --- the probe finds what it should ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LeakingAgent:
    """Votes for the direction of a price it cannot know yet: that of ``ahead`` rows later."""

    ahead: int
    name: str = "Leaking Agent"
    strategy: str = "options_flow"

    def vote(self, features: Features) -> Votes:
        n, price = len(features), features["price"]
        later = price[np.minimum(np.arange(n) + self.ahead, n - 1)]
        sign = np.sign(later - price).astype(np.int8)
        nothing = np.full(n, np.nan)
        return Votes(
            agent=self.name,
            strategy=self.strategy,
            direction=sign,
            confidence=np.where(sign == 0, 0.5, 0.9),
            target_price=nothing,
            stop_price=nothing,
            horizon_sessions=np.full(n, 5, dtype=np.int64),
            abstained=np.zeros(n, dtype=np.bool_),
            abstain_reason="",
        )


@pytest.mark.parametrize("ahead", [1, 5])
def test_an_agent_that_reads_later_rows_is_found_by_the_cut_and_by_the_poison(ahead):
    agents = (*default_agents(), LeakingAgent(ahead))
    cut = CUTS[1]
    honest = journaled(WHOLE, agents, until=cut)
    for other in (WHOLE.until(SESSIONS[cut]), poisoned(cut)):
        found = changed(honest, journaled(other, agents, until=cut))
        assert any("votes" in text for text in found)
        days = {text.split("-")[1][:8] for text in found if ": votes" in text}
        first = str(SESSIONS[cut - ahead + 1]).replace("-", "")
        assert min(days) >= first  # what lies further back could not be touched


def test_an_agent_of_the_same_shape_that_reads_its_own_row_is_not_found():
    agents = (*default_agents(), LeakingAgent(0))
    cut = CUTS[1]
    honest = journaled(WHOLE, agents, until=cut)
    assert changed(honest, journaled(WHOLE.until(SESSIONS[cut]), agents, until=cut)) == []
