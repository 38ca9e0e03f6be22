"""The documents say what the program does: commands, options, settings, targets, links, and code that runs."""

from __future__ import annotations

import json
import os
import re
import shlex
from pathlib import Path

import pytest
import typer
from document_blocks import blocks, pages, shell_commands
from source_tree import REPOSITORY

from lightning_gex.adapters.market_data.chain_files import FORMATS
from lightning_gex.analytics import dealer_models
from lightning_gex.app.cli.application import application
from lightning_gex.app.settings import load_settings
from lightning_gex.core import errors

CLI_PAGE = REPOSITORY / "docs" / "reference" / "cli.md"
SETTINGS_PAGE = REPOSITORY / "docs" / "reference" / "settings.md"
PROGRAMS = {"lightning", "lightning-gex"}


def commands() -> dict[str, object]:
    """Name -> parsed command of the command line, the group itself under ``lightning``."""
    return dict(named_commands("lightning", typer.main.get_command(application)))


def named_commands(name, command):
    """A command and those below it, each with its whole name; a group that only holds others is none itself."""
    below = getattr(command, "commands", {})
    if name == "lightning" or not below:
        yield name, command
    for word, one in below.items():
        yield from named_commands(f"{name} {word}", one)


def options_of(command) -> set[str]:
    """Every spelling of every option of a command."""
    return {name for p in command.params for name in (*p.opts, *p.secondary_opts) if name.startswith("-")} | {"--help"}


def section(page: Path, title: str) -> str:
    """The part of a page under a second-level heading. Raises ``KeyError`` where there is none."""
    parts = re.split(r"^## ", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {part.splitlines()[0].strip(): part for part in parts if part}[title]


def relative(page: Path) -> str:
    return str(page.relative_to(REPOSITORY))


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_and_option_is_in_the_reference(name):
    text = section(CLI_PAGE, name)
    own = options_of(commands()[name]) - {"--help"} | ({"--help"} if name == "lightning" else set())
    assert not [option for option in own if f"`{option}" not in text]


@pytest.mark.parametrize("name", sorted(commands()))
def test_the_reference_names_no_option_that_is_not_there(name):
    named = set(re.findall(r"^\| `(--[\w-]+)", section(CLI_PAGE, name), flags=re.MULTILINE))
    assert named <= options_of(commands()[name])


def test_the_reference_names_no_command_that_is_not_there():
    titles = re.findall(r"^## (lightning.*)$", CLI_PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert set(titles) == set(commands())


def test_every_chain_format_is_in_the_reference_and_in_the_help():
    (option,) = [p for p in commands()["lightning gex"].params if "--format" in p.opts]
    for name in FORMATS:
        assert f"`{name}`" in section(CLI_PAGE, "lightning gex")
        assert name in option.help


def test_every_exit_code_is_in_the_reference():
    kinds = [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, errors.LightningError)]
    text = section(CLI_PAGE, "Exit codes")
    for code in {kind.exit_code for kind in kinds} | {0, 130, 141}:
        assert f"\n| {code} |" in text


def test_every_setting_is_in_the_reference_with_its_default():
    text = SETTINGS_PAGE.read_text(encoding="utf-8")
    missing = [k for k, value in load_settings().flat().items() if f"| `{k}` | `{json.dumps(value)}` |" not in text]
    assert not missing


def test_the_reference_names_no_setting_that_is_not_there():
    named = set(re.findall(r"^\| `([a-z_.]+)`", SETTINGS_PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert named == set(load_settings().flat())


@pytest.mark.parametrize("page", [p for p in pages() if blocks(p, "python")], ids=relative)
def test_the_python_of_a_page_runs_in_order_in_one_namespace(page, tmp_path, monkeypatch):
    for name in [n for n in os.environ if n.upper().startswith("LIGHTNING_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LIGHTNING_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dealer_models, "_registered", dict(dealer_models._registered))  # a page may register its own
    namespace = {"__name__": "__main__"}
    for block in blocks(page, "python"):
        lines_before = "\n" * (block.line - 1)  # so that an error names the line of the page
        exec(compile(lines_before + block.text, str(page), "exec"), namespace)  # noqa: S102 - our own documents


@pytest.mark.parametrize("page", [p for p in pages() if shell_commands(p)], ids=relative)
def test_the_commands_of_a_page_exist(page):
    for line, command in shell_commands(page):
        words = [w for w in shlex.split(command) if not re.fullmatch(r"[A-Z_]+=.*", w)]
        where = f"{relative(page)}:{line}: {command}"
        if words and Path(words[0]).name in PROGRAMS:
            check_lightning(words[1:], where)
        elif words and words[0] == "make":
            check_make(words[1:], where)


def check_lightning(words: list[str], where: str) -> None:
    """A call of our program names a command and options that exist."""
    known = commands()
    spoken = [w for w in words if not w.startswith("-")]
    pairs = [" ".join(spoken[i : i + n]) for n in (2, 1) for i in range(len(spoken))]
    name = next((w for w in pairs if f"lightning {w}" in known), None)
    asks_itself = {"--help", "-h", "--version"} & set(words)
    assert name is not None or asks_itself or not words, where
    allowed = options_of(known["lightning"]) | (options_of(known[f"lightning {name}"]) if name else set())
    assert {w.split("=")[0] for w in words if w.startswith("-")} <= allowed, where


def check_make(words: list[str], where: str) -> None:
    """A call of make names targets that exist."""
    targets = re.findall(r"^([\w-]+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert {w for w in words if "=" not in w and not w.startswith("-")} <= set(targets), where


@pytest.mark.parametrize("page", pages(), ids=relative)
def test_the_links_of_a_page_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = [t.split("#")[0] for t in re.findall(r"\]\(([^)\s]+)\)", text)]
    dead = [
        t for t in targets if t and "://" not in t and not t.startswith("mailto:") and not (page.parent / t).exists()
    ]
    assert not dead


@pytest.mark.parametrize("page", pages(), ids=relative)
def test_every_page_begins_with_a_title(page):
    text = page.read_text(encoding="utf-8")
    assert text.startswith(("# ", "<"))


def test_every_decision_is_listed():
    folder = REPOSITORY / "docs" / "decisions"
    listed = (folder / "README.md").read_text(encoding="utf-8")
    assert not [p.name for p in folder.glob("0*.md") if f"({p.name})" not in listed]


def test_every_page_is_on_the_map():
    folder = REPOSITORY / "docs"
    on_map = (folder / "README.md").read_text(encoding="utf-8")
    found = [str(p.relative_to(folder)) for p in folder.rglob("*.md") if p.parent.name != "decisions"]
    assert not [name for name in found if name != "README.md" and f"({name})" not in on_map]
