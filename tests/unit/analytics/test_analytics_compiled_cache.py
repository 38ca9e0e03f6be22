"""Compiled kernels are kept while the sources are theirs, and discarded when a source they rest on has changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lightning_gex.analytics import compiled_cache
from lightning_gex.analytics.compiled_cache import STAMP, digests_of, discard_outdated, places


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


def test_a_change_that_a_kernel_does_not_rest_on_leaves_it_alone(package):
    discard_outdated(package, (package / "__pycache__",))
    compiled(package)
    (package / "__pycache__" / "inner.g-1.py311.nbi").write_bytes(b"code")
    (package / "outer.py").write_text("import numba\nimport inner\n# changed\n")
    (package / "plain.py").write_text("# something else\n")
    assert discard_outdated(package, (package / "__pycache__",)) == 2
    assert left(package) == ["inner.g-1.py311.nbi", "outer.cpython-311.pyc"]


def test_a_constant_of_a_neighbouring_package_counts_through_those_that_import_it(package):
    units = package.parent / "core" / "units.py"
    units.parent.mkdir()
    units.write_text("FACTOR = 1.0\n")
    (package / "inner.py").write_text("import numba\nfrom lightning_gex.core.units import FACTOR\n")
    before = digests_of(package)
    units.write_text("FACTOR = 2.0\n")
    after = digests_of(package)
    assert before.keys() == after.keys() == {"inner", "outer"}
    assert all(before[module] != after[module] for module in before)


def test_the_compiled_files_of_a_module_that_is_gone_go_too(package):
    discard_outdated(package, (package / "__pycache__",))
    compiled(package)
    (package / "outer.py").unlink()
    assert discard_outdated(package, (package / "__pycache__",)) == 2


def test_what_is_compiled_into_a_folder_that_was_not_there_yet_stays(package):
    folder = package / "__pycache__"
    folder.rmdir()
    assert discard_outdated(package, (folder,)) == 0
    compiled(package)
    assert discard_outdated(package, (folder,)) == 0
    assert len(left(package)) == 3


def test_where_the_first_folder_cannot_be_the_next_one_is_made_and_no_further_one(package, tmp_path):
    (tmp_path / "file").write_text("in the way of a folder")
    places = (tmp_path / "file" / "sub", tmp_path / "user", tmp_path / "other")
    assert discard_outdated(package, places) == 0
    assert json.loads((tmp_path / "user" / STAMP).read_bytes()) == digests_of(package)
    assert not (tmp_path / "other").exists()


def test_what_another_process_compiles_after_the_look_stays(package, monkeypatch):
    folder = package / "__pycache__"
    compiled(package)
    look = compiled_cache._compiled_files

    def overtaken(where):
        found = look(where)
        (folder / "outer.f-1.py311.nbi").unlink()
        (folder / "outer.f-1.py311.nbi").write_bytes(b"of the present sources")
        os.utime(folder / "outer.f-1.py311.nbi", ns=(1, 1))
        (folder / "inner.g-1.py311.nbi").write_bytes(b"of the present sources")
        return found

    monkeypatch.setattr(compiled_cache, "_compiled_files", overtaken)
    assert discard_outdated(package, (folder,)) == 1
    assert left(package) == ["inner.g-1.py311.nbi", "outer.cpython-311.pyc", "outer.f-1.py311.nbi"]


def test_the_stamp_is_never_read_by_halves(package, monkeypatch):
    written = []
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda old, new: (written.append(old.read_bytes()), replace(old, new))[1])
    discard_outdated(package, (package / "__pycache__",))
    assert [json.loads(content) for content in written] == [digests_of(package)]
    assert [file.name for file in (package / "__pycache__").iterdir()] == [STAMP]


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


def test_the_second_process_of_all_loads_what_the_first_one_compiled(package):
    (package / "__pycache__").rmdir()
    source = package / "real.py"
    source.write_text(
        "from pathlib import Path\nimport numba\nfrom lightning_gex.analytics.compiled_cache import discard_outdated\n"
        "discard_outdated(Path(__file__).parent)\n"
        "@numba.njit(cache=True)\ndef one():\n    return 1\n\none()\nprint(sum(one.stats.cache_hits.values()))\n"
    )
    # Python itself makes no folder for compiled files then.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("NUMBA_CACHE_DIR", None)
    command = [sys.executable, str(source)]
    hits = [subprocess.run(command, env=environment, capture_output=True, check=True).stdout for _ in range(2)]
    assert [int(found) for found in hits] == [0, 1]
