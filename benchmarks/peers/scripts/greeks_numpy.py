"""numpy and scipy, every expression that occurs twice computed once, the normal distribution by scipy.special.ndtr."""

import numpy as np
from scipy.special import ndtr
from serve import Call, Columns, serve

INV_SQRT_2PI = 0.3989422804014327


def prepared(c: Columns) -> Call:
    S, K, T, sigma, r, q, call = (
        c[k] for k in ("spot", "strike", "years", "implied_vol", "rate", "dividend_yield", "is_call")
    )

    def greeks() -> Columns:
        root_t = np.sqrt(T)
        total = sigma * root_t
        d1 = (np.log(S / K) + (r - q + 0.5 * sigma * sigma) * T) / total
        d2 = d1 - total
        share = np.exp(-q * T)
        density = share * np.exp(-0.5 * d1 * d1) * INV_SQRT_2PI
        sign = np.where(call, 1.0, -1.0)
        delta = sign * share * ndtr(sign * d1)
        gamma = density / (S * total)
        vanna = -density * d2 / sigma
        charm = q * delta - density * (2.0 * (r - q) * T - d2 * total) / (2.0 * T * total)
        return {"delta": delta, "gamma": gamma, "vanna": vanna, "charm": charm}

    return greeks


serve(["numpy", "scipy"], prepared)
