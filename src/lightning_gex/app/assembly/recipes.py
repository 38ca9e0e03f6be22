"""Recipes: everything that shapes a training, written down, so that anyone can train the same policy again."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

from lightning_gex.app.assembly.shipped import shipped_recipe
from lightning_gex.app.assembly.training import TrainedOn, TrainingRequest, algorithm_named
from lightning_gex.core.errors import InputError, LightningError, shown
from lightning_gex.sizing.training import CPU, TrainingKnobs

#: The name of the recipe of the policy that ships with the package.
DEFAULT_RECIPE = "default"
_OWN = ("algorithm", "timesteps", "seeds", "on", "markets", "sessions", "planted_effect")
_KNOBS = tuple(f.name for f in fields(TrainingKnobs) if f.name != "device")


def recipe_request(
    recipe: str, out: Path, *, resume: bool = False, tensorboard: bool = False, checkpoint_every: int = 10_000
) -> TrainingRequest:
    """The training that a recipe describes.

    Parameters
    ----------
    recipe : ``default``, or the name of a TOML file whose keys are the options of ``lightning train``.
    out, resume, tensorboard, checkpoint_every : as ``TrainingRequest`` takes them: they shape no policy.

    Raises
    ------
    InputError : no such file, no TOML, an unknown key, or a value that cannot be trained with. Simulated markets alone:
        a recipe that needs somebody's own files cannot be rerun by others.
    """
    source = f"recipe {recipe}"
    text = shipped_recipe() if recipe == DEFAULT_RECIPE else _read(Path(recipe))
    try:
        found: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"is no TOML: {error}", source=source) from None
    unknown = sorted(set(found) - {*_OWN, *_KNOBS})
    if unknown:
        raise InputError(f"known are {', '.join((*_OWN, *_KNOBS))}", source=source, field=shown(unknown[0]))
    if found.get("on", TrainedOn.SIMULATED) != TrainedOn.SIMULATED:
        raise InputError("a recipe trains on simulated markets, which everybody has", source=source, field="on")
    try:
        knobs = {name: found[name] for name in _KNOBS if name in found}
        if "hidden" in knobs:
            knobs["hidden"] = tuple(knobs["hidden"])
        own = {name: found[name] for name in _OWN if name in found and name not in ("algorithm", "on")}
        return TrainingRequest(
            out=out,
            algorithm=algorithm_named(found.get("algorithm", "PPO")),
            on=TrainedOn.SIMULATED,
            **own,
            knobs=TrainingKnobs(**knobs, device=CPU),
            resume=resume,
            tensorboard=tensorboard,
            checkpoint_every=checkpoint_every,
        )
    except (TypeError, AttributeError):
        raise InputError("holds a value of another kind than its option takes", source=source) from None
    except LightningError as error:
        raise InputError(str(error), source=source) from None


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        raise InputError("there is no such recipe: name a file, or default", source=str(path)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", source=str(path)) from None
