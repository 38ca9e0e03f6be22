"""A dated table of named columns: flow, volatility index, market context."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lightning_gex.core.errors import InputError
from lightning_gex.core.units import DateArray1D, Float64Array1D


@dataclass(frozen=True, slots=True, eq=False)
class DatedSeries:
    """Columns by session. A row is known after that session's close, never before.

    Parameters
    ----------
    session : (n,) ``datetime64[D]``, strictly increasing.
    columns : name -> (n,) float64, NaN where absent.
    source : where it came from, for messages.
    """

    session: DateArray1D
    columns: Mapping[str, Float64Array1D]
    source: str

    def __post_init__(self) -> None:
        if len(self.session) > 1:
            step = np.diff(self.session.astype(np.int64))
            if (step <= 0).any():
                i = int(np.argmax(step <= 0)) + 1
                word = "is a duplicate" if step[i - 1] == 0 else "is earlier than the row before: sort by date"
                raise InputError(f"{self.session[i]} {word}", source=self.source, row=i, field="date")
        for name, values in self.columns.items():
            if values.shape != (len(self.session),):
                raise InputError(f"{name} has not one value a session", source=self.source, field=name)

    def aligned(self, name: str, sessions: DateArray1D, *, max_age_days: int) -> Float64Array1D:
        """The latest value of a column at or before each session; NaN where there is none or it is too old.

        Parameters
        ----------
        name : a column of this table.
        sessions : (m,) ``datetime64[D]``.
        max_age_days : calendar days after which a value is stale.

        Returns
        -------
        (m,) float64.
        """
        index = np.searchsorted(self.session, sessions, side="right") - 1
        out = np.full(len(sessions), np.nan)
        known = index >= 0
        age = (sessions[known] - self.session[index[known]]).astype("timedelta64[D]").astype(np.int64)
        values = self.columns[name][index[known]]
        out[known] = np.where(age <= max_age_days, values, np.nan)
        return out
