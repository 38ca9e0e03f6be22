"""The options of every command that runs on a history, stated once: files, tickers, period and capital."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from lightning_gex.app.cli.options import (
    AmongOption,
    AnyTickersOption,
    BarsOption,
    CapitalOption,
    EndOption,
    FlowOption,
    HistoryOption,
    LargestOption,
    MarketBarsOption,
    MarketOption,
    RatesOption,
    StartOption,
    UniverseOption,
    VolatilityIndexOption,
    check_capital,
    session_span,
    universe_request,
)

if TYPE_CHECKING:
    from lightning_gex.app.assembly.jobs import InputFiles
    from lightning_gex.app.assembly.universe import UniverseRequest
    from lightning_gex.app.assembly.variants import Subject


@dataclass(frozen=True, slots=True)
class HistoryAsked:
    """What a command was asked to run on, as it was typed; each field is an option of that name."""

    bars: BarsOption
    ticker: AnyTickersOption = None
    universe: UniverseOption = None
    largest: LargestOption = None
    among: AmongOption = None
    flow: FlowOption = None
    history: HistoryOption = None
    volatility_index: VolatilityIndexOption = None
    rates: RatesOption = None
    market: MarketOption = None
    market_bars: MarketBarsOption = None
    start: StartOption = None
    end: EndOption = None
    capital: CapitalOption = None

    @property
    def names_what_to_trade(self) -> bool:
        """Whether more than files was named."""
        return any((self.ticker, self.universe, self.largest, self.among, self.start, self.end, self.capital))

    def span(self) -> tuple[date | None, date | None]:
        """First and last session. Raises ``SettingsError`` on what is no date, and on the wrong way round."""
        return session_span(self.start, self.end)

    def request(self) -> UniverseRequest:
        """The tickers that are asked for. Raises ``SettingsError`` on two ways to name them, and on a bad capital."""
        if self.capital is not None:
            check_capital(self.capital)
        return universe_request(self.ticker, self.universe, self.largest, self.among)

    def files(self) -> InputFiles:
        """The files to read."""
        from lightning_gex.app import bootstrap

        found: InputFiles = bootstrap.InputFiles(
            self.bars, self.flow, self.history, self.volatility_index, self.rates, self.market, self.market_bars
        )
        return found

    def subject(self) -> Subject:
        """What variants are run on.

        Raises
        ------
        SettingsError : dates the wrong way round, no tickers, or two ways to name them.
        InputError : a universe that cannot be read, or that the bars do not hold.
        """
        from lightning_gex.app import bootstrap

        first, last = self.span()
        request = self.request()
        found: Subject = bootstrap.Subject.of(self.files(), request, start=first, end=last, capital=self.capital)
        return found
