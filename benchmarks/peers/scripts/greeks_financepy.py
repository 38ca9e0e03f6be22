"""FinancePy's analytic Black-Scholes functions, compiled by numba: delta, gamma, vanna. It has no charm."""

import numpy as np
from financepy.models import black_scholes_analytic as model
from financepy.utils.global_types import OptionTypes
from serve import Call, Columns, serve


def prepared(c: Columns) -> Call:
    kind = np.where(c["is_call"], OptionTypes.EUROPEAN_CALL.value, OptionTypes.EUROPEAN_PUT.value).astype(np.int64)
    terms = (c["spot"], c["years"], c["strike"], c["rate"], c["dividend_yield"], c["implied_vol"], kind)
    return lambda: {"delta": model.delta(*terms), "gamma": model.gamma(*terms), "vanna": model.vanna(*terms)}


serve(["financepy", "numba", "numpy"], prepared)
