"""Floor 0: the words everything else is written in. Values, enums, errors, events, ports, ledger, sessions."""
