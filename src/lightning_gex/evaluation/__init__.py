"""Floor 4: what a run was worth, honestly."""
