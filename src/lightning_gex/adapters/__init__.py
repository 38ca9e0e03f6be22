"""Floor 3: everything that touches the outside: files, databases, networks, clocks."""
