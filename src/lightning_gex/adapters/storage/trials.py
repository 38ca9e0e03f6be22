"""How many variants were ever judged on some data: kept in the store, so that nobody forgets what was tried."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from lightning_gex.adapters.storage.codec import utc_text
from lightning_gex.adapters.storage.database import Store, lock_table, store_errors, writing
from lightning_gex.adapters.storage.schema import TRIAL_DATA, TRIALS
from lightning_gex.analytics.trials import RUNS, JudgedData, TrialCount, trial_count
from lightning_gex.core.errors import InputError

_KEPT = (TRIAL_DATA.c.data_hash, TRIAL_DATA.c.moves, TRIAL_DATA.c.kind)


class SqlTrials:
    """The variants tried on each set of data.

    Data are given by what was judged, so that all that share a session of a ticker count together; or by a name of
    their own, for what nothing overlaps.

    Parameters
    ----------
    store : from ``open_database``.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(
        self,
        data: JudgedData | str,
        tried: Mapping[str, float],
        at: datetime,
        *,
        former: tuple[str, JudgedData] | None = None,
    ) -> None:
        """Put variants on record; one that is there already is the same trial, however often it is repeated.

        A variant may be put on record before it is run, with NaN, so that a run that is killed was tried all the same;
        its Sharpe ratio is filled in when it is known.

        Parameters
        ----------
        data : what is judged, or a name that is not empty.
        tried : variant hash -> its Sharpe ratio per session, NaN where it never traded or has not ended yet.
        at : aware, now.
        former : a name under which variants on the same files were put on record before what they were judged on was,
            and all that can have been judged then: from now on they count wherever that overlaps.

        Raises
        ------
        InputError : a naive time or an empty hash.
        StoreError : the store cannot be written.
        """
        name = data if isinstance(data, str) else data.digest
        if not name or not all(tried):
            raise InputError("data and variants need a hash", field="data_hash")
        moment = utc_text(at, field="at")
        with store_errors(self._store), writing(self._store) as connection:
            lock_table(connection, TRIALS)
            if isinstance(data, JudgedData):
                _keep_data(connection, data.digest, data)
            if former is not None and _holds(connection, former[0]):
                _keep_data(connection, *former)
            known = select(TRIALS.c.variant_hash, TRIALS.c.sharpe_per_session).where(TRIALS.c.data_hash == name)
            held = {variant: sharpe for variant, sharpe in connection.execute(known)}  # noqa: C416 - rows, not pairs
            told = {variant: sharpe if math.isfinite(sharpe) else None for variant, sharpe in tried.items()}
            new = [
                {"data_hash": name, "variant_hash": variant, "at": moment, "sharpe_per_session": sharpe}
                for variant, sharpe in told.items()
                if variant not in held
            ]
            if new:
                connection.execute(insert(TRIALS), new)
            for variant, sharpe in told.items():
                if sharpe is not None and held.get(variant, sharpe) is None:
                    row = (TRIALS.c.data_hash == name) & (TRIALS.c.variant_hash == variant)
                    connection.execute(update(TRIALS).where(row).values(sharpe_per_session=sharpe))

    def count(self, data: JudgedData | str) -> TrialCount:
        """What was tried so far on these data and on all that overlap them, and what stands behind the defaults.

        A variant counts once on however many of them it was tried; its Sharpe ratio is the one that was known last.
        A name stands for what was judged under it, where that is on record, and for itself alone where not. Nothing
        stands behind the defaults but runs, and on data of which nothing but a name is known.
        """
        with store_errors(self._store), self._store.connect() as connection:
            judged = _judged_as(connection, data) if isinstance(data, str) else data
            names = {str(data)} if judged is None else {judged.digest, *_overlapping(connection, judged)}
            wanted = select(TRIALS.c.variant_hash, TRIALS.c.sharpe_per_session).where(TRIALS.c.data_hash.in_(names))
            found: dict[str, float] = {}
            for variant, sharpe in connection.execute(wanted.order_by(TRIALS.c.at, TRIALS.c.data_hash)):
                if sharpe is not None or variant not in found:
                    found[variant] = math.nan if sharpe is None else sharpe
        if judged is None or judged.kind != RUNS:
            return trial_count(len(found), found.values())
        return trial_count(len(found), found.values(), first=judged.first, last=judged.last)


def _holds(connection: Connection, name: str) -> bool:
    return connection.execute(select(TRIALS.c.data_hash).where(TRIALS.c.data_hash == name).limit(1)).first() is not None


def _keep_data(connection: Connection, name: str, data: JudgedData) -> None:
    """Put on record what was judged under a name, where that is not on record."""
    there = select(TRIAL_DATA.c.data_hash).where(TRIAL_DATA.c.data_hash == name)
    if connection.execute(there).first() is None:
        row = {"data_hash": name, "kind": data.kind, "first_session": str(data.first), "last_session": str(data.last)}
        connection.execute(insert(TRIAL_DATA), row | {"moves": data.to_bytes()})


def _judged_as(connection: Connection, name: str) -> JudgedData | None:
    """What was judged under a name; None where it is not on record."""
    found = connection.execute(select(*_KEPT).where(TRIAL_DATA.c.data_hash == name)).first()
    return None if found is None else JudgedData.from_bytes(name, bytes(found.moves), found.kind)


def _overlapping(connection: Connection, data: JudgedData) -> set[str]:
    """The names of all data of the same kind that share a session of a ticker's history with these."""
    wanted = select(*_KEPT).where(
        (TRIAL_DATA.c.kind == data.kind)
        & (TRIAL_DATA.c.first_session <= str(data.last))
        & (TRIAL_DATA.c.last_session >= str(data.first))
    )
    return {
        name
        for name, moves, kind in connection.execute(wanted)
        if name != data.digest and data.overlaps(JudgedData.from_bytes(name, bytes(moves), kind))
    }
