"""Array aliases that carry the rank, and the constants that carry a unit and a source."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Float64Array1D: TypeAlias = NDArray[np.float64]
Float64Array2D: TypeAlias = NDArray[np.float64]
Float32Array1D: TypeAlias = NDArray[np.float32]
Float32Array2D: TypeAlias = NDArray[np.float32]
Float32Array3D: TypeAlias = NDArray[np.float32]
Int8Array1D: TypeAlias = NDArray[np.int8]
Int8Array2D: TypeAlias = NDArray[np.int8]
Int16Array1D: TypeAlias = NDArray[np.int16]
UInt8Array1D: TypeAlias = NDArray[np.uint8]
UInt64Array1D: TypeAlias = NDArray[np.uint64]
UInt64Array2D: TypeAlias = NDArray[np.uint64]
Int32Array1D: TypeAlias = NDArray[np.int32]
Int32Array2D: TypeAlias = NDArray[np.int32]
Int64Array1D: TypeAlias = NDArray[np.int64]
Int64Array2D: TypeAlias = NDArray[np.int64]
CountArray2D: TypeAlias = NDArray[np.unsignedinteger]  # of whatever width holds the counts
BoolArray1D: TypeAlias = NDArray[np.bool_]
BoolArray2D: TypeAlias = NDArray[np.bool_]
StrArray1D: TypeAlias = NDArray[np.str_]
DateArray1D: TypeAlias = NDArray[np.datetime64]  # datetime64[D]: New York session dates
TimeArray1D: TypeAlias = NDArray[np.datetime64]  # datetime64[s]: UTC instants

SECONDS_PER_YEAR = 365.0 * 86_400.0  # calendar clock of option time (365 days)
SESSIONS_PER_YEAR = 252  # trading sessions, the field's convention for annualising daily figures
STANDARD_MULTIPLIER = 100.0  # shares per standard US equity option (OCC); only where a format's standard symbol says so
BASIS_POINT = 1e-4
