"""faiss: an exact flat index of one ticker's situations, in memory only; one query at a time, one thread."""

import itertools

import faiss
from serve import Call, Columns, serve

COUNT = 10


def prepared(c: Columns) -> Call:
    faiss.omp_set_num_threads(1)
    mine = c["vectors"][c["ticker"] == c["asked_ticker"]]
    index = faiss.IndexFlatL2(mine.shape[1])
    index.add(mine)
    turn = itertools.cycle([(i, c["queries"][i : i + 1]) for i in range(len(c["queries"]))])

    def search() -> Columns:
        asked, query = next(turn)
        _, rows = index.search(query, COUNT)
        return {"asked": asked, "rows": rows[0]}

    return search


serve(["faiss-cpu", "numpy"], prepared)
