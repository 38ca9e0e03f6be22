"""QuantLib's BlackCalculator, one object a contract in a Python loop: delta and gamma. It has no vanna and no charm."""

import numpy as np
import QuantLib as ql  # noqa: N813 - its own manual's name
from serve import Call, Columns, serve


def prepared(c: Columns) -> Call:
    years = c["years"]
    forward = c["spot"] * np.exp((c["rate"] - c["dividend_yield"]) * years)
    kind = np.where(c["is_call"], ql.Option.Call, ql.Option.Put)
    deviation, bill = c["implied_vol"] * np.sqrt(years), np.exp(-c["rate"] * years)
    rows = list(zip(*(x.tolist() for x in (kind, c["strike"], forward, deviation, bill, c["spot"])), strict=True))

    def greeks() -> Columns:
        delta, gamma = [], []
        for side, strike, F, total, D, S in rows:
            calculator = ql.BlackCalculator(ql.PlainVanillaPayoff(side, strike), F, total, D)
            delta.append(calculator.delta(S))
            gamma.append(calculator.gamma(S))
        return {"delta": delta, "gamma": gamma}

    return greeks


serve(["QuantLib", "numpy"], prepared)
