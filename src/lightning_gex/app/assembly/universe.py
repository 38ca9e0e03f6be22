"""What the settings' files say of the tickers of a run, beside their prices."""

from __future__ import annotations

from dataclasses import replace

from lightning_gex.adapters.market_data.universe_files import read_events, read_sectors
from lightning_gex.app.workspace import Workspace
from lightning_gex.engine.inputs import MarketInputs


def with_universe(workspace: Workspace, inputs: MarketInputs) -> MarketInputs:
    """The inputs with the sectors and dated events that the settings name, and a note on what those do not know.

    Raises
    ------
    InputError : a file that cannot be read, or its first wrong row.
    """
    named = workspace.settings.universe
    sectors = read_sectors(workspace.home / named.sectors) if named.sectors else {}
    events = read_events(workspace.home / named.events) if named.events else None
    unknown = sorted(ticker for ticker in inputs.bars if ticker not in sectors and ticker != inputs.market_ticker)
    notes = (f"{named.sectors} has no sector of {', '.join(unknown)}",) if named.sectors and unknown else ()
    return replace(inputs, sectors=sectors, events=events, notes=(*inputs.notes, *notes))
