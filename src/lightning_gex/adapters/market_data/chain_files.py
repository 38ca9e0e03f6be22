"""Option chains from files, in any of the formats registered here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lightning_gex.adapters.market_data import cboe_delayed_quotes, cboe_quotedata, chain_table
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
    parse : (content, underlying asked for or None) -> rows; raises ``InputError`` alone.
    """

    name: str
    recognise: Callable[[Content], bool]
    parse: Callable[[Content, str | None], RawContracts]


#: Every known format, tried in this order. A new one is a module with ``NAME, recognise, parse`` and a line here.
FORMATS: Mapping[str, ChainFormat] = {
    module.NAME: ChainFormat(module.NAME, module.recognise, module.parse)
    for module in (cboe_quotedata, cboe_delayed_quotes, chain_table)
}


def read_chain(path: str | Path, *, format: str | None = None, underlying: str | None = None) -> OptionChain:  # noqa: A002
    """A whole option chain from a file.

    Parameters
    ----------
    path : the file, plain or gzip.
    format : a name in ``FORMATS``; None recognises it by content.
    underlying : symbol the chain must be of; None takes what the file says.

    Returns
    -------
    The contracts alive at the chain's ``as_of``; rows refused are counted by reason.

    Raises
    ------
    InputError : the file cannot be read as a chain.
    SettingsError : ``format`` is no known one.
    """
    if format is not None and format not in FORMATS:
        raise SettingsError(f"unknown chain format '{format}': known are {', '.join(FORMATS)}")
    return chain_of(read_content(path), format=format, underlying=underlying)


def chain_of(content: Content, *, format: str | None = None, underlying: str | None = None) -> OptionChain:  # noqa: A002
    """The chain in bytes that are already here, as ``read_chain`` gives it; ``format`` is a known one or None."""
    name = format or next((known.name for known in FORMATS.values() if known.recognise(content)), None)
    if name is None:
        raise InputError(
            f"is no option chain of a known format ({', '.join(FORMATS)}); if it is one, name it with --format",
            source=content.source,
        )
    return assemble(FORMATS[name].parse(content, underlying))
