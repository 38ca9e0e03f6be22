"""Floor 5: settings, wiring, command line."""
