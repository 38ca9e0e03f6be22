"""Branch-free exp, log and normal-tail functions that a compiler can turn into vector lanes.

``math.exp``, ``math.log`` and ``math.erfc`` stay scalar calls inside a compiled loop. These are written with selects
and no calls instead, so that a loop over contracts uses the processor's lanes. Each is good to about two units in the
last place, ``mills_lane`` to 1e-15 relative. They must be compiled without ``fastmath`` and must not be inlined at the
numba level (``inline='always'``), because reassociation destroys the rounding trick inside ``exp_lane``.

How kernels use them (why: ``docs/decisions/0010_lanes_of_eight.md``): the kernel calls ``use_vector_lanes()`` and runs
its work in inner loops of exactly ``LANES`` turns, which the compiler replaces by one pass over vector registers.

Sources: Cody & Waite, *Software Manual for the Elementary Functions* (1980), chapters 5 and 6 (range reduction);
Cody, *Rational Chebyshev approximations for the error function*, Math. Comp. 23 (1969) 631-637 (the form used for the
tail). The coefficients are minimax (Remez exchange) and were computed for this package at 60 digits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numba
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.extending import intrinsic

LANES = 8  # float64 in the widest vector register (512 bits); narrower machines take two or four registers
_LANE_BITS = 512
_LOG2E = 1.4426950408889634
_HALF_LOG2E = 0.7213475204444817
_LN2 = 0.6931471805599453
_LN2_HI = 6.93147180369123816490e-01  # the upper 33 bits: times an integer below 2^20 it is exact
_LN2_LO = 1.90821492927058770002e-10
_ROUND = 6755399441055744.0  # 1.5 * 2^52: adding it leaves the nearest integer in the low bits
_EXP_LOW, _EXP_HIGH = -708.0, 709.0
_INFINITY = float("inf")
#: From here on the normal density is taken as exactly zero (it is 1e-308 of its peak).
GAUSS_LIMIT = 37.6
INV_SQRT_2PI = 0.3989422804014327
SQRT_2PI = 2.5066282746310002
_EXPONENT_BITS = 52
_HALF_OCTAVE = 1 << 51
_EXPONENT_MASK = ~((1 << 52) - 1)
_ROUND_BITS = 0x4338000000000000  # the bits of 1.5 * 2^52


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


def _ternary(name: str) -> Callable[[float, float, float], float]:
    """A compiled function of three numbers that is one instruction of LLVM."""

    @intrinsic
    def operation(typing_context: Any, a: Any, b: Any, c: Any) -> tuple[Any, Any]:  # noqa: ANN401 - numba's own types
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
            real = context.get_value_type(types.float64)
            shape = ir.FunctionType(real, [real, real, real])
            return builder.call(builder.module.declare_intrinsic(name, [real], shape), arguments)

        return types.float64(types.float64, types.float64, types.float64), code

    return cast("Callable[[float, float, float], float]", operation)


@intrinsic
def _vector_lanes_intrinsic(typing_context: Any) -> tuple[Any, Any]:  # noqa: ANN401 - numba's own types
    """Attributes for the function under compilation; no code."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        function = builder.function
        # LLVM holds back half the width on processors that once slowed down for it. llvmlite lists no such attribute,
        # hence past its check; and the function has to stay one of its own, or its caller's attributes would count.
        set.add(function.attributes, f'"prefer-vector-width"="{_LANE_BITS}"')
        function.attributes.add("noinline")
        # Else a loop of eight turns is unrolled before it comes to be made into lanes.
        function.attributes.add("optsize")
        for argument in function.args:
            if argument.name.endswith(_DATA_OF_AN_ARRAY):
                argument.add_attribute("noalias")
        return context.get_dummy_value()

    return types.none(), code


_DATA_OF_AN_ARRAY = ".4"  # numba hands an array over as seven arguments; the fifth points to its values

#: The 64 bits of a float64, as an int64.
bits_of = cast("Callable[[float], int]", _bits_of_intrinsic)
#: The float64 that 64 bits stand for.
float_of = cast("Callable[[int], float]", _float_of_intrinsic)
#: a b + c, rounded once where the processor can.
fused = _ternary("llvm.fmuladd")
#: a b + c, rounded once everywhere (slow where the processor cannot).
exactly_fused = _ternary("llvm.fma")
#: To be called inside a kernel: its loops may use the widest lanes, and its array arguments do not overlap.
use_vector_lanes = cast("Callable[[], None]", _vector_lanes_intrinsic)


@numba.njit(cache=True, forceinline=True, error_model="numpy")
def exp_lane(x: float) -> float:
    """e^x; 0 below -708 and infinity above 709. NaN in, NaN out."""
    inside = min(max(x, _EXP_LOW), _EXP_HIGH)
    shifted = fused(inside, _LOG2E, _ROUND)
    k = shifted - _ROUND
    r = fused(k, -_LN2_LO, fused(k, -_LN2_HI, inside))
    z = r * r
    # Even and odd powers in two chains: the processor works on both at once.
    even = fused(2.7630248463652823e-07, z, 2.4801493098700975e-05)
    odd = fused(2.5000058318903707e-08, z, 2.7557586386765752e-06)
    even = fused(even, z, 1.3888888943630264e-03)
    odd = fused(odd, z, 1.9841269506560774e-04)
    even = fused(even, z, 4.1666666666530155e-02)
    odd = fused(odd, z, 8.333333333494472e-03)
    even = fused(even, z, 0.5000000000000011)
    odd = fused(odd, z, 0.16666666666666413)
    value = (1.0 + fused(z, fused(odd, r, even), r)) * float_of((bits_of(shifted) + 1023) << _EXPONENT_BITS)
    value = 0.0 if x < _EXP_LOW else value
    value = _INFINITY if x > _EXP_HIGH else value
    return value if x == x else x


@numba.njit(cache=True, forceinline=True, error_model="numpy")
def gauss_lane(a: float) -> float:
    """e^(-a^2/2) for 0 <= a < ``GAUSS_LIMIT`` and for the plain NaN; nonsense elsewhere: guard before."""
    square = a * a
    shifted = fused(square, -_HALF_LOG2E, _ROUND)
    t = fused(square, -_HALF_LOG2E, _ROUND - shifted)  # the power of two that is left, within half a unit
    z = t * t
    even = fused(7.073783300443953e-09, z, 1.3215435282018728e-06)
    odd = fused(4.4347679684140066e-10, z, 1.0178199596062472e-07)
    even = fused(even, z, 1.5403530457112636e-04)
    odd = fused(odd, z, 1.5252733493062873e-05)
    even = fused(even, z, 9.618129107594119e-03)
    odd = fused(odd, z, 1.3333558146774698e-03)
    even = fused(even, z, 0.2402265069591013)
    odd = fused(odd, z, 5.5504108664820084e-02)
    even = fused(even, z, 1.0)
    odd = fused(odd, z, _LN2)
    return float_of(bits_of(fused(odd, t, even)) + (bits_of(shifted) << _EXPONENT_BITS))


@numba.njit(cache=True, forceinline=True, error_model="numpy")
def log_ratio_lane(a: float, b: float) -> float:
    """ln(a / b) without the rounding of a / b, for positive, normal a and b. Anything else gives nonsense.

    b is brought within a factor 1.5 of a by a power of two, which is exact; then ln(a/b) = 2 artanh((a-b) / (a+b)).
    """
    octaves = (bits_of(a) - bits_of(b) + _HALF_OCTAVE) & _EXPONENT_MASK
    near = float_of(bits_of(b) + octaves)
    exponent = float_of((octaves >> _EXPONENT_BITS) + _ROUND_BITS) - _ROUND
    s = (a - near) / (a + near)
    return fused(exponent, _LN2, two_artanh_lane(s))


@numba.njit(cache=True, forceinline=True, error_model="numpy")
def two_artanh_lane(s: float) -> float:
    """2 artanh(s) for |s| <= 0.2."""
    z = s * s
    p = fused(0.0768964191186799, z, 0.07624380174779696)
    p = fused(p, z, 0.09093213775686795)
    p = fused(p, z, 0.11111068376843045)
    p = fused(p, z, 0.14285714708361139)
    p = fused(p, z, 0.19999999998021017)
    p = fused(p, z, 0.3333333333333647)
    twice = s + s
    return fused(twice * z, p, twice)


@numba.njit(cache=True, forceinline=True, error_model="numpy")
def log_lane(x: float) -> float:
    """ln x for a positive, normal x (2.3e-308 .. 1.8e308). Anything else gives nonsense: guard before."""
    return log_ratio_lane(x, 1.0)


@numba.njit(cache=True, forceinline=True, error_model="numpy")
def mills_lane(a: float) -> float:
    """Mills' ratio N(-a) / phi(a) for a >= 0 (and ``1 / phi(a) - mills_lane(a)`` for the other side).

    A quotient of polynomials with positive coefficients: no digit is lost anywhere on the half line.
    """
    top = fused(0.9999999999999996, a, 25.39933665512843)
    bottom = a + 25.39933665512743
    top = fused(top, a, 319.0431161279078)
    bottom = fused(bottom, a, 320.0431161283151)
    top = fused(top, a, 2553.7160331302616)
    bottom = fused(bottom, a, 2579.115369721055)
    top = fused(top, a, 14219.21944002036)
    bottom = fused(bottom, a, 14536.262561419284)
    top = fused(top, a, 56851.67081773359)
    bottom = fused(bottom, a, 59354.58791643006)
    top = fused(top, a, 163084.32839626152)
    bottom = fused(bottom, a, 176675.47020445345)
    top = fused(top, a, 324669.33329128707)
    bottom = fused(bottom, a, 376667.3645547109)
    top = fused(top, a, 410497.38722619397)
    bottom = fused(bottom, a, 548263.1888823294)
    top = fused(top, a, 255798.5874281715)
    bottom = fused(bottom, a, 490375.9660181523)
    bottom = fused(bottom, a, 204097.74358412006)
    return top / bottom


@numba.njit(cache=True, forceinline=True, error_model="numpy")
def normal_cdf_lane(d: float, gauss: float) -> float:
    """N(d), given ``gauss`` = e^(-d^2/2)."""
    tail = gauss * INV_SQRT_2PI * mills_lane(abs(d))
    return 1.0 - tail if d > 0.0 else tail
