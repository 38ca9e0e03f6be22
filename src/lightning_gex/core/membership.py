"""Who belongs to a universe on which session: known then, never chosen by what came after."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from lightning_gex.core.bars import Bars
from lightning_gex.core.errors import InputError
from lightning_gex.core.units import BoolArray1D, DateArray1D

#: A ticker whose last bar of a year is older than this at the year's end had left the market: calendar days.
GONE_AFTER_DAYS = 7

#: What a note says of tickers that were chosen from those that stayed; a report puts such a note at its top.
SURVIVORS_ONLY = "a list of those that stayed"


@dataclass(frozen=True, slots=True, eq=False)
class Membership:
    """A universe along time: from each of these sessions on, these are its members.

    Parameters
    ----------
    from_session : (k,) ``datetime64[D]``, strictly increasing.
    members : (k,) who belongs from then until the next change. Before the first change nobody does.

    Raises
    ------
    InputError : sessions that do not increase, not one set of members a session, or nobody ever.

    Examples
    --------
    >>> days = np.array(["2020-01-02", "2021-01-04"], dtype="datetime64[D]")
    >>> universe = Membership(days, (frozenset({"AAA"}), frozenset({"AAA", "BBB"})))
    >>> sorted(universe.at(np.datetime64("2020-06-01"))), universe.everyone
    (['AAA'], ('AAA', 'BBB'))
    >>> universe.at(np.datetime64("2019-12-31"))
    frozenset()
    """

    from_session: DateArray1D
    members: tuple[frozenset[str], ...]

    def __post_init__(self) -> None:
        if self.from_session.shape != (len(self.members),):
            raise InputError("a universe needs one set of members for each of its sessions", field="members")
        if (np.diff(self.from_session.astype(np.int64)) <= 0).any():
            raise InputError("the sessions on which a universe changes must increase", field="from")
        if not any(self.members):
            raise InputError("nobody is ever a member of the universe", field="ticker")

    def at(self, session: np.datetime64) -> frozenset[str]:
        """The members on a session; nobody before the first change."""
        i = int(np.searchsorted(self.from_session, session, side="right")) - 1
        return self.members[i] if i >= 0 else frozenset()

    @property
    def everyone(self) -> tuple[str, ...]:
        """Every ticker that is a member at some time, sorted."""
        return tuple(sorted(frozenset[str]().union(*self.members)))

    def includes(self, ticker: str, sessions: DateArray1D) -> BoolArray1D:
        """(n,) whether a ticker is a member on each session.

        Parameters
        ----------
        ticker : symbol.
        sessions : (n,) ``datetime64[D]``, in any order.
        """
        member = np.array([False, *(ticker in names for names in self.members)])
        inside: BoolArray1D = member[np.searchsorted(self.from_session, sessions, side="right")]
        return inside

    def within(self, tickers: Iterable[str]) -> Membership:
        """The same universe without the tickers that are not named. Raises ``InputError`` where nobody is left."""
        kept = frozenset(tickers)
        return Membership(self.from_session, tuple(names & kept for names in self.members))

    def between(self, start: np.datetime64 | None, end: np.datetime64 | None) -> Membership:
        """The changes that matter from ``start`` to ``end``; None leaves that side open.

        Raises
        ------
        InputError : nobody is a member in that time.
        """
        low = 0 if start is None else max(0, int(np.searchsorted(self.from_session, start, side="right")) - 1)
        high = len(self.members) if end is None else int(np.searchsorted(self.from_session, end, side="right"))
        return Membership(self.from_session[low:high], self.members[low:high])

    def digest(self) -> str:
        """A name for exactly this universe: the SHA-256 of its changes."""
        told = (
            f"{session}:{','.join(sorted(names))}"
            for session, names in zip(self.from_session, self.members, strict=True)
        )
        return hashlib.sha256("\n".join(told).encode()).hexdigest()

    @classmethod
    def largest(
        cls, bars: Mapping[str, Bars], names: int, *, among: Iterable[str] | Membership | None = None
    ) -> Membership:
        """The tickers with the largest dollar volume of the calendar year before, chosen on each year's first session.

        Parameters
        ----------
        bars : ticker -> daily bars.
        names : how many belong at a time, at least 1; fewer where fewer traded.
        among : who may be chosen; a dated universe counts as of the day of the choice. None lets everyone.

        Returns
        -------
        The universe. Its first members are those of the second calendar year of the bars.

        Raises
        ------
        InputError : the bars do not reach into a second year, or none of ``among`` traded.
        """
        traded: dict[int, dict[str, float]] = {}
        for ticker, own in bars.items():
            year = own.session.astype("datetime64[Y]").astype(np.int64) + 1970
            with np.errstate(over="ignore"):
                usd = own.close * own.volume
            for y in np.unique(year):
                mine = year == y
                traded.setdefault(int(y), {})[ticker] = float(np.nansum(usd[mine]))
        last = {(t, y): s for t, b in bars.items() for y, s in _last_by_year(b.session).items()}
        sessions = np.unique(np.concatenate([b.session for b in bars.values()]))
        return cls.of_turnover(traded, last, sessions, names, among=among)

    @classmethod
    def of_turnover(
        cls,
        traded_usd: Mapping[int, Mapping[str, float]],
        last_session: Mapping[tuple[str, int], np.datetime64],
        sessions: DateArray1D,
        names: int,
        *,
        among: Iterable[str] | Membership | None = None,
    ) -> Membership:
        """As ``largest``, from sums by year.

        Parameters
        ----------
        traded_usd : year -> ticker -> dollars traded in it. Nobody is chosen for nothing, or for NaN.
        last_session : (ticker, year) -> the ticker's last session in it: who had left by the year's end is not chosen.
        sessions : (n,) ``datetime64[D]``, increasing: those of the data.
        names, among : as in ``largest``.
        """
        if names < 1:
            raise InputError(f"{names} names are no universe: at least 1", field="largest")
        allowed = among if among is None or isinstance(among, Membership) else frozenset(among)
        starts, found = [], []
        closes = _last_by_year(sessions)
        for year, first in sorted(_first_by_year(sessions).items()):
            before = traded_usd.get(year - 1)
            if not before:
                continue
            may = allowed.at(first) if isinstance(allowed, Membership) else allowed
            there = [
                (-usd, ticker)
                for ticker, usd in before.items()
                if usd > 0
                and (may is None or ticker in may)
                and closes[year - 1] - last_session[ticker, year - 1] <= np.timedelta64(GONE_AFTER_DAYS, "D")
            ]
            starts.append(first)
            found.append(frozenset(ticker for _, ticker in sorted(there)[:names]))
        if not any(found):
            raise InputError(
                "nobody can be chosen: the bars must begin in the calendar year before the first choice",
                field="largest",
            )
        return cls(np.array(starts, dtype="datetime64[D]"), tuple(found))

    @classmethod
    def of_intervals(
        cls, ticker: Iterable[str], first: Iterable[np.datetime64], last: Iterable[np.datetime64]
    ) -> Membership:
        """A universe from times of belonging.

        Parameters
        ----------
        ticker : (n,) who.
        first, last : (n,) ``datetime64[D]``, from when to when, both included; NaT as ``last`` means until today.
        """
        rows = list(zip(ticker, first, last, strict=True))
        changes = {start for _, start, _ in rows} | {end + 1 for _, _, end in rows if not np.isnat(end)}
        days = np.array(sorted(changes), dtype="datetime64[D]")
        sets = tuple(
            frozenset(who for who, start, end in rows if start <= day and (np.isnat(end) or day <= end)) for day in days
        )
        return cls(days, sets)


def _first_by_year(sessions: DateArray1D) -> dict[int, np.datetime64]:
    """Year -> its first session."""
    year = sessions.astype("datetime64[Y]").astype(np.int64) + 1970
    at = np.flatnonzero(np.r_[True, np.diff(year) > 0])
    return {int(year[i]): sessions[i] for i in at}


def _last_by_year(sessions: DateArray1D) -> dict[int, np.datetime64]:
    """Year -> its last session."""
    year = sessions.astype("datetime64[Y]").astype(np.int64) + 1970
    at = np.flatnonzero(np.r_[np.diff(year) > 0, True])
    return {int(year[i]): sessions[i] for i in at}
