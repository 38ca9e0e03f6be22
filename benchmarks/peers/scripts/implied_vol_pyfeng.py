"""pyfeng's implied volatility: Newton's method on the logarithm of the price, all contracts together."""

import numpy as np
from pyfeng import Bsm
from serve import Call, Columns, serve


def prepared(c: Columns) -> Call:
    # On the forward: spot given is the forward, and what discounts is the rate.
    model = Bsm(0.2, intr=-np.log(c["discount"]) / c["years"], is_fwd=True)
    sign = np.where(c["is_call"], 1, -1)
    return lambda: {"sigma": model.impvol(c["price"], c["strike"], c["forward"], c["years"], sign)}


serve(["pyfeng", "numpy", "scipy"], prepared)
