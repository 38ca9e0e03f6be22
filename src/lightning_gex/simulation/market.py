"""A daily market in which dealers hedge: bars, flow, volatility index and whole option chains from one seed.

What holds in it, and nothing else does:

* news moves the price: its volatility wanders, returns to its mean, rises as prices fall, and jumps at times;
* customers keep an option book with dealers (``dealer_book``), who hedge its delta; their orders move the price
  (``price_path``). Positive gamma damps moves and negative gamma feeds them (Ni, Pearson, Poteshman & White, RFS 2021;
  Baltussen, Da, Lammers & Martens, JFE 2021), the passing of time (charm) and changes of implied volatility (vanna)
  push it, and what expires pins it (Ni, Pearson & Poteshman, JFE 2005). Each strength is a number of ``MarketConfig``:
  1 is what hedging the book in a market of that depth does, 0 is none;
* customers also lean to calls or to puts in a slow wave that has nothing to do with past prices (``positioning``);
  ``planted_effect`` times it moves the next session's price.

With ``no_hedging`` and ``planted_effect`` 0 no past figure tells the direction of anything, nor dealer positioning its
size beyond what volatility says: whatever a learner finds there is a leak or luck.

References
----------
- Ni, Pearson & Poteshman (2005), Stock price clustering on option expiration dates, JFE 78(1).
- Bates (1996), Jumps and Stochastic Volatility, RFS 9(1): the shape of the news.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from statistics import NormalDist
from typing import Final

import numpy as np

from lightning_gex.core.bars import Bars
from lightning_gex.core.chain import OptionChain
from lightning_gex.core.errors import InputError
from lightning_gex.core.series import DatedSeries
from lightning_gex.core.sessions import close_of, session_close_utc, session_open_utc, sessions_from
from lightning_gex.core.units import SESSIONS_PER_YEAR, DateArray1D, Float64Array1D, Float64Array2D
from lightning_gex.simulation.chains import CLOSED_SHARE, DAYS_PER_YEAR, OPEN_INTEREST_USD, ChainHistory, minutes
from lightning_gex.simulation.listing import Listing, listing
from lightning_gex.simulation.price_path import (
    EXTREMES,
    FLOW,
    NORMALS,
    OVERNIGHT,
    STEPS,
    VOLUME,
    Books,
    Path,
    Terms,
    empty_books,
    empty_path,
    simulate,
)
from lightning_gex.simulation.surface import atm_vol_of_vix

_DAY = np.timedelta64(1, "D")
_WEEK = np.timedelta64(7, "D")
_DIX_MEAN, _DIX_WAVE, _DIX_NOISE = 0.42, 0.035, 0.015  # SqueezeMetrics' DIX of 2011-2021: mean 0.42, deviation 0.028
_NEWS = np.r_[OVERNIGHT, NORMALS - STEPS : NORMALS]  # the draws that are news between jumps
_SHARES = 3e7  # a session's volume at usual volatility


@dataclass(frozen=True, slots=True)
class MarketConfig:
    """How the simulated market behaves; the defaults resemble the S&P 500 (``docs/concepts/simulation.md``).

    Parameters
    ----------
    ticker : symbol of the bars and chains.
    start_price : USD.
    drift_per_year : expected arithmetic return, fraction.
    long_run_vol : annualised volatility of the news between jumps that it returns to, fraction.
    vol_reversion : share of the way back, per session.
    vol_of_vol : standard deviation of the logarithm of volatility, per session.
    leverage : correlation of a session's news with the change of volatility, in [-1, 1].
    jumps_per_year : expected number of sessions with a jump.
    jump_mean, jump_deviation : of a jump's log return.
    jump_vol : rise of the logarithm of volatility after a jump.
    positioning_persistence : autocorrelation of positioning from session to session, [0, 1).
    overnight_share : share of a session's variance between the close before and the open.
    volatility_premium : the volatility index over expected volatility, fraction.
    open_interest_usd : notional of the calls of a monthly expiry near its end, USD.
    closed_share : of the open interest, closed and opened anew every evening, [0, 1).
    depth_usd_per_pct : USD of net orders that move the price by one per cent.
    gamma_hedging, charm_hedging, vanna_hedging, pinning : how much of each kind of hedging is done, 1 all, 0 none;
        pinning is the gamma of what settles at the session's close.
    """

    ticker: str = "SIM"
    start_price: float = 2_000.0
    drift_per_year: float = 0.06
    long_run_vol: float = 0.125
    vol_reversion: float = 0.03
    vol_of_vol: float = 0.075
    leverage: float = -0.7
    jumps_per_year: float = 4.0
    jump_mean: float = -0.005
    jump_deviation: float = 0.018
    jump_vol: float = 0.25
    positioning_persistence: float = 0.95
    overnight_share: float = 0.25
    volatility_premium: float = 0.22
    open_interest_usd: float = OPEN_INTEREST_USD
    closed_share: float = CLOSED_SHARE
    depth_usd_per_pct: float = 6e10
    gamma_hedging: float = 1.0
    charm_hedging: float = 1.0
    vanna_hedging: float = 0.3
    pinning: float = 1.0

    def __post_init__(self) -> None:
        for field, right in (
            ("start_price", 0 < self.start_price < 1e9),
            ("drift_per_year", -1 < self.drift_per_year < 1),
            ("long_run_vol", 0 < self.long_run_vol < 2),
            ("vol_reversion", 0 < self.vol_reversion <= 1),
            ("vol_of_vol", 0 <= self.vol_of_vol < 1),
            ("leverage", -1 <= self.leverage <= 1),
            ("jumps_per_year", 0 <= self.jumps_per_year < SESSIONS_PER_YEAR),
            ("jump_mean", -0.5 < self.jump_mean < 0.5),
            ("jump_deviation", 0 <= self.jump_deviation < 0.5),
            ("jump_vol", -1 < self.jump_vol < 1),
            ("positioning_persistence", 0 <= self.positioning_persistence < 1),
            ("overnight_share", 0 <= self.overnight_share < 1),
            ("volatility_premium", -0.5 < self.volatility_premium < 2),
            ("open_interest_usd", 0 < self.open_interest_usd < 1e15),
            ("closed_share", 0 <= self.closed_share < 1),
            ("depth_usd_per_pct", self.depth_usd_per_pct > 0),
            ("gamma_hedging", 0 <= self.gamma_hedging <= 10),
            ("charm_hedging", 0 <= self.charm_hedging <= 10),
            ("vanna_hedging", 0 <= self.vanna_hedging <= 10),
            ("pinning", 0 <= self.pinning <= 10),
        ):
            if not right:
                raise InputError(f"{getattr(self, field)} is out of range", source="simulated market", field=field)


def no_hedging(config: MarketConfig | None = None) -> MarketConfig:
    """The same market with dealers who do not hedge: the book is there and moves nothing."""
    return replace(config or MarketConfig(), gamma_hedging=0.0, charm_hedging=0.0, vanna_hedging=0.0, pinning=0.0)


@dataclass(frozen=True, slots=True)
class SharedNews:
    """News that several markets have in common, so that they move together.

    Parameters
    ----------
    seed : of the common news, not negative; markets of one seed share it.
    share : of each market's news variance between jumps that is common, [0, 1).
    """

    seed: int
    share: float

    def __post_init__(self) -> None:
        for field, right in (("seed", self.seed >= 0), ("share", 0 <= self.share < 1)):
            if not right:
                raise InputError(f"{getattr(self, field)} is out of range", source="shared news", field=field)


@dataclass(frozen=True, slots=True, eq=False)
class HedgingTruth:
    """What nobody in the market can see, (n,) each; known at a session's close, about the session to come.

    Parameters
    ----------
    news_vol : annualised volatility of the news, fraction.
    damping : share of each move that dealers trade against; below 0 they trade with it and feed it.
    charm_return, vanna_return : log return that the hedging of passing time and of the last change of volatility makes.
    """

    news_vol: Float64Array1D
    damping: Float64Array1D
    charm_return: Float64Array1D
    vanna_return: Float64Array1D


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedMarket:
    """What one seed made; (n,) rows everywhere, one a session.

    Parameters
    ----------
    bars : daily bars.
    flow : ``price``, ``dix`` (fraction) and ``gex`` (USD per 1 % move: net gamma of that session's chain), known after
        the session's close.
    vix : ``close``, volatility points.
    positioning : (n,) in (-1, 1), the hidden wave behind ``gex`` and ``dix``: what ``planted_effect`` acts through.
    planted_effect : drift of the next session at full positioning, in daily standard deviations.
    config : how the market behaves.
    truth : what drove it.
    seed : it came from.
    shared : news it has in common with other markets; None: none.
    """

    bars: Bars
    flow: DatedSeries
    vix: DatedSeries
    positioning: Float64Array1D
    planted_effect: float
    config: MarketConfig
    truth: HedgingTruth
    seed: int
    shared: SharedNews | None = None

    def chain(self, row: int) -> OptionChain:
        """The option chain at the close of a session, with the open interest of the evening before.

        ``IndexError`` beyond the market, and at its first session, before whose open nothing was cleared.
        """
        if not 1 <= row < len(self.bars):
            raise IndexError(row)
        return self.chains().chain(
            row - 1,
            as_of=close_of(self.bars.session[row]),
            spot=float(self.bars.close[row]),
            atm_vol=atm_vol_of_vix(float(self.vix.columns["close"][row])),
        )

    def chains(self) -> ChainHistory:
        """The open interest of every evening."""
        return _chains(self.seed, len(self.bars), self.bars.session[0], self.planted_effect, self.config, self.shared)


def simulate_market(
    *,
    seed: int,
    sessions: int,
    start: np.datetime64,
    planted_effect: float = 0.0,
    config: MarketConfig | None = None,
    shared: SharedNews | None = None,
) -> SimulatedMarket:
    """Simulate a market. More sessions of the same seed begin with the same sessions.

    Parameters
    ----------
    seed : not negative.
    sessions : how many, at least 1.
    start : ``datetime64[D]``; the first session is on it or the next one after.
    planted_effect : drift of the next session at full positioning, in daily standard deviations, in [-1, 1].
    config : None takes the defaults.
    shared : news in common with other markets; None: all of it is this market's own.

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
    dates = sessions_from(start - _DAY, sessions + 1)  # what is known at a close depends on when the next session is
    if len(dates) <= sessions:
        raise InputError(f"the calendar holds {len(dates)} sessions from {start}", source="simulated market")
    normals, extremes = _draws(seed, sessions, shared)
    path, _ = _walk(config, planted_effect, dates, normals, extremes, _listing(config, dates), keep_books=False)
    return replace(_market(config, planted_effect, dates[:-1], path, normals, seed), shared=shared)


#: The chains of a simulated market whose length nobody knows in advance are the same ones: a few markets are kept.
_KEPT_MARKETS: Final = 2


@lru_cache(maxsize=_KEPT_MARKETS)
def _chains(
    seed: int,
    sessions: int,
    first: np.datetime64,
    planted_effect: float,
    config: MarketConfig,
    shared: SharedNews | None,
) -> ChainHistory:
    """The same walk once more, this time keeping the open interest of every evening (10 MB a thousand sessions)."""
    dates = sessions_from(first - _DAY, sessions + 1)
    listed = _listing(config, dates)
    _, books = _walk(config, planted_effect, dates, *_draws(seed, sessions, shared), listed, keep_books=True)
    return ChainHistory(config.ticker, listed, dates[:-1], books, f"simulated market {config.ticker}")


def _draws(seed: int, sessions: int, shared: SharedNews | None) -> tuple[Float64Array2D, Float64Array2D]:
    """Normal and exponential draws, a row a session, so that a prefix stays a prefix."""
    normals = np.random.default_rng([seed, 0]).standard_normal((sessions, NORMALS))
    if shared is not None:
        common = np.random.default_rng([shared.seed, 2]).standard_normal((sessions, len(_NEWS)))
        normals[:, _NEWS] = math.sqrt(shared.share) * common + math.sqrt(1.0 - shared.share) * normals[:, _NEWS]
    return normals, np.random.default_rng([seed, 1]).standard_exponential((sessions, EXTREMES))


def _listing(config: MarketConfig, dates: DateArray1D) -> Listing:
    return listing(config.ticker, dates[0] - _WEEK, dates[-1])


def _walk(
    config: MarketConfig,
    planted_effect: float,
    dates: DateArray1D,
    normals: Float64Array2D,
    extremes: Float64Array2D,
    listed: Listing,
    *,
    keep_books: bool,
) -> tuple[Path, Books]:
    path = empty_path(len(normals))
    books = empty_books(len(normals) if keep_books else 0, len(listed))
    simulate(
        _terms(config, planted_effect),
        normals,
        extremes,
        minutes(session_open_utc(dates)),
        minutes(session_close_utc(dates)),
        minutes(listed.settles_at),
        listed.size,
        listed.life_days / DAYS_PER_YEAR,
        path,
        books,
    )
    return path, books


def _terms(config: MarketConfig, planted_effect: float) -> Terms:
    of_config = {name: getattr(config, name) for name in Terms._fields if hasattr(config, name)}
    arrival = config.jumps_per_year / SESSIONS_PER_YEAR
    return Terms(
        **of_config,
        jump_threshold=NormalDist().inv_cdf(1.0 - arrival) if arrival > 0.0 else math.inf,
        planted_effect=planted_effect,
    )


def _market(
    config: MarketConfig,
    planted_effect: float,
    dates: DateArray1D,
    path: Path,
    normals: Float64Array2D,
    seed: int,
) -> SimulatedMarket:
    source = f"simulated market {config.ticker}"
    dix = np.clip(_DIX_MEAN + _DIX_WAVE * path.positioning + _DIX_NOISE * normals[:, FLOW], 0.2, 0.7)
    volume = np.round(_SHARES * (path.vol / config.long_run_vol) * np.exp(0.2 * normals[:, VOLUME]))
    return SimulatedMarket(
        bars=Bars(config.ticker, dates, path.open, path.high, path.low, path.close, volume, source),
        flow=DatedSeries(dates, {"price": path.close, "dix": dix, "gex": path.gamma}, source),
        vix=DatedSeries(dates, {"close": 100.0 * path.vol_index}, source),
        positioning=path.positioning,
        planted_effect=planted_effect,
        config=config,
        truth=HedgingTruth(path.news_vol, path.damping, path.charm_return, path.vanna_return),
        seed=seed,
    )
