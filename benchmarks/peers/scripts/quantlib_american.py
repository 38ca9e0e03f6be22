"""American prices by QuantLib: what the two scripts beside it share. Times to expiry must be whole days of 365."""

import numpy as np
import QuantLib as ql  # noqa: N813 - its own documents' name
from serve import Call, Columns

TODAY = ql.Date(2, 1, 2024)
CALENDAR = ql.NullCalendar()
DAYS = ql.Actual365Fixed()


def prices(c: Columns, scheme: str) -> Call:
    """A call that prices every contract; the options are made beforehand, the engines hold the named scheme."""
    ql.Settings.instance().evaluationDate = TODAY
    options = [_option(*row, scheme) for row in zip(*(c[name].tolist() for name in COLUMNS), strict=True)]

    def call() -> Columns:
        for option in options:
            option.recalculate()
        return {"price": np.array([option.NPV() for option in options])}

    return call


COLUMNS = ("spot", "strike", "years", "implied_vol", "rate", "dividend_yield", "is_call")


def _option(S, K, T, sigma, r, q, call, scheme):  # noqa: ANN001, ANN202 - rows of numbers
    exercise = ql.AmericanExercise(TODAY, TODAY + round(365 * T))
    option = ql.VanillaOption(ql.PlainVanillaPayoff(ql.Option.Call if call else ql.Option.Put, K), exercise)
    process = ql.BlackScholesMertonProcess(
        ql.QuoteHandle(ql.SimpleQuote(S)),
        ql.YieldTermStructureHandle(ql.FlatForward(TODAY, q, DAYS)),
        ql.YieldTermStructureHandle(ql.FlatForward(TODAY, r, DAYS)),
        ql.BlackVolTermStructureHandle(ql.BlackConstantVol(TODAY, CALENDAR, sigma, DAYS)),
    )
    option.setPricingEngine(ql.QdFpAmericanEngine(process, getattr(ql.QdFpAmericanEngine, scheme)()))
    return option
