"""``lightning agents`` shows who votes, and tells an author every rule that an agent breaks."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lightning_gex.agents.registry import default_agents
from lightning_gex.agents.trend import TrendAgent
from lightning_gex.app.assembly.agents import examine_agents
from lightning_gex.app.cli import main
from lightning_gex.app.settings import Settings
from lightning_gex.core.errors import SettingsError


class Careless:
    """An agent that does not keep the rules, for the tests to find out."""

    name = "Careless [bold]"

    def analyze(self, data):
        return data["vix"] and None


class Good:
    name = "Good"

    def analyze(self, data):
        return None


HERE = __name__


def test_the_five_are_shown_with_their_weights_and_keep_the_rules(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("LIGHTNING_AGENTS__WEIGHTS__TREND", "0")
    assert main(["agents", "--home", str(tmp_path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["agents"]
    assert [a["name"] for a in found] == [a.name for a in default_agents()]
    assert found[0] == {
        "name": "Trend Agent", "strategy": "trend_following", "origin": "built in", "weight": 0.0, "problems": [],
    }  # fmt: skip
    assert {a["weight"] for a in found[1:]} == {1.0}


def test_a_rule_that_is_broken_is_told_and_ends_with_code_2(tmp_path, capsys):
    assert main(["agents", f"{HERE}:Careless", f"{HERE}:Good", "--home", str(tmp_path)]) == 2
    shown = capsys.readouterr()
    assert "Careless [bold]" in shown.out
    assert "KeyError" in shown.out
    assert "rules are broken by Careless [bold]" in shown.err


@pytest.mark.parametrize("target", ["nothing", "no_such_module:Agent", f"{HERE}:Nobody", "json:dumps"])
def test_what_is_no_agent_is_refused(target):
    with pytest.raises(SettingsError, match=r"cannot be loaded|is no agent"):
        examine_agents(Settings(), (target,))


def test_an_agent_named_by_its_module_is_checked_as_it_was_written():
    (report,) = examine_agents(Settings(), ("lightning_gex.agents.trend:TrendAgent",))
    assert (report.name, report.origin, report.problems) == (
        TrendAgent().name,
        "lightning_gex.agents.trend:TrendAgent",
        (),
    )
    assert np.isfinite(report.weight)
