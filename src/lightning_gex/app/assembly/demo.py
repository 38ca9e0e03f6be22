"""``lightning demo``: the whole system on the real bars that ship with the installation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import numpy as np

from lightning_gex.adapters.market_data.sample_bars import sample_bars, sample_vix
from lightning_gex.analytics.dealer_positioning import positioning
from lightning_gex.analytics.positioning_result import DealerPositioning
from lightning_gex.app.assembly.jobs import simulate
from lightning_gex.app.assembly.positions import feature_row, positioning_table
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.bars import Bars
from lightning_gex.core.decision import Decision
from lightning_gex.core.errors import InsufficientDataError
from lightning_gex.core.ports import Progress
from lightning_gex.core.series import DatedSeries
from lightning_gex.core.sessions import close_of
from lightning_gex.engine.inputs import MarketInputs
from lightning_gex.engine.result import RunResult
from lightning_gex.evaluation.metrics import RunMetrics, evaluate
from lightning_gex.simulation.chains import atm_vol_of_vix, chains_along

INDEX, SECOND = "SPX", "COMP"
#: History before it is learnt from; from here on VIX and index bars both exist.
FIRST_TRADED_SESSION = np.datetime64("2014-07-01")
#: Bars before it would add nothing that the indicators or a thousand remembered signals still hold.
FIRST_LEARNT_SESSION = np.datetime64("2010-01-01")
MODELLED = (
    "modelled option chains: no market quoted them. Bars and VIX are real; the chains of SPX are made from VIX, "
    "so that dealer positioning has something to read"
)
SAMPLE = "bars and VIX: the daily S&P 500, Nasdaq Composite and VIX files that ship inside the arch package"
STALE_OPEN = "the printed open of SPX is stale, so its orders fill at the next close"


@dataclass(frozen=True, slots=True)
class DemoResult:
    """A finished demo.

    Parameters
    ----------
    run : the walk.
    metrics : what it was worth.
    positioning : of the last modelled chain.
    decision : the latest on the index.
    """

    run: RunResult
    metrics: RunMetrics
    positioning: DealerPositioning
    decision: Decision


def run_demo(workspace: Workspace, *, progress: Progress) -> DemoResult:
    """Walk through real index bars with modelled chains and show what came of it."""
    vix = sample_vix()
    last_vix = vix.session[-1]
    bars = {t: b.between(FIRST_LEARNT_SESSION, last_vix) for t, b in sample_bars().items() if t in (INDEX, SECOND)}
    table, last = _modelled_positioning(bars[INDEX], vix, progress)
    inputs = MarketInputs(
        bars=bars,
        volatility_index=vix,
        positioning={INDEX: table},
        market_ticker=INDEX,
        notes=(MODELLED, SAMPLE, STALE_OPEN),
    )
    run = simulate(
        workspace,
        inputs,
        tickers=(INDEX, SECOND),
        start=FIRST_TRADED_SESSION,
        kind="demo",
        label="deciding, session by session",
        progress=progress,
    )
    latest = next(d for d in reversed(run.decisions) if d.ticker == INDEX)
    return DemoResult(run, evaluate(run), last, latest)


def _modelled_positioning(bars: Bars, vix: DatedSeries, progress: Progress) -> tuple[DatedSeries, DealerPositioning]:
    level = vix.aligned("close", bars.session, max_age_days=0)
    rows = np.flatnonzero(np.isfinite(level))
    label = "reading modelled option chains"
    rows = rows[rows > 0]  # the open interest of a session is the evening's before
    chains = chains_along(bars, INDEX)
    features: list[dict[str, float]] = []
    last: DealerPositioning | None = None
    for i in cast("Iterable[int]", progress(rows, total=len(rows), label=label)):
        chain = chains.chain(
            i - 1, as_of=close_of(bars.session[i]), spot=float(bars.close[i]), atm_vol=atm_vol_of_vix(float(level[i]))
        )
        last = positioning(chain)
        features.append(feature_row(last))
    if last is None:
        raise InsufficientDataError("the sample bars and VIX share no session: reinstall the arch package")
    return positioning_table(bars.session[rows], features, "modelled chains"), last
