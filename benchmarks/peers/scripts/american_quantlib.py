"""QuantLib's integral-equation engine with its fast scheme, one option a contract in a Python loop."""

from quantlib_american import prices
from serve import Call, Columns, serve


def prepared(c: Columns) -> Call:
    return prices(c, "fastScheme")


serve(["QuantLib", "numpy"], prepared)
