"""Tables of Cboe's option records: what ``DataFrame(payload["data"]["options"])`` gives, saved as CSV or Parquet.

Columns are called as in the delayed-quotes payload (``option, bid, ask, iv, open_interest, volume``); the underlying's
price and the moment are not among them, and are taken from added columns or from the caller. ``last_trade_time`` is New
York's wall clock.
"""

from __future__ import annotations

from lightning_gex.adapters.market_data.chain_request import ChainRequest
from lightning_gex.adapters.market_data.chain_rows import RawContracts
from lightning_gex.adapters.market_data.chain_table import demand_fractions
from lightning_gex.adapters.market_data.content import Content
from lightning_gex.adapters.market_data.symbol_table import Layout, contracts_of
from lightning_gex.adapters.market_data.tables import column_names, read_table
from lightning_gex.core.sessions import NEW_YORK

NAME = "cboe_table"
LAYOUT = Layout(
    {
        "symbol": ("option",),
        "bid": ("bid",),
        "ask": ("ask",),
        "implied_vol": ("iv",),
        "open_interest": ("open_interest", "oi"),
        "volume": ("volume",),
        "underlying": ("underlying", "ticker", "symbol"),
        "spot": ("spot", "current_price"),
        "as_of": ("as_of",),
        "session": ("session_date", "trade_date", "date"),
        "last_trade": ("last_trade_time",),
        "right": ("right", "cp", "type"),
        "strike": ("strike",),
        "expiry": ("expiry", "expiration"),
    },
    wall=NEW_YORK,
)


def recognise(content: Content) -> bool:
    """Whether the content is a table with Cboe's column of option symbols and its quotes."""
    return {"option", "bid", "ask", "iv"} <= column_names(content)


def parse(content: Content, request: ChainRequest) -> RawContracts:
    """The rows of a table of Cboe's records. Raises ``InputError`` as ``symbol_table.contracts_of``."""
    raw = contracts_of(read_table(content, unnamed_first="index"), LAYOUT, request)
    demand_fractions(raw.quotes.implied_vol, content.source, "iv")
    return raw
