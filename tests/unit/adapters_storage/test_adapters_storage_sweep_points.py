"""A finished run of a sweep comes back as it was kept, or is not believed."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.adapters.storage.sweep_points import RunFolder, StoredRun
from lightning_gex.core.errors import InputError, StoreError

RUN = StoredRun(
    {"figures": {"sharpe": None, "trades": 3}, "settings": {"kelly.fraction": 0.1}},
    {
        "growth": np.array([0.1, -0.0, math.nan, 5e-324]),
        "sessions": np.array(["2020-01-02", "2020-01-03"], dtype="datetime64[D]"),
        "none": np.empty(0),
    },
)


def same(one: StoredRun, other: StoredRun) -> bool:
    """Whether two runs are equal, to the bit and NaN as NaN."""
    arrays = one.arrays.keys() == other.arrays.keys() and all(
        (values.dtype, values.tobytes()) == (other.arrays[name].dtype, other.arrays[name].tobytes())
        for name, values in one.arrays.items()
    )
    return arrays and one.words == other.words


def test_a_run_comes_back_as_it_was_and_the_folder_holds_nothing_else(tmp_path) -> None:
    folder = RunFolder(tmp_path / "runs")
    assert folder.read("k") is None
    folder.write("k", RUN)
    found = folder.read("k")
    assert found is not None
    assert same(found, RUN)
    assert [p.name for p in (tmp_path / "runs").iterdir()] == ["k.json"]


def test_the_same_run_is_the_same_file(tmp_path) -> None:
    for name in ("one", "other"):
        RunFolder(tmp_path / name).write("k", RUN)
    assert (tmp_path / "one/k.json").read_bytes() == (tmp_path / "other/k.json").read_bytes()


@given(st.lists(st.floats(width=64), max_size=20), st.lists(st.integers(-100_000, 100_000), max_size=20))
def test_every_number_and_session_survives(tmp_path_factory, numbers, days) -> None:
    run = StoredRun({}, {"x": np.array(numbers, dtype=np.float64), "d": np.array(days, dtype="datetime64[D]")})
    folder = RunFolder(tmp_path_factory.mktemp("runs"))
    folder.write("k", run)
    found = folder.read("k")
    assert found is not None
    assert same(found, run)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:-20],
        lambda text: "",
        lambda text: "[]",
        lambda text: "null",
        lambda text: text.replace('"trades": 3', '"trades": 4'),
        lambda text: json.dumps({**json.loads(text), "key": "another"}),
        lambda text: json.dumps({**json.loads(text), "version": 99}),
        lambda text: json.dumps({**json.loads(text), "arrays": {"growth": {"kind": "float64", "data": "!"}}}),
        lambda text: "[" * 100_000,
    ],
)
def test_what_is_torn_altered_or_of_another_key_is_not_believed(tmp_path, spoil) -> None:
    folder = RunFolder(tmp_path)
    folder.write("k", RUN)
    file = folder.file_of("k")
    file.write_text(spoil(file.read_text()))
    with pytest.raises(InputError, match="holds no finished run") as caught:
        folder.read("k")
    assert caught.value.source == str(file)


def test_a_place_that_takes_no_files_is_an_error_of_the_store(tmp_path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    with pytest.raises(StoreError, match="cannot be made"):
        RunFolder(blocked / "runs").write("k", RUN)
    Path(tmp_path, "k.json").mkdir()
    with pytest.raises(StoreError, match="cannot be read"):
        RunFolder(tmp_path).read("k")
