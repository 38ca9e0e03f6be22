"""The one public name space: what is visible is what is promised, documented, and loaded when it is used."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib

import pytest
from source_tree import PACKAGE, REPOSITORY

import lightning_gex as lg

PAGE = (REPOSITORY / "docs" / "reference" / "library.md").read_text(encoding="utf-8")


def test_what_is_visible_is_what_is_promised():
    assert dir(lg) == sorted(lg.__all__)
    assert len(set(lg.__all__)) == len(lg.__all__)
    script = "import lightning_gex as lg; print([n for n in vars(lg) if not n.startswith('_')])"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert set(ast.literal_eval(shown)) <= {"annotations", "core"}


@pytest.mark.parametrize("name", lg.__all__)
def test_every_name_is_there_documented_and_in_the_reference(name):
    assert f"lg.{name}" in PAGE
    if name != "__version__":
        assert (getattr(lg, name).__doc__ or "").strip()


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'gamma_squeeze'"):
        _ = lg.gamma_squeeze


def test_the_types_a_checker_sees_are_the_names_that_are_loaded():
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    seen = {
        alias.asname or alias.name: (node.module, alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lightning_gex.")
        for alias in node.names
    }
    seen.pop("__version__")
    assert seen == {name: (f"lightning_gex.{module}", there) for name, (module, there) in lg._HOMES.items()}


def test_the_version_is_the_packages():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert lg.__version__ == project["version"]
