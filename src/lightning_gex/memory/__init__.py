"""Floor 2: what became of similar past signals, as of the moment of asking."""
