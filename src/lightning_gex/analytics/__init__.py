"""Floor 1: pure numerics over arrays. No input or output, no state, no clock."""
