"""Keeps registered secrets out of the free texts of an event's payload; figures, names and ids stay as they are."""

from __future__ import annotations

import json
from typing import Any

from lightning_gex.adapters.storage.stored_form import compacted, expanded
from lightning_gex.security.redaction import Redactor

_NUMBER = frozenset({"float"})  # how the codec writes a number that JSON has none for: a word, and no text of anybody's
#: Fields that people, brokers, agents and libraries put texts into. What the state is computed from is none of them.
FREE_TEXTS = frozenset({"by", "detail", "error", "fallback", "reason", "reasons", "reset_by", "settings", "what"})


def payload_without_secrets(payload: str, redactor: Redactor) -> str:
    """An event's JSON with registered values hidden in its free texts, at every depth.

    Nearly every payload holds none, and comes back as it is after one search.

    Parameters
    ----------
    payload : as ``codec.encode`` writes it.
    redactor : what knows the values.
    """
    if not redactor.finds(payload):
        return payload
    cleaned: Any = _cleaned(expanded(json.loads(payload)), redactor)  # by name: a row does not say which texts are free
    return json.dumps(compacted(cleaned), separators=(",", ":"), ensure_ascii=False)


def _cleaned(value: object, redactor: Redactor, *, free: bool = False) -> object:
    if isinstance(value, dict):
        if value.keys() == _NUMBER:
            return value
        return {k: _cleaned(item, redactor, free=free or k in FREE_TEXTS) for k, item in value.items()}
    if isinstance(value, list):
        return [_cleaned(item, redactor, free=free) for item in value]
    return redactor.known(value) if free and isinstance(value, str) else value
