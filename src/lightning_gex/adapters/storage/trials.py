"""How many variants were ever judged on some data: kept in the store, so that nobody forgets what was tried."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import insert, select, update

from lightning_gex.adapters.storage.codec import utc_text
from lightning_gex.adapters.storage.database import Store, lock_table, store_errors, writing
from lightning_gex.adapters.storage.schema import TRIALS
from lightning_gex.core.errors import InputError


@dataclass(frozen=True, slots=True)
class TrialCount:
    """What deflating needs: how many variants were tried, and how far their Sharpe ratios lie apart.

    ``variance`` is of the Sharpe ratios per session of those that traded; 0 with fewer than two of them.
    """

    count: int
    variance: float


class SqlTrials:
    """The variants tried on each set of data.

    Parameters
    ----------
    store : from ``open_database``.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, data_hash: str, tried: Mapping[str, float], at: datetime) -> TrialCount:
        """Put variants on record; one that is there already is the same trial, however often it is repeated.

        A variant may be put on record before it is run, with NaN, so that a run that is killed was tried all the same;
        its Sharpe ratio is filled in when it is known.

        Parameters
        ----------
        data_hash : of the data, not empty.
        tried : variant hash -> its Sharpe ratio per session, NaN where it never traded or has not ended yet.
        at : aware, now.

        Returns
        -------
        What was tried on these data so far, these included.

        Raises
        ------
        InputError : a naive time or an empty hash.
        StoreError : the store cannot be written.
        """
        if not data_hash or not all(tried):
            raise InputError("data and variants need a hash", field="data_hash")
        moment = utc_text(at, field="at")
        with store_errors(self._store), writing(self._store) as connection:
            lock_table(connection, TRIALS)
            known = select(TRIALS.c.variant_hash, TRIALS.c.sharpe_per_session).where(TRIALS.c.data_hash == data_hash)
            held = {variant: sharpe for variant, sharpe in connection.execute(known)}  # noqa: C416 - rows, not pairs
            told = {variant: sharpe if math.isfinite(sharpe) else None for variant, sharpe in tried.items()}
            new = [
                {"data_hash": data_hash, "variant_hash": variant, "at": moment, "sharpe_per_session": sharpe}
                for variant, sharpe in told.items()
                if variant not in held
            ]
            if new:
                connection.execute(insert(TRIALS), new)
            for variant, sharpe in told.items():
                if sharpe is not None and held.get(variant, sharpe) is None:
                    row = (TRIALS.c.data_hash == data_hash) & (TRIALS.c.variant_hash == variant)
                    connection.execute(update(TRIALS).where(row).values(sharpe_per_session=sharpe))
        return self.count(data_hash)

    def count(self, data_hash: str) -> TrialCount:
        """What was tried on these data so far."""
        with store_errors(self._store), self._store.connect() as connection:
            wanted = select(TRIALS.c.sharpe_per_session).where(TRIALS.c.data_hash == data_hash)
            found = list(connection.execute(wanted).scalars())
        known = np.array([sharpe for sharpe in found if sharpe is not None], dtype=np.float64)
        return TrialCount(len(found), float(np.var(known, ddof=1)) if len(known) > 1 else 0.0)
