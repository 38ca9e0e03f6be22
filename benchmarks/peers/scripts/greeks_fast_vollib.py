"""fast-vollib, its numba backend: delta, gamma, theta, rho, vega in one call. It has no vanna and no charm."""

import numpy as np
from fast_vollib import get_all_greeks
from serve import Call, Columns, serve


def prepared(c: Columns) -> Call:
    flag = np.where(c["is_call"], "c", "p")

    def greeks() -> Columns:
        found = get_all_greeks(
            flag,
            c["spot"],
            c["strike"],
            c["years"],
            c["rate"],
            c["implied_vol"],
            c["dividend_yield"],
            model="black_scholes_merton",
            return_as="dict",
            backend="numba",
        )
        return {"delta": found["delta"], "gamma": found["gamma"]}

    return greeks


serve(["fast-vollib", "numba", "numpy"], prepared)
