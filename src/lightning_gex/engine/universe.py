"""Everything that trades beside an idea: the order of a session's tickers, what is held with it, what lies ahead."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from lightning_gex.analytics.comovement import aligned_returns, correlations
from lightning_gex.core.enums import Direction
from lightning_gex.core.event_calendar import EventCalendar
from lightning_gex.core.features import Features
from lightning_gex.core.portfolio import PortfolioView
from lightning_gex.core.quick_init import quick_init
from lightning_gex.engine.feed import SessionUpdate, TickerView
from lightning_gex.engine.learning import Proved
from lightning_gex.engine.signal_station import proved_log_odds
from lightning_gex.risk.concentration import ConcentrationLimits, HeldBeside
from lightning_gex.risk.ranking import NO_OPINION, ProvedOpinion, Rank, heeding, ranked, standing, traits_of
from lightning_gex.risk.timing import Ahead, ahead_of

FORECAST = "forecast volatility"
OWN_PAST = "no forecast: the ticker's own past volatility,"


def volatility_ahead(features: Features, row: int) -> tuple[float, str]:
    """The annualised volatility to reckon with over the coming ten sessions, and what it rests on.

    Parameters
    ----------
    features : one ticker's.
    row : the moment's row.

    Returns
    -------
    The forecast where there is one, else the ticker's own past volatility, said so; NaN where neither is known.
    """
    forecast = features.value("volatility_forecast_10", row)
    if math.isfinite(forecast):
        return forecast, FORECAST
    return features.value("volatility", row), OWN_PAST


def proved_opinion(views: Mapping[str, TickerView], proved: Mapping[str, Proved]) -> ProvedOpinion:
    """What agents that have proved themselves against the same dates' tickers think of each of a session's.

    Parameters
    ----------
    views : ticker -> its view of the session.
    proved : agent -> what it has proved.
    """
    across = {agent: one.across for agent, one in proved.items() if one.across > 0.0}
    if not across:
        return NO_OPINION
    return ProvedOpinion(
        max(across.values()), {t: proved_log_odds(v.perception, v.row, across) for t, v in views.items()}
    )


@quick_init
@dataclass(frozen=True, slots=True, eq=False)
class Universe:
    """The tickers that are watched, at the close of one session.

    Parameters
    ----------
    session : ``datetime64[D]``.
    views : ticker -> its latest view; one that did not trade in this session is older.
    ranks : ticker -> its place, for the members that traded.
    sectors : ticker -> sector; what is missing is not known.
    events : dated events; None where none were given.
    """

    session: np.datetime64
    views: Mapping[str, TickerView]
    ranks: Mapping[str, Rank]
    sectors: Mapping[str, str] = field(default_factory=dict)
    events: EventCalendar | None = None

    @classmethod
    def of(
        cls, update: SessionUpdate, earlier: Mapping[str, TickerView], proved: Mapping[str, Proved] | None = None
    ) -> Universe:
        """The universe after a session.

        Parameters
        ----------
        update : the session.
        earlier : views of tickers that may not have traded in it.
        proved : agent -> what it has proved; None knows of none.
        """
        views, members = update.views, update.members
        traits = {t: traits_of(v.bars.close, v.row) for t, v in views.items() if members is None or t in members}
        opinion = proved_opinion({t: views[t] for t in traits}, proved or {})
        ranks = ranked(heeding(standing(traits), opinion), opinion.share)
        return cls(update.session, {**earlier, **views}, ranks, update.sectors, update.events)

    def ahead(self, ticker: str) -> Ahead:
        """What lies ahead of a ticker."""
        return ahead_of(ticker, self.session, self.events)

    def held_beside(self, ticker: str, portfolio: PortfolioView, limits: ConcentrationLimits) -> HeldBeside:
        """What an account holds or has ordered, as a new idea on a ticker sees it.

        Parameters
        ----------
        ticker : the idea's, which is watched.
        portfolio : the account.
        limits : over how many sessions correlations are taken.
        """
        held = tuple(t for t in portfolio.open_trades if t != ticker)
        idea, basis = self._volatility(ticker)
        signs = np.array([-1.0 if portfolio.open_trades[t] is Direction.BEARISH else 1.0 for t in held])
        shares = np.array([portfolio.ticker_exposure_pct.get(t, math.nan) for t in held])
        together = self._correlations((ticker, *held), limits)
        return HeldBeside(
            ticker=held,
            weight=signs * shares,
            volatility=np.array([self._volatility(t)[0] for t in held]),
            sector=tuple(self.sectors.get(t) for t in held),
            correlation=together[1:, 1:],
            to_idea=together[0, 1:],
            idea_volatility=idea,
            idea_sector=self.sectors.get(ticker),
            basis=basis,
        )

    def _volatility(self, ticker: str) -> tuple[float, str]:
        view = self.views.get(ticker)
        return (math.nan, OWN_PAST) if view is None else volatility_ahead(view.perception.features, view.row)

    def _correlations(self, tickers: tuple[str, ...], limits: ConcentrationLimits) -> np.ndarray:
        out = np.full((len(tickers), len(tickers)), np.nan)
        np.fill_diagonal(out, 1.0)
        seen = [(k, view) for k, t in enumerate(tickers) if (view := self.views.get(t)) is not None]
        if len(seen) < 2 or seen[0][0] != 0:
            return out
        first = [max(0, view.row - limits.correlation_sessions) for _, view in seen]
        days = [view.bars.session[low : view.row + 1] for low, (_, view) in zip(first, seen, strict=True)]
        closes = [view.bars.close[low : view.row + 1] for low, (_, view) in zip(first, seen, strict=True)]
        at = np.array([k for k, _ in seen])
        returns = aligned_returns(days, closes, limits.correlation_sessions)
        out[np.ix_(at, at)] = correlations(returns, limits.fewest_sessions)
        return out
