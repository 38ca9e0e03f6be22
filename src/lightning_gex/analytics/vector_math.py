"""Branch-free exp, log and scaled complementary error function that a compiler can turn into vector lanes.

``math.exp``, ``math.log`` and ``math.erfc`` stay scalar calls inside a compiled loop. These are written with selects
and no calls instead, so that a loop over contracts uses the processor's lanes. Each is good to about two units in the
last place; ``erfcx_lane`` to 1e-15 relative. They must be compiled without ``fastmath`` and must not be inlined at the
numba level (``inline='always'``), because reassociation destroys the rounding trick inside ``exp_lane``. numba keeps
compiled callers on disk by the date of *their* file: after a change here, touch the modules that import it.

Sources: Cody & Waite, *Software Manual for the Elementary Functions* (1980), chapters 5 and 6 (range reduction);
Shepherd & Laframboise, *Chebyshev approximation of (1 + 2x) exp(x^2) erfc(x)*, Math. Comp. 36 (1981) 249-253 (the
mapping of the half line to [-1, 1]). The coefficients were computed for this package at 60 digits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numba
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.extending import intrinsic

_LOG2E = 1.4426950408889634
_LN2_HI = 6.93147180369123816490e-01  # the upper 33 bits: times an integer below 2^20 it is exact
_LN2_LO = 1.90821492927058770002e-10
_ROUND = 6755399441055744.0  # 1.5 * 2^52: adding it leaves the nearest integer in the low bits
_EXP_LOW, _EXP_HIGH = -708.0, 709.0
_INFINITY = float("inf")
SQRT_HALF = 0.7071067811865476
INV_SQRT_2PI = 0.3989422804014327
SQRT_HALF_PI = 1.2533141373155003


@intrinsic
def _bits_of_intrinsic(typing_context: Any, value: Any) -> tuple[Any, Any]:  # noqa: ANN401 - numba's own types
    """The 64 bits of a float64, as an int64."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        return builder.bitcast(arguments[0], context.get_value_type(types.int64))

    return types.int64(types.float64), code


@intrinsic
def _float_of_intrinsic(typing_context: Any, bits: Any) -> tuple[Any, Any]:  # noqa: ANN401 - numba's own types
    """The float64 that 64 bits stand for."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        return builder.bitcast(arguments[0], context.get_value_type(types.float64))

    return types.float64(types.int64), code


@intrinsic
def _fused_intrinsic(typing_context: Any, a: Any, b: Any, c: Any) -> tuple[Any, Any]:  # noqa: ANN401 - numba's own types
    """a b + c, rounded once where the processor can."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        real = context.get_value_type(types.float64)
        shape = ir.FunctionType(real, [real, real, real])
        return builder.call(builder.module.declare_intrinsic("llvm.fmuladd", [real], shape), arguments)

    return types.float64(types.float64, types.float64, types.float64), code


_bits_of = cast("Callable[[float], int]", _bits_of_intrinsic)
_float_of = cast("Callable[[int], float]", _float_of_intrinsic)
_fused = cast("Callable[[float, float, float], float]", _fused_intrinsic)


@numba.njit(cache=True, forceinline=True, error_model="numpy")
def exp_lane(x: float) -> float:
    """e^x; 0 below -708 and infinity above 709. NaN in, NaN out."""
    inside = min(max(x, _EXP_LOW), _EXP_HIGH)
    shifted = inside * _LOG2E + _ROUND
    k = shifted - _ROUND
    r = (inside - k * _LN2_HI) - k * _LN2_LO
    p = 1.6059043836821613e-10  # 1/13!, and so on down to 1/2!
    p = _fused(p, r, 2.08767569878681e-09)
    p = _fused(p, r, 2.505210838544172e-08)
    p = _fused(p, r, 2.755731922398589e-07)
    p = _fused(p, r, 2.7557319223985893e-06)
    p = _fused(p, r, 2.48015873015873e-05)
    p = _fused(p, r, 1.984126984126984e-04)
    p = _fused(p, r, 1.388888888888889e-03)
    p = _fused(p, r, 8.333333333333333e-03)
    p = _fused(p, r, 4.1666666666666664e-02)
    p = _fused(p, r, 1.6666666666666666e-01)
    p = _fused(p, r, 0.5)
    value = (1.0 + (r + r * r * p)) * _float_of((_bits_of(shifted) + 1023) << 52)
    value = 0.0 if x < _EXP_LOW else value
    value = _INFINITY if x > _EXP_HIGH else value
    return value if x == x else x


@numba.njit(cache=True, forceinline=True, error_model="numpy")
def log_lane(x: float) -> float:
    """ln x for a positive, normal x (2.3e-308 .. 1.8e308). Anything else gives nonsense: guard before."""
    bits = _bits_of(x)
    mantissa = _float_of((bits & 0x000FFFFFFFFFFFFF) | 0x3FF0000000000000)
    # The exponent as a float without an integer conversion, which has no lane before AVX-512.
    exponent = _float_of((bits >> 52) | 0x4330000000000000) - (4503599627370496.0 + 1023.0)
    upper = mantissa > 1.4142135623730951
    mantissa = 0.5 * mantissa if upper else mantissa
    exponent = exponent + 1.0 if upper else exponent
    s = (mantissa - 1.0) / (mantissa + 1.0)
    z = s * s
    p = 1.0 / 21.0
    p = _fused(p, z, 1.0 / 19.0)
    p = _fused(p, z, 1.0 / 17.0)
    p = _fused(p, z, 1.0 / 15.0)
    p = _fused(p, z, 1.0 / 13.0)
    p = _fused(p, z, 1.0 / 11.0)
    p = _fused(p, z, 1.0 / 9.0)
    p = _fused(p, z, 1.0 / 7.0)
    p = _fused(p, z, 0.2)
    p = _fused(p, z, 1.0 / 3.0)
    twice = s + s
    return exponent * _LN2_HI + (twice + (twice * z * p + exponent * _LN2_LO))


@numba.njit(cache=True, forceinline=True, error_model="numpy")
def erfcx_lane(z: float) -> float:
    """e^(z^2) erfc(z) for z >= 0 (use ``erfcx(-z) = 2 e^(z^2) - erfcx(z)`` on the other side)."""
    t = (z - 3.0) / (z + 3.0)
    p = 8.393734858690877e-10
    p = _fused(p, t, 9.862533510345587e-10)
    p = _fused(p, t, -8.217595058711455e-09)
    p = _fused(p, t, -1.3312919661038687e-08)
    p = _fused(p, t, 4.1064013667940355e-08)
    p = _fused(p, t, 1.0183620603842736e-07)
    p = _fused(p, t, -1.4047654315428462e-07)
    p = _fused(p, t, -6.166011460398726e-07)
    p = _fused(p, t, 3.5576086684080595e-07)
    p = _fused(p, t, 3.472370944977168e-06)
    p = _fused(p, t, -7.308281468783614e-07)
    p = _fused(p, t, -2.0100542268525612e-05)
    p = _fused(p, t, 4.949196649968345e-06)
    p = _fused(p, t, 1.250993424583729e-04)
    p = _fused(p, t, -1.0515971958448065e-04)
    p = _fused(p, t, -7.798322696543306e-04)
    p = _fused(p, t, 1.8886903449991718e-03)
    p = _fused(p, t, 2.5293918156939696e-03)
    p = _fused(p, t, -2.377051491717134e-02)
    p = _fused(p, t, 6.83080273440099e-02)
    p = _fused(p, t, -1.1927366341538638e-01)
    p = _fused(p, t, 1.296451587027594e-01)
    p = _fused(p, t, -4.75622943534492e-02)
    p = _fused(p, t, -1.3562110612458117e-01)
    p = _fused(p, t, 1.2530080582697296)
    return p / (1.0 + 2.0 * z)


@numba.njit(cache=True, forceinline=True, error_model="numpy")
def normal_cdf_lane(d: float, gauss: float) -> float:
    """N(d), given ``gauss`` = e^(-d^2/2)."""
    tail = 0.5 * gauss * erfcx_lane(abs(d) * SQRT_HALF)
    return 1.0 - tail if d > 0.0 else tail
