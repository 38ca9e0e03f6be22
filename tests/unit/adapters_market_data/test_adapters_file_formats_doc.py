"""The examples of the format reference are read by the readers they document, and its lists are complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lightning_gex.adapters.market_data.bars_file import BAR_COLUMNS, read_bars
from lightning_gex.adapters.market_data.chain_files import FORMATS, read_chain
from lightning_gex.adapters.market_data.chain_rows import Refusal
from lightning_gex.adapters.market_data.chain_table import CHAIN_COLUMNS, OPTIONAL_COLUMNS
from lightning_gex.adapters.market_data.content import Content
from lightning_gex.adapters.market_data.finra_short_volume import COLUMNS as SHORT_VOLUME_COLUMNS
from lightning_gex.adapters.market_data.finra_short_volume import read_short_volume
from lightning_gex.adapters.market_data.index_members import read_members
from lightning_gex.adapters.market_data.market_input import FEATURE_OF
from lightning_gex.adapters.market_data.old_trades import read_old_trades
from lightning_gex.adapters.market_data.positioning_history import COLUMNS as HISTORY_COLUMNS
from lightning_gex.adapters.market_data.series_files import (
    FLOW_COLUMNS,
    read_flow,
    read_market,
    read_rates,
    read_volatility_index,
)
from lightning_gex.adapters.market_data.universe_files import read_events, read_sectors, read_universe

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "reference" / "file_formats.md").read_text()
EXAMPLES = re.findall(r"^```(\w+) (\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
READERS = {
    "bars": read_bars,
    "flow": read_flow,
    "short_volume": lambda path: read_short_volume([path]),
    "members": read_members,
    "volatility_index": read_volatility_index,
    "rates": read_rates,
    "market": read_market,
    "chain": read_chain,
    "universe": read_universe,
    "sectors": read_sectors,
    "events": read_events,
    "old_trades": read_old_trades,
}


def test_every_kind_of_file_has_an_example():
    assert {kind for _, kind, _ in EXAMPLES} == set(READERS)


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for _, kind, text in EXAMPLES])
def test_an_example_of_the_reference_is_read_without_a_refusal(written, kind, text):
    found = READERS[kind](written(text))
    assert found
    assert not getattr(found, "refused", {})


def test_every_format_has_an_example_that_is_recognised_as_it():
    texts = [Content("x", text.encode()) for kind, text in ((k, t) for _, k, t in EXAMPLES) if kind == "chain"]
    recognised = {name for text in texts for name, known in FORMATS.items() if known.recognise(text)}
    assert recognised == set(FORMATS)


def test_every_column_format_and_reason_is_in_the_reference():
    for word in (*BAR_COLUMNS, *CHAIN_COLUMNS, *OPTIONAL_COLUMNS, *FEATURE_OF, *FORMATS, *(r.value for r in Refusal)):
        assert f"`{word}`" in PAGE, word


def test_every_column_of_flow_short_volume_and_history_is_in_the_reference():
    bands = {name for name in HISTORY_COLUMNS if name.endswith(("_low", "_high"))}
    for word in (*FLOW_COLUMNS, *SHORT_VOLUME_COLUMNS, *(set(HISTORY_COLUMNS) - bands)):
        assert f"`{word}`" in PAGE, word
