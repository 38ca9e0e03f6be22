"""Compiled kernels are kept while the sources are theirs, and discarded when any kernel source has changed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lightning_gex.analytics.compiled_cache import STAMP, digest_of, discard_outdated, places


@pytest.fixture
def package(tmp_path):
    """A package of two kernel sources and a plain one, with compiled files beside them."""
    folder = tmp_path / "kernels"
    (folder / "__pycache__").mkdir(parents=True)
    (folder / "inner.py").write_text("import numba\n# one\n")
    (folder / "outer.py").write_text("import numba\nimport inner\n")
    (folder / "plain.py").write_text("# no kernels\n")
    return folder


def compiled(package):
    for name in ("outer.f-1.py311.nbi", "outer.f-1.py311.1.nbc", "outer.cpython-311.pyc"):
        (package / "__pycache__" / name).write_bytes(b"code")


def left(package):
    return sorted(file.name for file in (package / "__pycache__").iterdir() if file.name != STAMP)


def test_compiled_files_without_a_stamp_are_of_unknown_sources_and_go(package):
    compiled(package)
    assert discard_outdated(package, (package / "__pycache__",)) == 2
    assert left(package) == ["outer.cpython-311.pyc"]


def test_compiled_files_stay_while_the_sources_are_the_same(package):
    discard_outdated(package, (package / "__pycache__",))
    compiled(package)
    assert discard_outdated(package, (package / "__pycache__",)) == 0
    assert len(left(package)) == 3


def test_a_change_of_an_inner_kernel_discards_the_compiled_outer_one(package):
    discard_outdated(package, (package / "__pycache__",))
    compiled(package)
    (package / "inner.py").write_text("import numba\n# two\n")
    assert discard_outdated(package, (package / "__pycache__",)) == 2
    assert discard_outdated(package, (package / "__pycache__",)) == 0


def test_a_source_without_kernels_changes_nothing(package):
    before = digest_of(package)
    (package / "plain.py").write_text("# something else\n")
    assert digest_of(package) == before


def test_a_folder_that_is_not_there_is_left_alone(package, tmp_path):
    assert discard_outdated(package, (tmp_path / "nowhere",)) == 0
    assert not (tmp_path / "nowhere").exists()


def test_a_damaged_stamp_vouches_for_nothing(package):
    (package / "__pycache__" / STAMP).write_bytes(b"\xff\xfe")
    compiled(package)
    assert discard_outdated(package, (package / "__pycache__",)) == 2


def test_the_places_are_those_where_numba_really_puts_compiled_files(package, tmp_path, monkeypatch):
    source = package / "real.py"
    source.write_text("import numba\n\n@numba.njit(cache=True)\ndef one():\n    return 1\n\none()\n")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "chosen"))
    subprocess.run([sys.executable, str(source)], check=True)
    assert any(list(place.glob("real.one*.nbi")) for place in places(package) if tmp_path / "chosen" in place.parents)
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    subprocess.run([sys.executable, str(source)], check=True)
    assert list((places(package)[0]).glob("real.one*.nbi"))
