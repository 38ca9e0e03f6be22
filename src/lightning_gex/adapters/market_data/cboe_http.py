"""Cboe's delayed quotes over HTTP: a live chain that needs no key."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING

from lightning_gex.adapters.market_data.cboe_delayed_quotes import NAME
from lightning_gex.adapters.market_data.chain_files import chain_of
from lightning_gex.adapters.market_data.chain_request import ChainRequest
from lightning_gex.adapters.market_data.content import unpacked
from lightning_gex.adapters.market_data.stale_open import CASH_INDICES, REAL_OPEN_INDICES, plain_symbol
from lightning_gex.core.chain import OptionChain
from lightning_gex.core.errors import InputError, SettingsError, SourceError
from lightning_gex.core.version import __version__

if TYPE_CHECKING:
    import httpx

_SYMBOL = re.compile(r"[A-Z]{1,6}([./][A-Z])?[0-9]?[A-Z]?")
_UNKNOWN = (403, 404)  # the service answers 403 for symbols it does not have
_SERVER_ERRORS = 500
_TRY_AGAIN = (408, 425, 429)


def _wait(seconds: float) -> None:
    Event().wait(seconds)


@dataclass(frozen=True, slots=True)
class CboeDelayedQuotes:
    """The present option chain of an underlying from Cboe's free delayed-quotes service (a quarter of an hour late).

    Parameters
    ----------
    base_url : the service.
    timeout_s : seconds to wait for a connection, and for each piece of the answer.
    attempts : tries in all; errors of the server, of the network and timeouts are tried again.
    backoff_s : seconds before the second try, doubled before each further one.
    sleep : waits so many seconds.
    """

    base_url: str = "https://cdn.cboe.com"
    timeout_s: float = 20.0
    attempts: int = 3
    backoff_s: float = 0.5
    sleep: Callable[[float], None] = _wait

    def fetch(self, underlying: str) -> OptionChain:
        """The chain now.

        Parameters
        ----------
        underlying : symbol; an index may carry its mark (``^SPX``, ``_SPX``).

        Raises
        ------
        SettingsError : the text is no symbol.
        SourceError : the symbol is unknown there, or the service does not answer usably.
        """
        symbol = plain_symbol(underlying)
        if not _SYMBOL.fullmatch(symbol):
            raise SettingsError(f"'{underlying}' is no symbol such as SPY or ^SPX")
        url = self._url(symbol, underlying)
        body = self._body(url, symbol)
        try:
            return chain_of(unpacked(body, url), format=NAME, request=ChainRequest(symbol))
        except InputError as error:
            raise SourceError(f"Cboe answered something unusable: {error}") from error

    def _url(self, symbol: str, asked: str) -> str:
        is_index = symbol in CASH_INDICES | REAL_OPEN_INDICES or asked.strip()[:1] in ("^", "_", "$")
        name = f"_{symbol}" if is_index else symbol.replace("/", ".")
        return f"{self.base_url.rstrip('/')}/api/global/delayed_quotes/options/{name}.json"

    def _body(self, url: str, symbol: str) -> bytes:
        import httpx

        problem = "was not asked"
        headers = {"User-Agent": f"lightning-gex/{__version__}", "Accept": "application/json"}
        with httpx.Client(timeout=self.timeout_s, headers=headers) as client:
            for attempt in range(max(1, self.attempts)):
                if attempt:
                    self.sleep(self.backoff_s * 2 ** (attempt - 1))
                try:
                    response = client.get(url)
                except httpx.TimeoutException:
                    problem = f"did not answer within {self.timeout_s:g} s"
                except (httpx.TransportError, httpx.DecodingError) as error:
                    problem = f"cannot be reached or broke off ({error})"
                except (httpx.InvalidURL, httpx.HTTPError) as error:
                    raise SourceError(f"{url} cannot be asked ({error})") from error
                else:
                    if response.status_code == httpx.codes.OK:
                        return response.content
                    problem = self._refusal(response, symbol)
        raise SourceError(f"{url} {problem}, {max(1, self.attempts)} times tried")

    @staticmethod
    def _refusal(response: httpx.Response, symbol: str) -> str:
        """What an answer other than 200 means, where trying again may help. Raises ``SourceError`` where it cannot."""
        code = response.status_code
        if code in _UNKNOWN:
            raise SourceError(f"Cboe has no options on {symbol} (status {code} at {response.url}): check the symbol")
        if code < _SERVER_ERRORS and code not in _TRY_AGAIN:
            raise SourceError(f"{response.url} answered status {code}")
        return f"answered status {code}"
