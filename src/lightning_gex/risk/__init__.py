"""Floor 2: regimes, trade plans, execution checks, guardrails and circuit breakers."""
