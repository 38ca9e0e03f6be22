"""pyfeng's Black-Scholes-Merton model: delta and gamma. It has no charm, and a vanna by finite differences only."""

import numpy as np
from pyfeng import Bsm
from serve import Call, Columns, serve


def prepared(c: Columns) -> Call:
    model = Bsm(c["implied_vol"], intr=c["rate"], divr=c["dividend_yield"])
    sign = np.where(c["is_call"], 1, -1)

    def greeks() -> Columns:
        terms = (c["strike"], c["spot"], c["years"], sign)
        return {"delta": model.delta(*terms), "gamma": model.gamma(*terms)}

    return greeks


serve(["pyfeng", "numpy", "scipy"], prepared)
