"""py_vollib's implied volatility of the Black (1976) price, one contract at a time in a Python loop."""

import numpy as np
from py_vollib.black.implied_volatility import implied_volatility
from serve import Call, Columns, serve


def prepared(c: Columns) -> Call:
    flag = np.where(c["is_call"], "c", "p").tolist()
    rate = -np.log(c["discount"]) / c["years"]
    rows = list(
        zip(*(x.tolist() for x in (c["price"], c["forward"], c["strike"], rate, c["years"])), flag, strict=True)
    )
    return lambda: {"sigma": [implied_volatility(*row) for row in rows]}


serve(["py_vollib", "py_lets_be_rational", "numpy"], prepared)
