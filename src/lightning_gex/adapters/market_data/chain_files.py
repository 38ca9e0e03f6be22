"""Option chains from files, in any of the formats registered here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from lightning_gex.adapters.market_data import (
    cboe_delayed_quotes,
    cboe_quotedata,
    cboe_table,
    chain_table,
    schwab_chain,
    yahoo_table,
)
from lightning_gex.adapters.market_data.chain_request import ChainRequest
from lightning_gex.adapters.market_data.chain_rows import RawContracts, assemble
from lightning_gex.adapters.market_data.content import Content, read_content
from lightning_gex.core.chain import OptionChain
from lightning_gex.core.errors import InputError, SettingsError


@dataclass(frozen=True, slots=True)
class ChainFormat:
    """One way of writing a chain down.

    Parameters
    ----------
    name : what ``--format`` calls it.
    recognise : whether some content looks like it; looks at the beginning, never raises.
    parse : (content, what the caller asks for or knows) -> rows; raises ``InputError`` alone.
    """

    name: str
    recognise: Callable[[Content], bool]
    parse: Callable[[Content, ChainRequest], RawContracts]


#: Every known format, tried in this order. A new one is a module with ``NAME, recognise, parse`` and a line here.
FORMATS: Mapping[str, ChainFormat] = {
    module.NAME: ChainFormat(module.NAME, module.recognise, module.parse)
    for module in (cboe_quotedata, cboe_delayed_quotes, schwab_chain, yahoo_table, cboe_table, chain_table)
}


def read_chain(
    path: str | Path,
    *,
    format: str | None = None,  # noqa: A002
    underlying: str | None = None,
    as_of: datetime | date | None = None,
    spot: float | None = None,
) -> OptionChain:
    """A whole option chain from a file.

    Parameters
    ----------
    path : the file, plain or gzip.
    format : a name in ``FORMATS``; None recognises it by content.
    underlying : symbol the chain must be of, or that is picked from a table of several; None takes what the file says.
    as_of : when the quotes were true: an aware moment, or a session's date (its close where the file has no moment of
        that session). In a table of several snapshots it picks one; elsewhere it goes before what the file says.
    spot : USD, where the file has no price of the underlying, or a wrong one.

    Returns
    -------
    The contracts alive at the chain's ``as_of``; rows refused are counted by reason.

    Raises
    ------
    InputError : the file cannot be read as a chain, or does not say when or at which spot, and neither does the caller.
    SettingsError : ``format`` is no known one, ``as_of`` has no zone or is no session, ``spot`` is no price.
    """
    if format is not None and format not in FORMATS:
        raise SettingsError(f"unknown chain format '{format}': known are {', '.join(FORMATS)}")
    request = ChainRequest(underlying, as_of, spot)
    return chain_of(read_content(path), format=format, request=request)


def chain_of(content: Content, *, format: str | None = None, request: ChainRequest | None = None) -> OptionChain:  # noqa: A002
    """The chain in bytes that are already here, as ``read_chain`` gives it; ``format`` is a known one or None."""
    name = format or next((known.name for known in FORMATS.values() if known.recognise(content)), None)
    if name is None:
        raise InputError(
            f"is no option chain of a known format ({', '.join(FORMATS)}); if it is one, name it with --format",
            source=content.source,
        )
    return assemble(FORMATS[name].parse(content, request or ChainRequest()))
