"""QuantLib's integral-equation engine with its high-precision scheme: the truth that prices are held against."""

from quantlib_american import prices
from serve import Call, Columns, serve


def prepared(c: Columns) -> Call:
    return prices(c, "highPrecisionScheme")


serve(["QuantLib", "numpy"], prepared)
