"""sqlite-vec: every ticker's situations in one SQLite file, the ticker as partition key; exact, durable."""

import itertools
import tempfile
from pathlib import Path

import apsw
import sqlite_vec
from serve import Call, Columns, serve

COUNT = 10
SQL = "SELECT rowid FROM situations WHERE ticker = ? AND situation MATCH ? AND k = ?"


def prepared(c: Columns) -> Call:
    folder = tempfile.mkdtemp()
    connection = apsw.Connection(str(Path(folder) / "vectors.db"))
    connection.enable_load_extension(True)
    connection.load_extension(sqlite_vec.loadable_path())
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    d = c["vectors"].shape[1]
    connection.execute(
        f"CREATE VIRTUAL TABLE situations USING vec0(ticker INTEGER PARTITION KEY, situation FLOAT[{d}])"
    )
    rows = zip(range(len(c["ticker"])), c["ticker"].tolist(), map(bytes, c["vectors"]), strict=True)
    with connection:
        connection.executemany("INSERT INTO situations (rowid, ticker, situation) VALUES (?, ?, ?)", rows)
    ticker = int(c["asked_ticker"])
    turn = itertools.cycle([(i, bytes(query)) for i, query in enumerate(c["queries"])])

    def search() -> Columns:
        asked, query = next(turn)
        return {"asked": asked, "rows": [row for (row,) in connection.execute(SQL, (ticker, query, COUNT))]}

    return search


serve(["sqlite-vec", "apsw", "numpy"], prepared)
