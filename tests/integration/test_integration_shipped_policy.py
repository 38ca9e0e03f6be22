"""The policy that ships: made by its recipe, as its cards say, and made again by whoever reruns it."""

from __future__ import annotations

import importlib.metadata
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lightning_gex.analytics.observation import OBSERVATION_HIGH, OBSERVATION_LOW
from lightning_gex.app.assembly.recipes import DEFAULT_RECIPE, recipe_request
from lightning_gex.app.assembly.shipped import (
    is_champion,
    shipped_bytes,
    shipped_card,
    shipped_history_card,
    shipped_policy,
    shipped_recipe,
)
from lightning_gex.app.assembly.training import processor_name, train_policies, trial_of
from lightning_gex.app.assembly.wiring import open_workspace
from lightning_gex.core.errors import InputError
from lightning_gex.sizing.ladder import LADDER

SOAK = bool(os.environ.get("LIGHTNING_SOAK"))


def recipe(folder: Path):
    return recipe_request(DEFAULT_RECIPE, folder)


def test_the_cards_are_of_the_policy_and_the_policy_is_of_the_recipe(tmp_path):
    request, card, about = recipe(tmp_path), shipped_card(), shipped_policy().metadata
    assert card.config_sha256 == request.digest
    assert shipped_history_card().config_sha256 == request.digest
    assert card.policy_sha256 == shipped_history_card().policy_sha256 == about.policy_sha256
    assert card.seeds == tuple(range(request.seeds))
    assert (about.algorithm, about.total_timesteps) == (request.algorithm, request.timesteps)
    assert about.seed == card.chosen_seed
    assert about.data_sha256 == card.data_sha256
    assert (card.attempts, card.made_with["device"]) == (1, "cpu")


def test_it_is_champion_where_its_history_card_says_so_and_only_there():
    assert is_champion() == shipped_history_card().verdict()[0]
    assert "SPY" in shipped_history_card().judged_on


def test_it_decides_on_the_core_install_and_looks_at_what_it_sees():
    rng = np.random.default_rng(5)
    seen = rng.uniform(OBSERVATION_LOW, OBSERVATION_HIGH, (2_000, 7)).astype(np.float32)
    sizes = np.array([shipped_policy().size_pct(row) for row in seen[:50]])
    assert set(sizes.tolist()) <= set(LADDER)
    with_gamma, against = seen.copy(), seen.copy()
    with_gamma[:, 0], against[:, 0] = 0.9, -0.9
    rungs = np.array(LADDER)
    policy = shipped_policy()
    assert rungs[policy.actions(with_gamma)].mean() > rungs[policy.actions(against)].mean()


def test_the_recipe_in_small_gives_the_same_policy_and_card_twice(tmp_path):
    small = {"timesteps": 256, "seeds": 1, "markets": 1, "sessions": 400}
    for name in ("one", "two"):
        train_policies(open_workspace(tmp_path / f"home_{name}"), replace(recipe(tmp_path / name), **small))
    assert (tmp_path / "one" / "policy.zip").read_bytes() == (tmp_path / "two" / "policy.zip").read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(not SOAK, reason="retrains the shipped policy for many minutes: set LIGHTNING_SOAK=1")
@pytest.mark.timeout(7_200)
def test_the_recipe_gives_the_shipped_policy_to_the_byte(tmp_path):
    made_with = shipped_card().made_with
    here = {"device": "cpu", "processor": processor_name()}
    here |= {name: importlib.metadata.version(name) for name in made_with if name not in here}
    if here != dict(made_with):
        pytest.skip(f"it was made with {dict(made_with)}; here is {here}: to the byte is promised on the same alone")
    card = train_policies(open_workspace(tmp_path / "home"), recipe(tmp_path / "out"))
    assert (tmp_path / "out" / "policy.zip").read_bytes() == shipped_bytes("policy.zip")
    assert card.to_json() == shipped_card().to_json()


def test_another_training_is_judged_on_other_markets(tmp_path):
    small = replace(recipe(tmp_path), markets=1, sessions=400)
    first, second = (trial_of(replace(small, timesteps=steps)) for steps in (100, 200))
    np.testing.assert_array_equal(first.learnt[0].exit_price, second.learnt[0].exit_price)
    assert first.judged.exit_price.tolist() != second.judged.exit_price.tolist()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("algorithm = ", "no TOML"),
        ("speed = 3", "known are algorithm"),
        ('on = "history"', "simulated markets, which everybody has"),
        ("timesteps = 0", "--timesteps 0"),
        ('timesteps = "many"', "another kind"),
        ("algorithm = 7", "another kind"),
        ('algorithm = "SAC"', "PPO, A2C, DQN"),
        ("hidden = [0]", "hidden"),
        ("hidden = 64", "another kind"),
        ('learning_rate = "fast"', "another kind"),
    ],
)
def test_a_recipe_that_is_none_is_refused_by_name(tmp_path, text, says):
    file = tmp_path / "recipe.toml"
    file.write_text(text)
    with pytest.raises(InputError, match=says) as refused:
        recipe_request(str(file), tmp_path / "out")
    assert "recipe.toml" in str(refused.value)


def test_a_recipe_from_a_file_is_read_as_the_shipped_one_is(tmp_path):
    (tmp_path / "mine.toml").write_text(shipped_recipe())
    assert recipe_request(str(tmp_path / "mine.toml"), tmp_path / "out").digest == recipe(tmp_path / "out").digest
