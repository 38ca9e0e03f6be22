"""A report as files that belong together: the page, its tables as Parquet, and ``report.json``, which lists all."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from lightning_gex.core.version import __version__
from lightning_gex.evaluation.metrics import JsonValue
from lightning_gex.evaluation.run_tables import Tables
from lightning_gex.evaluation.tables import parquet_bytes

#: What ``report.json`` calls itself; the number grows with any change of a key's meaning.
FORMAT = "lightning-gex report 1"
REPORT_FILE = "report.json"
TABLES = "tables"


@dataclass(frozen=True, slots=True, eq=False)
class ReportFiles:
    """What a report consists of.

    Parameters
    ----------
    kind : the command that made it: ``backtest``, ``evaluate``, ``ablate`` ...
    title : of the page.
    page : name of the HTML file, and its text.
    figures : everything the page says as plain JSON values.
    tables : what the figures come from. beside : file names of tables that lie in the folder itself.
    images : name -> contents, such as ``summary.png``.
    """

    kind: str
    title: str
    page: tuple[str, str]
    figures: Mapping[str, JsonValue]
    tables: Tables = field(default_factory=dict)
    beside: tuple[str, ...] = ()
    images: Mapping[str, bytes] = field(default_factory=dict)

    def contents(self) -> dict[str, bytes]:
        """File name (with its folder, below the report's) -> contents; the same report gives the same bytes."""
        name, html = self.page
        places = {table: self._place(table) for table in self.tables}
        listed = {table: _listed(places[table], found) for table, found in self.tables.items()}
        document = {
            "format": FORMAT,
            "program": __version__,
            "kind": self.kind,
            "title": self.title,
            "page": name,
            "images": sorted(self.images),
            "tables": listed,
            "figures": _plain(self.figures),
        }
        return {
            name: html.encode(),
            REPORT_FILE: (json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode(),
            **{places[table]: parquet_bytes(found) for table, found in self.tables.items()},
            **self.images,
        }

    def _place(self, table: str) -> str:
        return f"{table}.parquet" if table in self.beside else f"{TABLES}/{table}.parquet"


def _listed(place: str, table: pl.DataFrame) -> dict[str, JsonValue]:
    columns: dict[str, JsonValue] = {name: str(kind) for name, kind in table.schema.items()}
    return {"file": place, "rows": table.height, "columns": columns}


def _plain(value: JsonValue | Mapping[str, JsonValue]) -> JsonValue:
    """The value as JSON has it: what is no number is null."""
    if isinstance(value, Mapping):
        return {str(name): _plain(found) for name, found in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(found) for found in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
