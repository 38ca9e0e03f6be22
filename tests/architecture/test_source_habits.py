"""Habits of the house that a reader relies on: documented, typed, short, finished."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from source_tree import REPOSITORY, all_modules, name_of, package_modules, public_functions, tree_of

LONGEST_MODULE = 600  # lines one can read in a sitting
LONGEST_USUAL_FUNCTION = 40  # lines, 95 of 100 functions
LONGEST_FACADE = 150  # lines
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b|raise Not" + r"ImplementedError")
TEXTS = (".py", ".md", ".toml", ".yml", ".yaml", ".cfg", ".txt")
SKIPPED_FOLDERS = {".git", ".venv", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", "build", "dist"}


def project_texts() -> list[Path]:
    """Every text of the project, installed and made things left out."""
    roots = [REPOSITORY / name for name in ("src", "tests", "docs", "examples", "benchmarks")]
    nested = [p for root in roots if root.exists() for p in root.rglob("*") if p.suffix in TEXTS]
    top = [p for p in REPOSITORY.iterdir() if p.suffix in TEXTS or p.name == "Makefile"]
    return [p for p in nested + top if not SKIPPED_FOLDERS & set(p.parts)]


def test_every_module_and_public_class_says_what_it_is():
    silent = []
    for path in all_modules():
        tree = tree_of(path)
        if not ast.get_docstring(tree):
            silent.append(name_of(path))
        silent += [
            f"{name_of(path)}: class {node.name}"
            for node in tree.body
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and not ast.get_docstring(node)
        ]
    assert not silent, "\n".join(silent)


def test_every_public_function_has_a_docstring():
    silent = [
        f"{name_of(path)}: {name}"
        for path in package_modules()
        for name, function in public_functions(path)
        if not ast.get_docstring(function)
    ]
    assert not silent, "\n".join(silent)


def test_every_public_function_has_all_its_types():
    untyped = []
    for path in package_modules():
        for name, function in public_functions(path):
            parameters = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
            missing = [p.arg for p in parameters if p.annotation is None and p.arg not in {"self", "cls"}]
            if missing or function.returns is None:
                untyped.append(f"{name_of(path)}: {name} {missing or 'return'}")
    assert not untyped, "\n".join(untyped)


def test_nothing_in_the_package_prints_but_what_the_founding_document_says_prints():
    printing = [
        f"{name_of(path)}:{node.lineno}"
        for path in package_modules()
        if not name_of(path).startswith("app/founding/")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not printing, "\n".join(printing)


def test_modules_are_short_enough_to_read_in_a_sitting():
    long = {name_of(p): n for p in all_modules() if (n := len(p.read_text().splitlines())) > LONGEST_MODULE}
    assert not long


def test_founding_modules_are_thin():
    founding = [p for p in all_modules() if p not in set(package_modules())]
    long = {name_of(p): n for p in founding if (n := len(p.read_text().splitlines())) > LONGEST_FACADE}
    assert not long


def test_functions_are_short():
    lengths = sorted(
        (node.end_lineno or node.lineno) - node.lineno + 1
        for path in package_modules()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    assert lengths[int(len(lengths) * 0.95)] <= LONGEST_USUAL_FUNCTION


def test_no_text_carries_a_mark_of_unfinished_work():
    found = [
        f"{path.relative_to(REPOSITORY)}:{number}: {line.strip()}"
        for path in project_texts()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if UNFINISHED.search(line)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(("line", "wrong"), [("# TO" + "DO: later", True), ("# todos los días", False)])
def test_the_mark_check_knows_a_mark(line, wrong):
    assert bool(UNFINISHED.search(line)) is wrong


def test_no_module_name_hides_what_is_in_it():
    vague = {"utils", "helpers", "manager", "common", "misc", "enhanced", "advanced"}
    assert not [name_of(p) for p in package_modules() if vague & set(p.stem.split("_"))]
