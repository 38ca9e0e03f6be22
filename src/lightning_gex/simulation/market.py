"""A daily market in which dealers hedge: bars, flow, volatility index and option chains from one seed.

What holds in it, and nothing else does:

* dealers' net gamma is positive after rises and negative after sell-offs, and also follows a slow wave of positioning
  by others that has nothing to do with past prices;
* the next session's realised volatility is low when the dealers' gamma is positive, as hedging against the move damps
  it (Ni, Pearson, Poteshman and White, RFS 2021);
* volatility itself wanders, returns to its mean and rises as prices fall;
* ``planted_effect`` times positioning moves the next session's price. At 0, the default, no past figure tells the
  direction of anything: whatever a learner finds there is a leak or luck.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lightning_gex.core.bars import Bars
from lightning_gex.core.chain import OptionChain
from lightning_gex.core.errors import InputError
from lightning_gex.core.series import DatedSeries
from lightning_gex.core.sessions import close_of, sessions_from
from lightning_gex.core.units import SESSIONS_PER_YEAR, DateArray1D, Float64Array1D, Float64Array2D
from lightning_gex.simulation.chains import atm_vol_of_vix, modelled_chain

_STEPS = 16  # moments inside a session whose prices make its high and low
_VOLATILITY, _POSITIONING, _INDEX, _FLOW, _VOLUME, _OVERNIGHT = range(6)
_DRAWS = 6 + _STEPS
_DAY = np.timedelta64(1, "D")


@dataclass(frozen=True, slots=True)
class MarketConfig:
    """How the simulated market behaves; the defaults resemble a US index.

    Parameters
    ----------
    ticker : symbol of the bars and chains.
    start_price : USD.
    drift_per_year : expected arithmetic return, fraction.
    long_run_vol : annualised volatility that volatility returns to, fraction.
    vol_reversion : share of the way back, per session.
    vol_of_vol : standard deviation of the logarithm of volatility, per session.
    leverage : correlation of a session's return with the change of volatility, in [-1, 1].
    calming : the logarithm of volatility is lowered by this at the most positive dealer gamma, raised at the most
        negative.
    positioning_persistence : autocorrelation of positioning from session to session, [0, 1).
    trend_weight, positioning_weight : how strongly dealer gamma follows past returns and positioning.
    overnight_share : share of a session's variance between the close before and the open.
    volatility_premium : the volatility index over expected volatility, fraction.
    gamma_usd_per_pct : size of dealer gamma at its most positive, USD of delta per 1 % move.
    """

    ticker: str = "SIM"
    start_price: float = 2_000.0
    drift_per_year: float = 0.06
    long_run_vol: float = 0.15
    vol_reversion: float = 0.03
    vol_of_vol: float = 0.06
    leverage: float = -0.7
    calming: float = 0.35
    positioning_persistence: float = 0.97
    trend_weight: float = 0.6
    positioning_weight: float = 1.0
    overnight_share: float = 0.25
    volatility_premium: float = 0.10
    gamma_usd_per_pct: float = 4e9

    def __post_init__(self) -> None:
        for field, right in (
            ("start_price", self.start_price > 0),
            ("long_run_vol", 0 < self.long_run_vol < 2),
            ("vol_reversion", 0 < self.vol_reversion <= 1),
            ("vol_of_vol", 0 <= self.vol_of_vol < 1),
            ("leverage", -1 <= self.leverage <= 1),
            ("positioning_persistence", 0 <= self.positioning_persistence < 1),
            ("overnight_share", 0 <= self.overnight_share < 1),
        ):
            if not right:
                raise InputError(f"{getattr(self, field)} is out of range", source="simulated market", field=field)


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedMarket:
    """What one seed made; (n,) rows everywhere, one a session.

    Parameters
    ----------
    bars : daily bars.
    flow : ``price``, ``dix`` (fraction) and ``gex`` (USD per 1 % move), known after the session's close.
    vix : ``close``, volatility points.
    positioning : (n,) in (-1, 1), the hidden wave behind ``gex`` and ``dix``: what ``planted_effect`` acts through.
    planted_effect : drift of the next session at full positioning, in daily standard deviations.
    config : how the market behaves.
    """

    bars: Bars
    flow: DatedSeries
    vix: DatedSeries
    positioning: Float64Array1D
    planted_effect: float
    config: MarketConfig

    def chain(self, row: int) -> OptionChain:
        """The option chain at the close of a session, modelled from what was known then. ``IndexError`` beyond it."""
        if not 0 <= row < len(self.bars):
            raise IndexError(row)
        close = self.bars.close[: row + 1]
        return modelled_chain(
            underlying=self.bars.ticker,
            as_of=close_of(self.bars.session[row]),
            spot=float(close[-1]),
            atm_vol=atm_vol_of_vix(float(self.vix.columns["close"][row])),
            spot_average_20=float(close[-20:].mean()),
            spot_average_60=float(close[-60:].mean()),
            call_tilt=float(self.positioning[row]),
        )


def simulate_market(
    *,
    seed: int,
    sessions: int,
    start: np.datetime64,
    planted_effect: float = 0.0,
    config: MarketConfig | None = None,
) -> SimulatedMarket:
    """Simulate a market. More sessions of the same seed begin with the same sessions.

    Parameters
    ----------
    seed : not negative.
    sessions : how many, at least 1.
    start : ``datetime64[D]``; the first session is on it or the next one after.
    planted_effect : drift of the next session at full positioning, in daily standard deviations, in [-1, 1].
    config : None takes the defaults.

    Raises
    ------
    InputError : where an argument is out of range or the exchange's calendar ends before the last session.
    """
    config = config or MarketConfig()
    for field, value, right in (
        ("seed", seed, seed >= 0),
        ("sessions", sessions, sessions >= 1),
        ("planted_effect", planted_effect, -1 <= planted_effect <= 1),
    ):
        if not right:
            raise InputError(f"{value} is out of range", source="simulated market", field=field)
    dates = sessions_from(start - _DAY, sessions)
    if len(dates) < sessions:
        raise InputError(f"the calendar holds {len(dates)} sessions from {start}", source="simulated market")
    draws = np.random.default_rng(seed).standard_normal((sessions, _DRAWS))  # a row a session: a prefix stays a prefix
    state = _simulated(config, planted_effect, draws)
    return _market(config, planted_effect, dates, state, draws)


@dataclass(frozen=True, slots=True, eq=False)
class _Path:
    open: Float64Array1D
    high: Float64Array1D
    low: Float64Array1D
    close: Float64Array1D
    volatility: Float64Array1D
    gamma: Float64Array1D
    positioning: Float64Array1D


def _simulated(config: MarketConfig, planted_effect: float, draws: Float64Array2D) -> _Path:
    """The price path, session by session: each depends on the gamma and positioning at the close before."""
    count = len(draws)
    out = _Path(*(np.empty(count) for _ in range(7)))
    hours, to_close = _intraday(draws)
    raw_positioning, log_vol = 0.0, math.log(config.long_run_vol)
    last, trend_price, gamma, positioning = config.start_price, config.start_price, 0.0, 0.0
    persistence = config.positioning_persistence
    for i, draw in enumerate(draws):
        daily = math.exp(log_vol - config.calming * gamma) / math.sqrt(SESSIONS_PER_YEAR)
        drift = config.drift_per_year / SESSIONS_PER_YEAR + planted_effect * positioning * daily - daily**2 / 2
        night = math.sqrt(config.overnight_share) * daily * float(draw[_OVERNIGHT])
        day = math.sqrt(1.0 - config.overnight_share) * daily
        path = np.exp(night + day * hours[i] + drift * to_close)
        out.open[i], out.close[i] = last * math.exp(night), last * path[-1]
        out.high[i] = max(out.open[i], last * path.max())
        out.low[i] = min(out.open[i], last * path.min())
        shock = (math.log(path[-1]) - drift) / daily
        last = float(out.close[i])
        trend_price += (last - trend_price) / 20.0
        own = config.leverage * shock + math.sqrt(1.0 - config.leverage**2) * float(draw[_VOLATILITY])
        log_vol += config.vol_reversion * (math.log(config.long_run_vol) - log_vol) + config.vol_of_vol * own
        raw_positioning = persistence * raw_positioning + math.sqrt(1 - persistence**2) * float(draw[_POSITIONING])
        positioning = math.tanh(raw_positioning)
        trend = math.log(last / trend_price) / (config.long_run_vol * math.sqrt(20.0 / SESSIONS_PER_YEAR))
        gamma = math.tanh(config.trend_weight * trend + config.positioning_weight * raw_positioning)
        out.volatility[i] = math.exp(log_vol - config.calming * gamma)
        out.gamma[i], out.positioning[i] = gamma, positioning
    return out


def _intraday(draws: Float64Array2D) -> tuple[Float64Array2D, Float64Array1D]:
    """(n, steps) standard Brownian paths from open to close, and the share of the session gone at each step."""
    walks = np.cumsum(draws[:, -_STEPS:], axis=1) / math.sqrt(_STEPS)
    return walks, np.arange(1, _STEPS + 1) / _STEPS


def _market(
    config: MarketConfig, planted_effect: float, dates: DateArray1D, path: _Path, draws: Float64Array2D
) -> SimulatedMarket:
    index = 100.0 * path.volatility * (1.0 + config.volatility_premium) * np.exp(0.03 * draws[:, _INDEX])
    dix = np.clip(0.43 + 0.025 * path.positioning + 0.008 * draws[:, _FLOW], 0.2, 0.7)
    source = f"simulated market {config.ticker}"
    volume = np.round(3e7 * (path.volatility / config.long_run_vol) * np.exp(0.2 * draws[:, _VOLUME]))
    return SimulatedMarket(
        bars=Bars(config.ticker, dates, path.open, path.high, path.low, path.close, volume, source),
        flow=DatedSeries(
            dates, {"price": path.close, "dix": dix, "gex": config.gamma_usd_per_pct * path.gamma}, source
        ),
        vix=DatedSeries(dates, {"close": index}, source),
        positioning=path.positioning,
        planted_effect=planted_effect,
        config=config,
    )
