"""What trades beside an idea: order, company, dates ahead."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal
from itertools import permutations

import numpy as np
import pytest

from builders_engine import SESSIONS, Says, backtest, bars_of, calm, opened_at, script, scripted_config, without_rows
from lightning_gex.agents.registry import default_agents
from lightning_gex.core.enums import DecisionStatus, Direction, FillPrice
from lightning_gex.core.event_calendar import EventCalendar, MarketEvent
from lightning_gex.core.features import Features
from lightning_gex.core.portfolio import PortfolioView
from lightning_gex.core.sessions import close_of
from lightning_gex.engine.config import EngineConfig
from lightning_gex.engine.drivers import HistoryFeed, Watch
from lightning_gex.engine.feed import SessionUpdate, TickerView
from lightning_gex.engine.inputs import MarketInputs, features_of
from lightning_gex.engine.state import initial_state, portfolio_view
from lightning_gex.engine.universe import FORECAST, OWN_PAST, Universe, volatility_ahead
from lightning_gex.risk.concentration import ConcentrationLimits
from lightning_gex.risk.strategic import DEFAULT_LIMITS, RegimeTable

LIMITS = ConcentrationLimits()


def an_account(**changes: object) -> PortfolioView:
    state = initial_state(Decimal(100_000))
    return replace(portfolio_view(state, {}, close_of(SESSIONS[0])), **changes)  # type: ignore[arg-type]


def wandering(seed: int, count: int = 300, drift: float = 0.0) -> list[float]:
    steps = np.random.default_rng(seed).normal(drift, 0.01, count)
    return (100.0 * np.exp(np.cumsum(steps))).tolist()


def update_at(row: int, inputs: MarketInputs, watch: Watch) -> SessionUpdate:
    return list(HistoryFeed(inputs, watch))[row]


def watching(inputs: MarketInputs) -> Watch:
    names = tuple(inputs.bars)
    return Watch(names, default_agents(), EngineConfig(), dict.fromkeys(names, FillPrice.OPEN))


@pytest.fixture(scope="module")
def three() -> MarketInputs:
    one, other = wandering(1), wandering(2)
    twin = [200.0 * value / 100.0 for value in one]
    bars = {"ONE": bars_of("ONE", one), "TWIN": bars_of("TWIN", twin), "OTHER": bars_of("OTHER", other)}
    return MarketInputs(bars, volatility_index=calm(300), sectors={"ONE": "Energy", "OTHER": "Energy"})


@pytest.fixture(scope="module")
def universe(three: MarketInputs) -> Universe:
    return Universe.of(update_at(280, three, watching(three)), {})


def test_a_book_is_seen_with_signs_volatilities_sectors_and_correlations(universe: Universe):
    account = an_account(
        open_trades={"TWIN": Direction.BULLISH, "OTHER": Direction.BEARISH},
        ticker_exposure_pct={"TWIN": 0.1, "OTHER": 0.05},
    )
    held = universe.held_beside("ONE", account, LIMITS)
    assert held.ticker == ("TWIN", "OTHER")
    assert held.weight.tolist() == [0.1, -0.05]
    assert held.to_idea[0] == pytest.approx(1.0)
    assert abs(held.to_idea[1]) < 0.3
    assert held.correlation[0, 1] == pytest.approx(held.to_idea[1])
    assert (held.idea_sector, held.sector) == ("Energy", (None, "Energy"))
    assert np.isfinite(held.volatility).all()


def test_what_nobody_watches_is_not_known(universe: Universe):
    account = an_account(open_trades={"ELSE": Direction.BULLISH}, ticker_exposure_pct={"ELSE": 0.1})
    held = universe.held_beside("ONE", account, LIMITS)
    assert np.isnan(held.to_idea).all()
    assert np.isnan(held.volatility).all()


def test_correlations_rest_on_no_later_bar(three: MarketInputs):
    watch = watching(three)
    account = an_account(open_trades={"OTHER": Direction.BULLISH}, ticker_exposure_pct={"OTHER": 0.1})
    whole = Universe.of(update_at(200, three, watch), {}).held_beside("ONE", account, LIMITS)
    past = three.until(SESSIONS[200])
    alone = Universe.of(update_at(200, past, watching(past)), {}).held_beside("ONE", account, LIMITS)
    assert whole.to_idea.tolist() == alone.to_idea.tolist()
    assert whole.idea_volatility == alone.idea_volatility


def test_a_ticker_that_did_not_trade_keeps_its_latest_view():
    gone = without_rows(bars_of("GONE", wandering(3, 60)), [59])
    inputs = MarketInputs({"ONE": bars_of("ONE", wandering(4, 60)), "GONE": gone}, volatility_index=calm(60))
    updates = list(HistoryFeed(inputs, watching(inputs)))
    last = Universe.of(updates[59], Universe.of(updates[58], {}).views)
    assert set(last.ranks) == {"ONE"}
    assert last.views["GONE"].row == 58


@pytest.mark.parametrize("names", list(permutations(["ONE", "TWIN", "OTHER"])))
def test_the_universe_does_not_depend_on_the_order_of_its_tickers(three: MarketInputs, names: tuple[str, ...]):
    views = {t: TickerView(three.bars[t], 280, None, FillPrice.OPEN) for t in names}  # type: ignore[arg-type]
    session = SESSIONS[280]
    update = SessionUpdate(session, opened_at(session), close_of(session), views, math.nan, 1)
    ranks = Universe.of(update, {}).ranks
    assert [(t, r.place) for t, r in ranks.items()] == [("OTHER", 1), ("ONE", 2), ("TWIN", 3)]
    assert [ranks[t].score for t in ranks] == sorted((r.score for r in ranks.values()), reverse=True)


def test_the_forecast_is_reckoned_with_and_the_past_stands_in_for_it():
    features = features_of("ONE", MarketInputs({"ONE": bars_of("ONE", wandering(1, 400))}))
    assert volatility_ahead(features, 399)[1] == FORECAST
    bare = Features("ONE", features.as_of, {"volatility": features["volatility"]})
    assert volatility_ahead(bare, 399) == (float(features["volatility"][399]), OWN_PAST)


def test_dated_events_and_the_expiry_reach_the_decision():
    inputs = MarketInputs(
        {"AAA": bars_of("AAA", [100.0] * 20)},
        volatility_index=calm(20),
        events=EventCalendar([MarketEvent(SESSIONS[7], "earnings", "AAA")]),
    )
    run = backtest(inputs, [script("AAA", {5: Says(1), 10: Says(1)})])
    blocked = next(d for d in run.decisions if d.status is DecisionStatus.BLOCKED)
    assert blocked.as_of == close_of(SESSIONS[5])
    assert blocked.veto == "tactical.event"
    assert f"earnings on {SESSIONS[7]} is 2 sessions ahead" in blocked.reason
    assert len(run.trades) == 1


def test_the_best_of_a_session_is_decided_first_and_takes_the_room():
    rising = (100.0 + np.arange(280) * 0.1).tolist()
    falling = (100.0 - np.arange(280) * 0.1).tolist()
    inputs = MarketInputs({"AAA": bars_of("AAA", falling), "BBB": bars_of("BBB", rising)}, volatility_index=calm(280))
    one = RegimeTable({regime: replace(limits, max_positions=1) for regime, limits in DEFAULT_LIMITS.items()})
    agents = [script("AAA", {270: Says(1)}), script("BBB", {270: Says(1)})]
    agents[1] = replace(agents[1], name="Other Agent")
    run = backtest(inputs, agents, scripted_config(regimes=one))
    wanted = [d for d in run.decisions if d.direction is not Direction.NEUTRAL]
    assert [(d.ticker, d.status.value, d.veto) for d in wanted] == [
        ("BBB", "approved", None),
        ("AAA", "blocked", "tactical.positions"),
    ]
