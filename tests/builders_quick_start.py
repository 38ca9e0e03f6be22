"""The situation of the founding document's quick start, typed by hand: a stock in an orderly rise in a calm market."""

from __future__ import annotations

PRICE = {
    "price": 180.0,
    "sma_20": 178.0,
    "sma_50": 175.0,
    "sma_200": 170.0,
    "adx": 35.0,
    "rsi": 60.0,
    "bb_upper": 185.0,
    "bb_lower": 175.0,
    "stochastic": 65.0,
    "resistance": 185.0,
    "support": 175.0,
    "volume": 2_000_000,
    "avg_volume": 1_500_000,
    "atr": 4.5,
    "atr_20_avg": 5.0,
    "bb_width": 0.055,
    "bb_width_avg": 0.060,
    "volatility": 0.18,
}
OPTIONS = {"gex_signal": 0.75, "charm_pressure": 0.65, "vanna_sensitivity": 0.55, "dark_pool_flow": 0.60}
MARKET = {"spy_trend": 0.5, "vix": 16.0, "vix_20_avg": 18.0, "adx": 32.0, "advance_decline_ratio": 1.4}

#: The same under the names of features; ``adx`` of the market is ``market_adx`` there.
FEATURES = {
    name: float(value)
    for name, value in {**PRICE, **OPTIONS, **{"market_adx" if k == "adx" else k: v for k, v in MARKET.items()}}.items()
}
