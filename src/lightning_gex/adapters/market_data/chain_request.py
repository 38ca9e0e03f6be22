"""What a caller says about a chain file beside its name, and how that goes with what the file says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from numbers import Real

import numpy as np

from lightning_gex.adapters.market_data.quote_time import checked_moment
from lightning_gex.core.errors import InputError, SettingsError
from lightning_gex.core.sessions import close_of, is_session, session_of

_EXAMPLE = "2024-06-03T15:30:00-04:00"
_SAME_SPOT = 1e-9  # relative


@dataclass(frozen=True, slots=True)
class ChainRequest:
    """What the caller asks for, or knows where the file is silent.

    Parameters
    ----------
    underlying : symbol the chain must be of, or that is picked among several; None takes the file's own.
    as_of : when the quotes were true: an aware moment, or a session's date. None takes the file's own.
    spot : USD; None takes the file's own.

    Raises
    ------
    SettingsError : a moment without a zone, a date without a session, a spot that is no price.
    """

    underlying: str | None = None
    as_of: datetime | date | None = None
    spot: float | None = None

    def __post_init__(self) -> None:
        if isinstance(self.as_of, datetime):
            if self.as_of.tzinfo is None:
                raise SettingsError(f"as_of {self.as_of.isoformat()} has no time zone: give one, such as {_EXAMPLE}")
            _checked(self.as_of)
        elif self.as_of is not None and not isinstance(self.as_of, date):
            raise SettingsError(f"as_of {self.as_of} is neither a datetime with a zone nor a date: {_EXAMPLE} is one")
        elif self.as_of is not None and not is_session(np.array([self.as_of], dtype="datetime64[D]"))[0]:
            raise SettingsError(f"as_of {self.as_of} is no session of the New York exchange: name one, or a moment")
        if self.spot is not None and not _is_price(self.spot):
            raise SettingsError(f"spot {self.spot} is not a positive price in USD")

    @property
    def session(self) -> np.datetime64 | None:
        """The New York session asked for, whether by date or by moment."""
        if self.as_of is None:
            return None
        return session_of(self.as_of) if isinstance(self.as_of, datetime) else np.datetime64(self.as_of, "D")

    def moment(self, own: datetime | None, source: str) -> tuple[datetime, tuple[str, ...]]:
        """When the quotes were true, and what to note about it.

        Parameters
        ----------
        own : what the file says, aware; None where it says nothing.
        source : the file, for messages.

        Returns
        -------
        The moment asked for; for a date, the file's own moment if it is of that session, else that session's close.

        Raises
        ------
        InputError : neither the file nor the caller says.
        """
        if self.as_of is None:
            if own is None:
                raise InputError(
                    f"does not say when its quotes were true: give it with --as-of {_EXAMPLE} (as_of= in Python)",
                    source=source,
                    field="as_of",
                )
            return own, ()
        if isinstance(self.as_of, datetime):
            given = self.as_of.astimezone(UTC)
        elif own is not None and session_of(own) == self.session:
            given = own
        else:
            given = close_of(np.datetime64(self.as_of, "D"))
        if own is None or own == given:
            return given, ()
        return given, (f"taken as of {given.isoformat()}, as asked; the file says {own.isoformat()}",)

    def price(self, own: float, source: str, field: str = "spot") -> tuple[float, tuple[str, ...]]:
        """The spot in USD, and what to note about it. ``own`` is the file's ``field``, NaN where it has none.

        Raises
        ------
        InputError : neither the file nor the caller says.
        """
        if self.spot is None:
            if not own > 0:
                raise InputError(
                    "has no positive price of the underlying: give it with --spot USD (spot= in Python)",
                    source=source,
                    field=field,
                )
            return own, ()
        if not own > 0 or abs(own / self.spot - 1.0) <= _SAME_SPOT:
            return self.spot, ()
        return self.spot, (f"spot {self.spot:g} as asked; the file says {own:g}",)


def moment_of(text: str) -> datetime | date:
    """The text of ``--as-of``: a moment with a zone, or a session's date.

    Raises
    ------
    SettingsError : it is neither.

    >>> moment_of("2024-06-03").isoformat(), moment_of("2024-06-03T15:30:00-04:00").isoformat()
    ('2024-06-03', '2024-06-03T15:30:00-04:00')
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"'{text}' is neither a moment such as {_EXAMPLE} nor a date") from None
    if moment.tzinfo is None:
        raise SettingsError(f"'{text}' has no time zone: give one, such as {_EXAMPLE}")
    return moment


def _is_price(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    return 0 < float(value) < float("inf")


def _checked(moment: datetime) -> None:
    try:
        checked_moment(moment, source="as_of", field="as_of")
    except (InputError, OverflowError):
        raise SettingsError(f"as_of {moment.isoformat()} lies outside the exchange calendar") from None
