"""Readers of bars, flow, volatility indices, market context and option chains."""
