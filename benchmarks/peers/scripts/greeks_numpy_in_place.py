"""As ``greeks_numpy``, in columns allocated once and reused by every call: what numpy can do without a new page."""

import numpy as np
from scipy.special import ndtr
from serve import Call, Columns, serve

INV_SQRT_2PI = 0.3989422804014327


def prepared(c: Columns) -> Call:
    S, K, T, sigma, r, q, call = (
        c[k] for k in ("spot", "strike", "years", "implied_vol", "rate", "dividend_yield", "is_call")
    )
    n = len(K)
    total, d1, d2, share, density, sign, x, y, delta, gamma, vanna, charm = (np.empty(n) for _ in range(12))

    def greeks() -> Columns:
        np.multiply(np.sqrt(T, out=total), sigma, out=total)
        np.log(np.divide(S, K, out=d1), out=d1)
        np.multiply(np.subtract(r, q, out=x), T, out=x)
        np.divide(np.add(d1, x, out=d1), total, out=d1)
        np.add(d1, np.multiply(total, 0.5, out=y), out=d1)
        np.subtract(d1, total, out=d2)
        np.exp(np.negative(np.multiply(q, T, out=y), out=y), out=share)
        np.exp(np.multiply(np.multiply(d1, d1, out=y), -0.5, out=y), out=density)
        np.multiply(np.multiply(density, share, out=density), INV_SQRT_2PI, out=density)
        np.copyto(sign, -1.0)
        np.copyto(sign, 1.0, where=call)
        ndtr(np.multiply(sign, d1, out=y), out=delta)
        np.multiply(np.multiply(delta, share, out=delta), sign, out=delta)
        np.divide(density, np.multiply(S, total, out=y), out=gamma)
        np.divide(np.multiply(density, d2, out=vanna), sigma, out=vanna)
        np.negative(vanna, out=vanna)
        np.subtract(np.multiply(x, 2.0, out=x), np.multiply(d2, total, out=y), out=x)
        np.multiply(np.multiply(total, T, out=y), 2.0, out=y)
        np.multiply(np.divide(x, y, out=x), density, out=x)
        np.subtract(np.multiply(q, delta, out=charm), x, out=charm)
        return {"delta": delta, "gamma": gamma, "vanna": vanna, "charm": charm}

    return greeks


serve(["numpy", "scipy"], prepared)
