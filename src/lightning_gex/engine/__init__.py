"""Floor 3: the one decision path, the state it owns, and the thin drivers around it."""
