"""Files spoilt as files get spoilt: bytes cut and flipped, cells and leaves replaced, columns lost or retyped."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from random import Random

import polars as pl
from hostile import NUMBERS, TEXTS

from mangling import damaged

_DEEP = 3_000
_CELLS = (
    *(t for t in TEXTS if "\ud800" not in t),
    "-1",
    "0",
    "1e308",
    "1e-320",
    "99999999999999999999",
    "2024-06-03T15:30:00-04:00",
    "2262-04-12",
    "1677-09-20",
    "TEST240621C00100000",
    "C",
    "P",
    "am",
    "\ufeff",
    '"',
    "a,b",
    "NA",
    "NULL",
    "1_000",
    "0x10",
    "1,5",
    "+5",
    "٣",
)


def spoilt_bytes(random: Random, sound: bytes, *, keep: int = 0) -> bytes:
    """The sound file damaged, or no such file at all."""
    if random.randint(0, 5) == 0:
        return bytes(random.randint(0, 255) for _ in range(random.randint(0, 64)))
    return damaged(random, sound, keep=keep)


def spoilt_cells(random: Random, text: str, separator: str = ",") -> bytes:
    """A table of text after one to three accidents to its cells, rows and columns."""
    rows = [list(row) for row in csv.reader(io.StringIO(text), delimiter=separator)]
    for _ in range(random.randint(1, 3)):
        at = random.randint(0, len(rows) - 1)
        row = rows[at]
        match random.randint(0, 7):
            case 0 if len(rows) > 1:
                del rows[at]
            case 1:
                rows.insert(at, list(row))
            case 2:
                rows[at] = row + row[-1:]
            case 3:
                column = random.randint(0, 20)
                rows = [r[:column] + r[column + 1 :] for r in rows]
            case 4:
                column = random.randint(0, 20)
                rows = [r + r[column : column + 1] for r in rows]
            case _ if row:
                row[random.randint(0, len(row) - 1)] = random.choice(_CELLS)
    out = io.StringIO()
    csv.writer(out, delimiter=separator, lineterminator=random.choice(["\n", "\r\n"])).writerows(rows)
    return out.getvalue().encode("utf-8", "surrogatepass")


_LEAVES = (
    *(n for n in NUMBERS if isinstance(n, int | float)),
    *_CELLS,
    None,
    [],
    {},
    [[]],
    {"": None},
    [None] * 3,
    {"a": {"b": []}},
)


def spoilt_json(random: Random, text: str) -> bytes:
    """A JSON document with one to three of its parts replaced, removed, doubled or nested beyond reason."""
    document = json.loads(text)
    for _ in range(random.randint(1, 3)):
        document = _spoilt_tree(random, document)
    out = _dumped(document)
    return out if random.randint(0, 40) else out.replace(b":", b":" + b"[" * _DEEP, 1)


def _dumped(document: object) -> bytes:
    try:
        return json.dumps(document).encode()
    except ValueError:  # more digits than Python prints
        return b'{"options": ' + b"9" * 6_000 + b"}"


def _spoilt_tree(random: Random, tree: object) -> object:
    if isinstance(tree, dict) and tree and random.randint(0, 7):
        name = random.choice(list(tree))
        match random.randint(0, 9):
            case 0:
                return {k: v for k, v in tree.items() if k != name}
            case 1:
                return {**tree, random.choice(_CELLS): tree[name]}
        return {**tree, name: _spoilt_tree(random, tree[name])}
    if isinstance(tree, list) and tree and random.randint(0, 7):
        at = random.randint(0, len(tree) - 1)
        match random.randint(0, 9):
            case 0:
                return tree[:at] + tree[at + 1 :]
            case 1:
                return tree + tree[at : at + 1]
        return [*tree[:at], _spoilt_tree(random, tree[at]), *tree[at + 1 :]]
    return random.choice(_LEAVES)


_TYPES = (pl.String, pl.Float64, pl.Int64, pl.Boolean, pl.Date, pl.Datetime("us", "UTC"), pl.Datetime("ns"), pl.Binary)


def spoilt_frame(random: Random, sound: pl.DataFrame) -> pl.DataFrame:
    """A frame after one to three accidents: a column lost, added, renamed, retyped or holding something else."""
    frame = sound
    for _ in range(random.randint(1, 3)):
        if not frame.width:
            break
        name = random.choice(frame.columns)
        match random.randint(0, 7):
            case 0:
                frame = frame.drop(name)
            case 1:
                frame = frame.with_columns(pl.lit(1.0).alias(random.choice(_CELLS)))
            case 2:
                other = random.choice(_CELLS)
                frame = frame if other in frame.columns else frame.rename({name: other})
            case 3:
                kind = random.choice(_TYPES)
                with suppress(pl.exceptions.PolarsError):  # not every kind becomes every other
                    frame = frame.with_columns(frame[name].cast(kind, strict=False))
            case 4:
                frame = frame.head(random.randint(0, 2))
            case 5:
                frame = pl.concat([frame, frame])
            case 6:
                frame = frame.with_columns(pl.lit(None).alias(name))
            case _:
                frame = frame.with_columns(_other_cell(random, frame[name]))
    return frame


def _other_cell(random: Random, column: pl.Series) -> pl.Series:
    if not len(column):
        return column
    at = random.randint(0, len(column) - 1)
    if column.dtype.is_float():
        values = column.to_list()
        values[at] = random.choice([float("nan"), float("inf"), -1.0, 0.0, 1e308, 5e-324, 1e12])
        return pl.Series(column.name, values, dtype=column.dtype)
    if column.dtype == pl.String:
        values = column.to_list()
        values[at] = random.choice(_CELLS)
        return pl.Series(column.name, values, dtype=column.dtype)
    return column


def parquet(frame: pl.DataFrame) -> bytes:
    """A frame as the bytes of a Parquet file."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def spoilt_parquet(random: Random, sound: pl.DataFrame) -> bytes:
    """A Parquet file of a spoilt frame, or the file of the sound one with its bytes damaged."""
    if random.randint(0, 3) == 0:
        return damaged(random, parquet(sound), keep=4)
    return parquet(spoilt_frame(random, sound))


def spoilt_archive(random: Random, members: Mapping[str, bytes]) -> bytes:
    """A zip whose members are damaged, missing or doubled, or the whole of it with damaged bytes."""
    inside = dict(members)
    for _ in range(random.randint(0, 2)):
        name = random.choice(list(inside) or [""])
        if random.randint(0, 4) == 0:
            inside.pop(name, None)
        elif name in inside:
            spoil_json = name.endswith(".json") and inside[name] is members[name]  # a spoilt one may be none any more
            inside[name] = spoilt_json(random, inside[name].decode()) if spoil_json else damaged(random, inside[name])
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in inside.items():
            archive.writestr(name, data)
    return damaged(random, buffer.getvalue()) if random.randint(0, 1) else buffer.getvalue()
