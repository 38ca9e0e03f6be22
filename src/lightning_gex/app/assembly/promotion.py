"""``lightning promote``: the champion's place, and the signed card by which a policy may take it."""

from __future__ import annotations

import hmac
import json
from pathlib import Path

from lightning_gex.adapters.clock import SystemClock
from lightning_gex.adapters.storage.trials import SqlTrials
from lightning_gex.adapters.storage.workspace_files import replace_together
from lightning_gex.app.assembly.policies import POLICY_FILE, read_policy
from lightning_gex.app.assembly.wiring import Stores, new_run_id
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.errors import InputError, RefusedError
from lightning_gex.core.events import AuditNoted
from lightning_gex.sizing.model_card import ModelCard
from lightning_gex.sizing.policy import OnnxPolicy

CARD_FILE = "card.json"
PROMOTED_CARD_FILE = "policy_card.json"
_SIGNATURE = "signature"
_PURPOSE = b"lightning-gex sizing card\0"  # the audit key signs other things too: none of them is a card
_PROMOTED, _NOT_PROMOTED = "policy_promoted", "policy_not_promoted"


def promote_policy(workspace: Workspace, folder: Path) -> str:
    """Make a trained policy the workspace's own where it beats the champion; either way it goes on record.

    Parameters
    ----------
    workspace : which decides with the policy from then on.
    folder : that ``train_policies`` wrote in this workspace.

    Returns
    -------
    The reason.

    Raises
    ------
    InputError : no card, one that this workspace did not sign, another policy than the card's, or one that cannot be
        read.
    RefusedError : it does not beat the champion; the workspace stays as it is.
    """
    card = read_signed_card(folder / CARD_FILE, workspace.audit_key)
    policy_file = folder / POLICY_FILE
    policy = read_policy(policy_file)
    if not isinstance(policy, OnnxPolicy) or policy.metadata.policy_sha256 != card.policy_sha256:
        raise InputError("is not the policy of the card beside it: train it again", source=str(policy_file))
    champion = reigning_policy(workspace)
    reigning = "" if champion is None else champion.metadata.policy_sha256
    if reigning == card.policy_sha256:
        raise RefusedError("this policy is the champion already")
    if reigning != card.champion_sha256:
        better, reason = False, "was set against another champion than the workspace's: train it again"
    else:
        better, reason = card.verdict(_attempts(workspace, card))
    if better:
        archive = policy_file.read_bytes()
        signed = signed_card(card, workspace.audit_key).encode()
        replace_together(workspace.home, {POLICY_FILE: archive, PROMOTED_CARD_FILE: signed})
    _journal(workspace, card, better=better, reason=reason)
    if not better:
        raise RefusedError(f"not promoted: {reason}")
    return reason


def reigning_policy(workspace: Workspace) -> OnnxPolicy | None:
    """The policy promoted in this workspace; None where Kelly reigns. Raises ``InputError`` on a broken one."""
    file = workspace.home / POLICY_FILE
    if not file.exists():
        return None
    policy = read_policy(file)
    if not isinstance(policy, OnnxPolicy):
        raise InputError("is no policy that can be compared: remove it", source=str(file))
    return policy


def signed_card(card: ModelCard, key: bytes) -> str:
    """A card as text with the workspace's signature: HMAC-SHA256 over everything else in it."""
    record = json.loads(card.to_json())
    return json.dumps({**record, _SIGNATURE: _signature(card, key)}, indent=2, sort_keys=True)


def read_signed_card(file: Path, key: bytes) -> ModelCard:
    """The card in a file that this workspace wrote. Raises ``InputError`` on any other."""
    try:
        text = file.read_text("utf-8")
    except FileNotFoundError:
        raise InputError("there is no card: name the folder that lightning train wrote", source=str(file)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", source=str(file)) from None
    try:
        raw = json.loads(text)
        signature = raw.pop(_SIGNATURE, "") if isinstance(raw, dict) else ""
    except (ValueError, RecursionError):
        raw, signature = None, ""
    card = ModelCard.from_json(json.dumps(raw), str(file))
    if not hmac.compare_digest(str(signature).encode("utf-8", "surrogatepass"), _signature(card, key).encode()):
        problem = "was not signed by this workspace: train the model in the workspace that is to size with it"
        raise InputError(problem, source=str(file), field=_SIGNATURE)
    return card


def _signature(card: ModelCard, key: bytes) -> str:
    return hmac.digest(key, _PURPOSE + card.to_json().encode(), "sha256").hex()


def _attempts(workspace: Workspace, card: ModelCard) -> int:
    """How many trainings were judged on the card's data by now: those after it count against it too."""
    stores = Stores.open(workspace)
    try:
        return SqlTrials(stores.engine).count(card.counted_sha256).count
    finally:
        stores.engine.dispose()


def _journal(workspace: Workspace, card: ModelCard, *, better: bool, reason: str) -> None:
    clock = SystemClock()
    stores = Stores.open(workspace)
    try:
        with stores.journal(new_run_id("promote", clock.now())) as journal:
            detail = {"policy_sha256": card.policy_sha256, "champion_sha256": card.champion_sha256, "reason": reason}
            journal.append([AuditNoted(clock.now(), _PROMOTED if better else _NOT_PROMOTED, detail)])
    finally:
        stores.engine.dispose()
