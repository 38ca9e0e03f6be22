"""QuantLib's blackFormulaImpliedStdDev, one contract at a time in a Python loop, asked for 1e-12."""

import math

import numpy as np
import QuantLib as ql  # noqa: N813 - its own manual's name
from serve import Call, Columns, serve

ACCURACY, MOST_EVALUATIONS = 1e-12, 100


def prepared(c: Columns) -> Call:
    kind = np.where(c["is_call"], ql.Option.Call, ql.Option.Put)
    rows = list(
        zip(
            *(x.tolist() for x in (kind, c["strike"], c["forward"], c["price"], c["discount"], np.sqrt(c["years"]))),
            strict=True,
        )
    )

    def implied_vol() -> Columns:
        found = []
        for side, K, F, P, D, root_t in rows:
            try:
                total = ql.blackFormulaImpliedStdDev(side, K, F, P, D, 0.0, ql.nullDouble(), ACCURACY, MOST_EVALUATIONS)
            except RuntimeError:
                total = math.nan
            found.append(total / root_t)
        return {"sigma": found}

    return implied_vol


serve(["QuantLib", "numpy"], prepared)
