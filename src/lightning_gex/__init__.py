"""Lightning GEX: a trading decision system for US stocks and options, with the reasons on record."""

__version__ = "0.1.0"
