"""The jobs behind the commands and modules, and the wiring of their parts; ``app.bootstrap`` is the door."""
