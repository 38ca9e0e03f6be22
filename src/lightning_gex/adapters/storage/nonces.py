"""Each signed request once: nonces that were accepted lie in the store, for every process and across restarts."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from lightning_gex.adapters.storage.codec import utc_text
from lightning_gex.adapters.storage.database import lock_table, writing
from lightning_gex.adapters.storage.schema import NONCES
from lightning_gex.core.errors import InputError

MOST_KEPT = 10_000  # of one stream: beyond it the oldest go, and with them every request as old as they are
_HORIZON = ""  # the row that says up to when nonces were forgotten: no nonce is empty


class SqlNonces:
    """Nonces of requests that were accepted, by stream: one for each API.

    What is forgotten is not accepted again: a request signed at or before the latest nonce that was dropped is refused,
    whatever the clock says now. So the memory is bounded, and a clock that goes back opens nothing.

    Parameters
    ----------
    engine : from ``open_database``.
    most : how many are kept in one stream.
    """

    def __init__(self, engine: Engine, most: int = MOST_KEPT) -> None:
        self._engine = engine
        self._most = most

    def take(self, stream: str, nonce: str, signed_at: datetime, now: datetime, tolerance: timedelta) -> bool:
        """Whether a request is seen for the first time; from then on it is not.

        Ask after its signature was found to fit: only what holders of the secret send takes room.

        Parameters
        ----------
        stream : its name, not empty.
        nonce : of the request, not empty.
        signed_at : the request's own time, aware.
        now : aware.
        tolerance : how old a request may be; older nonces are dropped.

        Raises
        ------
        InputError : a naive time, or an empty name or nonce.
        StoreError : the store cannot be written; then the request is not accepted either.
        """
        if not stream or not nonce:
            raise InputError("a request needs a stream and a nonce", field="nonce")
        at = utc_text(signed_at, field="signed_at")
        over = utc_text(now - tolerance, field="now")
        with writing(self._engine) as connection:
            lock_table(connection, NONCES)
            known = dict(self._rows(connection, stream, (nonce, _HORIZON)))
            if nonce in known or at <= known.get(_HORIZON, ""):
                return False
            connection.execute(insert(NONCES).values(stream=stream, nonce=nonce, at=at))
            self._drop(connection, stream, over, known.get(_HORIZON))
        return True

    def _rows(self, connection: Connection, stream: str, nonces: tuple[str, ...]) -> list[tuple[str, str]]:
        wanted = select(NONCES.c.nonce, NONCES.c.at).where(NONCES.c.stream == stream, NONCES.c.nonce.in_(nonces))
        return [(row.nonce, row.at) for row in connection.execute(wanted)]

    def _drop(self, connection: Connection, stream: str, over: str, horizon: str | None) -> None:
        """Forget what is too old or too many, and remember up to when."""
        of_stream = (NONCES.c.stream == stream) & (NONCES.c.nonce != _HORIZON)
        latest_first = select(NONCES.c.at).where(of_stream).order_by(NONCES.c.at.desc())
        too_many = connection.execute(latest_first.offset(self._most).limit(1)).scalar()
        gone = of_stream & ((NONCES.c.at < over) | (NONCES.c.at <= (too_many or "")))
        latest_gone = connection.execute(select(func.max(NONCES.c.at)).where(gone)).scalar()
        if latest_gone is None:
            return
        connection.execute(delete(NONCES).where(gone))
        if horizon is None:
            connection.execute(insert(NONCES).values(stream=stream, nonce=_HORIZON, at=latest_gone))
        elif latest_gone > horizon:
            of_horizon = (NONCES.c.stream == stream) & (NONCES.c.nonce == _HORIZON)
            connection.execute(update(NONCES).where(of_horizon).values(at=latest_gone))
