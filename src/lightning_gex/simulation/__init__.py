"""Floor 2: a market with delta-hedging dealers: bars, flow and chains from one seed."""
