"""py_vollib_vectorized's implied volatility of the Black (1976) price."""

import numpy as np
from py_vollib_vectorized import vectorized_implied_volatility_black
from serve import Call, Columns, serve


def prepared(c: Columns) -> Call:
    flag = np.where(c["is_call"], "c", "p")
    rate = -np.log(c["discount"]) / c["years"]

    def implied_vol() -> Columns:
        found = vectorized_implied_volatility_black(
            c["price"], c["forward"], c["strike"], rate, c["years"], flag, on_error="ignore", return_as="numpy"
        )
        return {"sigma": found}

    return implied_vol


serve(["py_vollib_vectorized", "py_lets_be_rational", "numba", "numpy"], prepared)
