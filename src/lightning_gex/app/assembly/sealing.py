"""Seals on the journal with a key that only the open vault has: what they cover cannot be rewritten with the audit key.

``audit.key`` lies open in the workspace, because a run must be able to write without a password; whoever copies it can
forge the chain. So whenever the vault is opened the end of the chain is sealed with a second key, kept in the vault: as
a record of the journal, and in ``journal.seal`` beside it.
"""

from __future__ import annotations

import secrets
from datetime import datetime

from lightning_gex.adapters.storage.anchor_file import AnchorFile
from lightning_gex.adapters.storage.journal import SqlJournal
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.errors import IntegrityError
from lightning_gex.core.events import ChainSealed
from lightning_gex.security.audit_chain import Anchor
from lightning_gex.security.vault import Vault

#: The vault's entry that holds the sealing key; no credentials can be stored under it.
SEAL_ENTRY = "lightning.audit-seal"
_KEY_BYTES = 32


def sealing_key(vault: Vault, workspace: Workspace) -> bytes:
    """The key in the vault, made where there is none yet; the vault has to be saved then.

    Raises
    ------
    SecretError : the password is wrong.
    IntegrityError : the journal is sealed and the vault holds no key: it is another vault.
    """
    if SEAL_ENTRY not in vault.names():
        if workspace.seal_file.exists():
            raise IntegrityError(
                f"{workspace.seal_file} seals the journal, and the vault does not hold its key: restore the vault "
                "from your backup, or move the seal away to begin anew"
            )
        vault.store(SEAL_ENTRY, "hmac-sha256", secrets.token_bytes(_KEY_BYTES).hex())
    return bytes.fromhex(vault.retrieve(SEAL_ENTRY).secret)


def seal_journal(journal: SqlJournal, workspace: Workspace, key: bytes, now: datetime) -> None:
    """Seal the journal's present end, after seeing that the seal before still fits.

    Raises
    ------
    IntegrityError : what was sealed was altered or removed since.
    """
    seals = AnchorFile(workspace.seal_file, key)
    if seals.exists():
        _check(journal, seals.read(), str(seals))
    else:
        seals.create()
    count, head = journal.end()
    if count:
        journal.append([ChainSealed(now, count, head, Anchor.sealed(key, count, head).mac)])
        seals.advance(count, head, sync=True)


def verify_seals(journal: SqlJournal, workspace: Workspace, key: bytes) -> int:
    """Check every seal in the journal, and the one beside it, against the records they cover.

    Returns
    -------
    The number of seals in the journal.

    Raises
    ------
    IntegrityError : naming the seal that does not fit.
    """
    seals = AnchorFile(workspace.seal_file, key)
    if not seals.exists():
        raise IntegrityError(f"{seals} is missing, and the vault holds a key for it: restore it from your backup")
    latest, checked = seals.read(), 0
    _check(journal, latest, str(seals))
    for record in journal.read(kinds=["chain_sealed"]):
        event = record.event
        if isinstance(event, ChainSealed):
            seal = Anchor(event.count, event.head, event.seal)
            if not seal.holds(key):
                raise IntegrityError(f"record {record.sequence} is a seal that was not made with the vault's key")
            _check(journal, seal, f"record {record.sequence}")
            checked += 1
    return checked


def _check(journal: SqlJournal, seal: Anchor, source: str) -> None:
    if seal.count and journal.digest_at(seal.count) != seal.head:
        raise IntegrityError(f"record {seal.count} is not the one that {source} sealed: the journal was rewritten")
