"""What cannot be seen in the source of a kernel: that the compiler made vector lanes of its loops."""

from __future__ import annotations

import platform
import re

import llvmlite.binding
import numba
import numpy as np
import pytest

from lightning_gex.analytics import black_scholes, chain_greeks, implied_vol

N = 64


def host_features():
    """What the processor can, as numba's compiler sees it."""
    return dict(llvmlite.binding.get_host_cpu_features())


def columns(count):
    return tuple(np.full((count, N), 0.5))


BOOLS = np.ones(N, dtype=bool)
CODES = np.zeros(N, dtype=np.int8)
ONE_SERIES = (np.array([0, N]), *np.full((4, 1), 0.5))
KERNELS = {
    "greeks": (black_scholes._greeks_kernel, (*columns(6), BOOLS, *columns(6))),
    "higher greeks": (black_scholes._higher_greeks_kernel, columns(10)),
    "price": (black_scholes._price_kernel, (*columns(6), BOOLS, *columns(1))),
    "log moneyness": (chain_greeks.log_moneyness_kernel, (*ONE_SERIES[:2], *columns(2))),
    "chain": (chain_greeks._lone_greeks, (0.5, 0.5, 0.5, 0.5, *columns(2), BOOLS, *columns(4))),
    "chain's vega and theta": (chain_greeks._lone_vega_theta, (0.5, 0.5, 0.5, 0.5, *columns(2), BOOLS, *columns(2))),
    "preparing a volatility": (
        implied_vol._prepare,
        (0, N, *columns(5), BOOLS, *columns(2), BOOLS.copy(), *columns(1), CODES),
    ),
    "a step of a volatility": (implied_vol._step, (N, *columns(2), BOOLS, *columns(2))),
    "finishing a volatility": (implied_vol._finish, (0, N, *columns(3), CODES)),
}


@pytest.mark.skipif(
    platform.machine() not in {"x86_64", "AMD64"} or not host_features().get("avx2"),
    reason="asks for instructions of x86 with AVX2",
)
@pytest.mark.parametrize("name", KERNELS)
def test_contracts_are_divided_in_lanes_and_nowhere_one_by_one(name):
    kernel, arguments = KERNELS[name]
    compiled = numba.njit(error_model="numpy")(kernel.py_func)  # anew: a kernel from the disk shows no listing
    compiled(*arguments)
    (listing,) = compiled.inspect_asm().values()
    once_a_series = 2 if "chain" in name else 0  # 1/S and 1/T
    assert re.search(r"\bv?divpd\b", listing)
    assert len(re.findall(r"\bv?divsd\b", listing)) <= once_a_series
