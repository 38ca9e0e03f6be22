"""Lightning GEX: a trading decision system for US stocks and options, with the reasons on record.

The names here are what a notebook or script needs; ``docs/reference/library.md`` describes them. Each is imported when
it is first used, so that ``import lightning_gex`` itself takes no time.

    import lightning_gex as lg

    found = lg.positioning(lg.read_chain("spx.csv"))
    strikes = lg.frame(found.exposures_by_strike())
"""

from __future__ import annotations

from importlib import import_module as _import_module
from types import FunctionType as _FunctionType
from typing import TYPE_CHECKING as _TYPE_CHECKING

from lightning_gex.core.version import __version__

if _TYPE_CHECKING:
    from lightning_gex.adapters.market_data.chain_files import read_chain
    from lightning_gex.adapters.market_data.chain_frames import chain_of_frame
    from lightning_gex.adapters.market_data.market_file import read_books
    from lightning_gex.adapters.market_data.positioning_history import PositioningHistory, read_history
    from lightning_gex.adapters.market_data.series_files import read_flow
    from lightning_gex.analytics.black_scholes import Greeks, HigherGreeks, greeks, higher_greeks, price
    from lightning_gex.analytics.dark_pool import DarkPoolIndex, dark_pool_index
    from lightning_gex.analytics.dealer_models import DealerModel
    from lightning_gex.analytics.dealer_models import all_models as dealer_models
    from lightning_gex.analytics.dealer_models import register as register_dealer_model
    from lightning_gex.analytics.dealer_positioning import positioning
    from lightning_gex.analytics.implied_vol import ImpliedVolStatus, implied_vol
    from lightning_gex.analytics.market_scan import MarketScan, market_scan
    from lightning_gex.analytics.option_time import TimeClock, time_to_expiry_years
    from lightning_gex.analytics.options_features import rolling_rank
    from lightning_gex.analytics.parity import ForwardCurve, forward_curve
    from lightning_gex.analytics.positioning_changes import PositioningChanges, largest, positioning_changes
    from lightning_gex.analytics.positioning_result import DealerPositioning
    from lightning_gex.app.assembly.dark_pool import build_flow
    from lightning_gex.app.assembly.history import BuiltHistory, ranks_of
    from lightning_gex.app.assembly.positions import fetch_chain
    from lightning_gex.app.assembly.scan import ScannedMarket
    from lightning_gex.app.library import history, plot, scan, write
    from lightning_gex.core.book import ChainBook, book_of
    from lightning_gex.core.chain import OptionChain
    from lightning_gex.core.errors import InputError, InsufficientDataError, LightningError, SettingsError
    from lightning_gex.evaluation.frames import frame
    from lightning_gex.simulation.chains import modelled_chain


#: name -> (module, name there)
_HOMES = {
    "BuiltHistory": ("app.assembly.history", "BuiltHistory"),
    "ChainBook": ("core.book", "ChainBook"),
    "DarkPoolIndex": ("analytics.dark_pool", "DarkPoolIndex"),
    "DealerModel": ("analytics.dealer_models", "DealerModel"),
    "DealerPositioning": ("analytics.positioning_result", "DealerPositioning"),
    "ForwardCurve": ("analytics.parity", "ForwardCurve"),
    "Greeks": ("analytics.black_scholes", "Greeks"),
    "HigherGreeks": ("analytics.black_scholes", "HigherGreeks"),
    "ImpliedVolStatus": ("analytics.implied_vol", "ImpliedVolStatus"),
    "InputError": ("core.errors", "InputError"),
    "InsufficientDataError": ("core.errors", "InsufficientDataError"),
    "LightningError": ("core.errors", "LightningError"),
    "MarketScan": ("analytics.market_scan", "MarketScan"),
    "OptionChain": ("core.chain", "OptionChain"),
    "PositioningChanges": ("analytics.positioning_changes", "PositioningChanges"),
    "PositioningHistory": ("adapters.market_data.positioning_history", "PositioningHistory"),
    "ScannedMarket": ("app.assembly.scan", "ScannedMarket"),
    "SettingsError": ("core.errors", "SettingsError"),
    "TimeClock": ("analytics.option_time", "TimeClock"),
    "book_of": ("core.book", "book_of"),
    "build_flow": ("app.assembly.dark_pool", "build_flow"),
    "chain_of_frame": ("adapters.market_data.chain_frames", "chain_of_frame"),
    "dark_pool_index": ("analytics.dark_pool", "dark_pool_index"),
    "dealer_models": ("analytics.dealer_models", "all_models"),
    "fetch_chain": ("app.assembly.positions", "fetch_chain"),
    "forward_curve": ("analytics.parity", "forward_curve"),
    "frame": ("evaluation.frames", "frame"),
    "greeks": ("analytics.black_scholes", "greeks"),
    "higher_greeks": ("analytics.black_scholes", "higher_greeks"),
    "history": ("app.library", "history"),
    "implied_vol": ("analytics.implied_vol", "implied_vol"),
    "largest": ("analytics.positioning_changes", "largest"),
    "market_scan": ("analytics.market_scan", "market_scan"),
    "modelled_chain": ("simulation.chains", "modelled_chain"),
    "plot": ("app.library", "plot"),
    "positioning": ("analytics.dealer_positioning", "positioning"),
    "positioning_changes": ("analytics.positioning_changes", "positioning_changes"),
    "price": ("analytics.black_scholes", "price"),
    "ranks_of": ("app.assembly.history", "ranks_of"),
    "read_books": ("adapters.market_data.market_file", "read_books"),
    "read_chain": ("adapters.market_data.chain_files", "read_chain"),
    "read_flow": ("adapters.market_data.series_files", "read_flow"),
    "read_history": ("adapters.market_data.positioning_history", "read_history"),
    "register_dealer_model": ("analytics.dealer_models", "register"),
    "rolling_rank": ("analytics.options_features", "rolling_rank"),
    "scan": ("app.library", "scan"),
    "time_to_expiry_years": ("analytics.option_time", "time_to_expiry_years"),
    "write": ("app.library", "write"),
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, there = _HOMES[name]
    found = getattr(_import_module(f"{__name__}.{module}"), there)
    if isinstance(found, _FunctionType):
        found = _import_module(f"{__name__}.core.arguments").gated(found)
    globals()[name] = found  # the next use does not come here
    return found


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "BuiltHistory",
    "ChainBook",
    "DarkPoolIndex",
    "DealerModel",
    "DealerPositioning",
    "ForwardCurve",
    "Greeks",
    "HigherGreeks",
    "ImpliedVolStatus",
    "InputError",
    "InsufficientDataError",
    "LightningError",
    "MarketScan",
    "OptionChain",
    "PositioningChanges",
    "PositioningHistory",
    "ScannedMarket",
    "SettingsError",
    "TimeClock",
    "__version__",
    "book_of",
    "build_flow",
    "chain_of_frame",
    "dark_pool_index",
    "dealer_models",
    "fetch_chain",
    "forward_curve",
    "frame",
    "greeks",
    "higher_greeks",
    "history",
    "implied_vol",
    "largest",
    "market_scan",
    "modelled_chain",
    "plot",
    "positioning",
    "positioning_changes",
    "price",
    "ranks_of",
    "read_books",
    "read_chain",
    "read_flow",
    "read_history",
    "register_dealer_model",
    "rolling_rank",
    "scan",
    "time_to_expiry_years",
    "write",
]
