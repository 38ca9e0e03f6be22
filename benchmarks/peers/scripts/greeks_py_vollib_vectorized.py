"""py_vollib_vectorized: delta, gamma, theta, rho, vega in one call. It has no vanna and no charm."""

import numpy as np
from py_vollib_vectorized import get_all_greeks
from serve import Call, Columns, serve


def prepared(c: Columns) -> Call:
    flag = np.where(c["is_call"], "c", "p")
    terms = (c["spot"], c["strike"], c["years"], c["rate"], c["implied_vol"], c["dividend_yield"])

    def greeks() -> Columns:
        found = get_all_greeks(flag, *terms, model="black_scholes_merton", return_as="dict")
        return {"delta": found["delta"], "gamma": found["gamma"]}

    return greeks


serve(["py_vollib_vectorized", "py_lets_be_rational", "numba", "numpy"], prepared)
