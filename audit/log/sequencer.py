"""The one that gives events their place.

1. Take the sequencer's advisory lock: there is one sequencer at a time in the whole installation.
2. Compare the stored tree with what was signed last (``audit.log.state``); refuse a log that is smaller
   or does not begin with the same leaves.
3. In one transaction, move the visible inbox rows into the log in id order with dense numbers, and
   store the subtrees that they complete. Rows of transactions that commit late are simply found next
   time: there is no "id above the last one seen" that could step over them.
4. Write the new size and root to the state file, then sign and publish the checkpoint.

A crash after 3 leaves a log that is longer than its last checkpoint, which the next run signs.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection, transaction
from django.utils import timezone

from audit.errors import VerificationError
from audit.keys import LOG_PURPOSE, keyring
from audit.log.models import Checkpoint
from audit.log.proofs import log_head, log_root
from audit.log.state import SignedState, log_origin, read_state, write_state
from audit.merkle.note import CheckpointText, VerifierKey, sign_note
from audit.merkle.tree import TreeHead
from audit.signing import KeyRing

LOCK_ID = 0x76697661  # any number that nothing else in this database locks
BATCH = 5_000

MOVE = r"""
WITH moved AS (
    DELETE FROM audit_inboxevent
    WHERE id IN (SELECT id FROM audit_inboxevent ORDER BY id LIMIT %(limit)s)
    RETURNING *
)
INSERT INTO audit_leaf
    (seq, hash, event_id, body, action, subject_type, subject_id, actor_id, time)
SELECT %(size)s + row_number() OVER (ORDER BY id) - 1, sha256('\x00'::bytea || body),
    event_id, body, action, subject_type, subject_id, actor_id, time
FROM moved
RETURNING seq, hash
"""


@dataclass(frozen=True, slots=True)
class LogSigner:
    """The log's own key, as a signer of notes."""

    keys: KeyRing
    verifier: VerifierKey

    def sign(self, message: bytes) -> bytes:
        return self.keys.sign(LOG_PURPOSE, message)[1]


def log_signer() -> LogSigner:
    keys = keyring()
    return LogSigner(keys, VerifierKey(log_origin(), keys.current(LOG_PURPOSE).raw))


def integrate_pending() -> int:
    """Put every event that is visible now into the log and sign the result; return their number.

    Raises:
        VerificationError: ``log.shrunk``, ``log.rewritten``, ``log.state_missing``. The inbox is as before.
        RuntimeError: inside a transaction, which could take leaves back that were signed.
    """
    signer = log_signer()
    total = 0
    with _sequencer_lock():
        head = log_head()
        refuse_changed_past(head.size)
        while True:
            moved = _append_batch(head)
            total += moved
            _publish_checkpoint(head, signer)
            if moved < BATCH:
                return total


def refuse_changed_past(size: int) -> None:
    """Raise unless the stored tree of ``size`` leaves extends what was signed last."""
    state = read_state()
    if state is None:
        if Checkpoint.objects.exists():
            raise VerificationError(
                "log.state_missing",
                "The file with the last signed size is missing, but checkpoints were signed.",
                "Restore log-state.json from a backup of the key folder. If there is none, compare the "
                "newest checkpoint with a printed report, then run verify_log --restore-state.",
            )
    elif size < state.size:
        raise VerificationError(
            "log.shrunk",
            f"The log has {size} events, but {state.size} were signed.",
            "Events were removed or an old database was restored. Restore the newest backup.",
        )
    elif log_root(state.size).hex() != state.root:
        raise VerificationError(
            "log.rewritten",
            f"The log's first {state.size} events are not those that were signed.",
            "Run verify_log to find the first changed event, and keep the database as it is.",
        )


@contextlib.contextmanager
def _sequencer_lock() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK_ID])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK_ID])


def _append_batch(head: TreeHead) -> int:
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(MOVE, {"limit": BATCH, "size": head.size})
        leaves = sorted(cursor.fetchall())
        if leaves:
            with cursor.copy("COPY audit_node (level, position, hash) FROM STDIN") as copy:
                for _, leaf_hash in leaves:
                    for node, value in head.append(leaf_hash):
                        copy.write_row((*node, value))
    return len(leaves)


def _publish_checkpoint(head: TreeHead, signer: LogSigner) -> None:
    if head.size == 0 or Checkpoint.objects.filter(size=head.size).exists():
        return
    text = CheckpointText(signer.verifier.name, head.size, head.root)
    write_state(SignedState(text.origin, text.size, text.root.hex()))
    with transaction.atomic(durable=True):
        Checkpoint.objects.create(
            size=text.size, root=text.root, note=sign_note(str(text), signer), created_at=timezone.now()
        )
