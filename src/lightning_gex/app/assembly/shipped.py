"""The policy that ships with the package: checked by digest, with the cards that say what it is worth."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import Final

from lightning_gex.core.errors import InputError
from lightning_gex.sizing.model_card import ModelCard
from lightning_gex.sizing.policy import OnnxPolicy, load_policy

#: What it was trained and judged on by its recipe, and what it came to on SPY, 2012 to 2021, none of which it learnt.
RECIPE_FILE, CARD_FILE, HISTORY_CARD_FILE, ARCHIVE_FILE = (
    "recipe.toml",
    "card.json",
    "history_card.json",
    "policy.zip",
)
#: SHA-256 of each file as it was shipped.
DIGESTS: Final = {
    "recipe.toml": "5ae0c2d498f1f403be48ec3483fbf4ea584e465f931a63a61ef82d2ea941816a",
    "card.json": "3fe5e052f6605354ca0f930aa2938394ec1ac33cbb7ae81af3e931983a4fe8a1",
    "history_card.json": "e8f1d15392d827ee67993fd8eea3028d86069920a7de6aef3ef6ef3e725ee2ab",
    "policy.zip": "dda8d397d886d44293b1bcb6a68e04586c89e0b887870f5f77c4b216b8c84273",
}


def shipped_bytes(name: str) -> bytes:
    """A file of the shipped policy. Raises ``InputError`` where it is gone or is not the one that was shipped."""
    source = f"shipped policy: {name}"
    try:
        data = files("lightning_gex.app").joinpath("shipped_policy", name).read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read ({error}): install the package again", source=source) from None
    if hashlib.sha256(data).hexdigest() != DIGESTS[name]:
        raise InputError("is not the file that was shipped: install the package again", source=source)
    return data


def shipped_policy() -> OnnxPolicy:
    """The policy, ready to decide. Raises ``InputError`` where it was altered."""
    return load_policy(shipped_bytes(ARCHIVE_FILE), f"shipped policy: {ARCHIVE_FILE}")


def shipped_card() -> ModelCard:
    """What its own recipe says of it: simulated markets. Raises ``InputError`` where it was altered."""
    return _card(CARD_FILE)


def shipped_history_card() -> ModelCard:
    """What it came to on a real history that it never saw. Raises ``InputError`` where it was altered."""
    return _card(HISTORY_CARD_FILE)


def shipped_recipe() -> str:
    """The recipe's text. Raises ``InputError`` where it was altered."""
    return shipped_bytes(RECIPE_FILE).decode()


def is_champion() -> bool:
    """Whether it sizes where no policy was promoted: where it beat Kelly on real data that it never saw."""
    return shipped_history_card().verdict()[0]


def _card(name: str) -> ModelCard:
    return ModelCard.from_json(shipped_bytes(name).decode(), f"shipped policy: {name}")
