"""A situation as sixteen numbers in [-1, 1], by fixed transforms: nothing is fitted, so nothing of the future leaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from lightning_gex.core.errors import InputError
from lightning_gex.core.features import Features
from lightning_gex.core.units import Float64Array1D, Float64Array2D

#: Raised by one whenever an element changes its meaning, its place or its transform: vectors of different schemas are
#: never compared.
VECTOR_SCHEMA = 1
#: schema -> the step that turns (n, d) vectors of that schema into those of the next; one without a step is refused.
SCHEMA_STEPS: Mapping[int, Callable[[Float64Array2D], Float64Array2D]] = {}
#: What the elements mean, in order. Plus is up, strong or lively; see ``situation_vectors`` for each transform.
VECTOR_NAMES: tuple[str, ...] = (
    "price_to_sma_20",
    "price_to_sma_50",
    "price_to_sma_200",
    "adx",
    "rsi",
    "bollinger_position",
    "range_position",
    "volume_ratio",
    "atr_ratio",
    "volatility",
    "gex_signal",
    "charm_pressure",
    "vanna_sensitivity",
    "dark_pool_flow",
    "spy_trend",
    "vix_ratio",
)

#: ATRs from the moving average that map to tanh(1) = 0.76. A random walk strays from its n-session average by about
#: sqrt(n / 3) daily standard deviations, and its expected daily range is sqrt(8 / pi) = 1.6 of those (Feller, "The
#: asymptotic distribution of the range of sums of independent random variables", 1951).
SMA_SCALE_ATR = {"sma_20": 1.6, "sma_50": 2.6, "sma_200": 5.1}
ADX_CENTRE, ADX_SCALE = 25.0, 15.0  # Wilder (1978): a trend begins at about 25
VOLATILITY_CENTRE = 0.20  # annualised fraction; maps to 0, and e times it to tanh(1)
ATR_RATIO_SCALE = 0.25  # log of ATR over its 20-session average
VIX_RATIO_SCALE = 0.25  # log of VIX over its 20-session average


def situation_vectors(features: Features) -> Float64Array2D:
    """The situation of every row as sixteen bounded numbers, for recall by likeness.

    Each element is a fixed function of its own row. With ``log r(x, y) = ln(x / y)``:

    - ``price_to_sma_n`` = tanh((price - sma_n) / (k_n ATR)), k_n from ``SMA_SCALE_ATR``
    - ``adx`` = tanh((adx - 25) / 15); ``rsi`` = (rsi - 50) / 50
    - ``bollinger_position`` = (price - middle) / (upper - lower): +-0.5 at the bands;
      ``range_position`` the same between support and resistance
    - ``volume_ratio`` = tanh(log r(volume, avg_volume)); ``volatility`` = tanh(log r(volatility, 0.20))
    - ``atr_ratio`` = tanh(log r(atr, atr_20_avg) / 0.25); ``vix_ratio`` = tanh(log r(vix, vix_20_avg) / 0.25)
    - the four options features and ``spy_trend`` as they are

    all cut to [-1, 1].

    Parameters
    ----------
    features : n rows.

    Returns
    -------
    (n, 16) float64 in the order of ``VECTOR_NAMES``; NaN where an input is absent or cannot be (a price or average
    that is not positive, bands of no width).
    """
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is absent, below
        stacked = np.column_stack(_columns(features))
    stacked[~np.isfinite(stacked)] = np.nan
    vectors: Float64Array2D = np.clip(stacked, -1.0, 1.0)
    return vectors


def present_vectors(vectors: Float64Array2D, schema: int) -> Float64Array2D:
    """Vectors of an earlier schema as the present one would have them.

    Parameters
    ----------
    vectors : (n, d) of that schema; NaN where absent.
    schema : the version they were made in.

    Returns
    -------
    (n, d) of ``VECTOR_SCHEMA``; the same array where it is of that schema already. What the earlier one did not hold is
    NaN.

    Raises
    ------
    InputError : a schema that this version does not know, or that no step leads on from.
    """
    for version in range(schema, VECTOR_SCHEMA):
        step = SCHEMA_STEPS.get(version)
        if step is None:
            raise InputError(
                f"situation vectors of schema {version} cannot be compared with those of schema {VECTOR_SCHEMA}",
                field="schema",
            )
        vectors = step(vectors)
    if not 1 <= schema <= VECTOR_SCHEMA:
        raise InputError(
            f"situation vectors of schema {schema} are not known to this version, which knows 1 to {VECTOR_SCHEMA}",
            field="schema",
        )
    return vectors


def _columns(features: Features) -> list[Float64Array1D]:
    price, atr = features["price"], features["atr"]
    return [
        *(_tanh((price - features[sma]) / (scale * _positive(atr))) for sma, scale in SMA_SCALE_ATR.items()),
        _tanh((features["adx"] - ADX_CENTRE) / ADX_SCALE),
        (features["rsi"] - 50.0) / 50.0,
        _position(price, features["bb_lower"], features["bb_upper"]),
        _position(price, features["support"], features["resistance"]),
        _tanh(_log_ratio(features["volume"], features["avg_volume"])),
        _tanh(_log_ratio(atr, features["atr_20_avg"]) / ATR_RATIO_SCALE),
        _tanh(_log_ratio(features["volatility"], np.full(len(features), VOLATILITY_CENTRE))),
        features["gex_signal"],
        features["charm_pressure"],
        features["vanna_sensitivity"],
        features["dark_pool_flow"],
        features["spy_trend"],
        _tanh(_log_ratio(features["vix"], features["vix_20_avg"]) / VIX_RATIO_SCALE),
    ]


def _positive(values: Float64Array1D) -> Float64Array1D:
    """The values that are positive numbers; NaN elsewhere."""
    out: Float64Array1D = np.where(np.isfinite(values) & (values > 0.0), values, np.nan)
    return out


def _log_ratio(numerator: Float64Array1D, denominator: Float64Array1D) -> Float64Array1D:
    ratio: Float64Array1D = np.log(_positive(numerator)) - np.log(_positive(denominator))
    return ratio


def _tanh(values: Float64Array1D) -> Float64Array1D:
    out: Float64Array1D = np.tanh(values)
    return out


def _position(price: Float64Array1D, low: Float64Array1D, high: Float64Array1D) -> Float64Array1D:
    return (price - 0.5 * (low + high)) / _positive(high - low)
