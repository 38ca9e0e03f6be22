"""Floor 2: five specialists and their consensus."""
