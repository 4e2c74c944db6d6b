"""The whole log read again from its first byte: what the signer's short checks cannot see.

1. Leaves in order: numbers without a gap, hash and canonical form of the bytes, and the columns that
   queries use against what the bytes say.
2. Every stored subtree against the one computed anew.
3. Every checkpoint: signed by a log key of ours, and the root the leaves have at that size.
4. The last signed size in the file outside the database.
5. The inbox: nothing that is in the log already.
6. Personal data against the commitments in the leaves.
7. What the apps above registered.

The log may grow meanwhile: what was signed is read first and the leaves after it, and leaves are stored
before they are signed, so that a sound log never looks too short.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Exists, Max, OuterRef

from audit.errors import VerificationError
from audit.keys import LOG_PURPOSE, keyring
from audit.log.commitments import commitment
from audit.log.invariants import broken_invariants
from audit.log.models import Checkpoint, Event, InboxEvent, Leaf, Node, PersonalData
from audit.log.proofs import log_size
from audit.log.recording import rfc3339
from audit.log.state import SignedState, read_state
from audit.merkle.canonical import parse_canonical
from audit.merkle.note import CheckpointText, VerifierKey, open_note
from audit.merkle.tree import NodeId, TreeHead, leaf_hash

CHUNK = 5_000
# After so many findings the reader knows; a log of a million wrong leaves should not print them all.
FINDINGS_MAX = 100


@dataclass(frozen=True, slots=True)
class Finding:
    """``place`` is where to look: ``leaf 17``, ``node 3/2``, ``checkpoint 40``, ``personal data …``."""

    code: str
    place: str
    message: str


@dataclass(slots=True)
class Replay:
    """What a replay saw: ``size`` leaves with ``root``, and its faults, those of the leaves first."""

    size: int = 0
    root: bytes = b""
    checkpoints: int = 0
    signed_size: int = 0
    pending: int = 0
    erased: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        return not self.findings

    def found(self, code: str, place: str, message: str) -> None:
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(Finding(code, place, message))


def replay_log() -> Replay:
    """Read everything again. Faults are findings, never exceptions."""
    replay = Replay()
    checkpoints = list(Checkpoint.objects.order_by("size"))
    state = read_state()
    signed_sizes = {checkpoint.size for checkpoint in checkpoints} | ({state.size} if state else set())
    roots, commitments = _replay_leaves(replay, signed_sizes)
    _check_node_count(replay)
    _check_checkpoints(replay, checkpoints, roots)
    _check_state(replay, state, roots)
    _check_inbox(replay)
    _check_personal_data(replay, commitments)
    for name, sentence in broken_invariants():
        replay.found("log.invariant_broken", name, sentence)
    return replay


def _replay_leaves(replay: Replay, wanted: set[int]) -> tuple[dict[int, bytes], dict[str, str]]:
    """Checks 1 and 2; return the roots at the ``wanted`` sizes and the commitments by event id."""
    head = TreeHead()
    roots: dict[int, bytes] = {}
    commitments: dict[str, str] = {}
    for chunk in _chunks_of_leaves():
        computed: dict[NodeId, bytes] = {}
        for leaf in chunk:
            if leaf.seq != head.size:
                replay.found(
                    "log.leaf_missing",
                    f"leaf {head.size}",
                    f"Leaf {head.size} is missing; the next one is {leaf.seq}.",
                )
                # What follows cannot be hashed into its place.
                return roots, commitments
            event = _check_leaf(replay, leaf)
            if "commitment" in event:
                commitments[event["id"]] = event["commitment"]
            computed.update(head.append(leaf_hash(leaf.body)))
            if head.size in wanted:
                roots[head.size] = head.root
            replay.size, replay.root = head.size, head.root
        _check_nodes(replay, computed)
    return roots, commitments


def _chunks_of_leaves() -> Iterator[list[Leaf]]:
    after = -1
    while chunk := list(Leaf.objects.filter(seq__gt=after).order_by("seq")[:CHUNK]):
        yield chunk
        after = chunk[-1].seq


def _check_leaf(replay: Replay, leaf: Leaf) -> dict[str, Any]:
    """The leaf's event, or an empty one where the bytes are none."""
    place = f"leaf {leaf.seq}"
    if leaf_hash(leaf.body) != leaf.hash:
        replay.found("log.leaf_changed", place, f"Leaf {leaf.seq} is not the event that was logged there.")
    try:
        event: dict[str, Any] = parse_canonical(leaf.body)
        said = (
            event["id"],
            event["action"],
            event["subject"]["type"],
            event["subject"]["id"],
            event["actor"]["id"],
            event["time"],
        )
    except (VerificationError, KeyError, TypeError):
        replay.found("log.leaf_unreadable", place, f"Leaf {leaf.seq} is not an event in canonical JSON.")
        return {}
    filed = (
        str(leaf.event_id),
        leaf.action,
        leaf.subject_type,
        str(leaf.subject_id),
        leaf.actor_id,
        rfc3339(leaf.time),
    )
    if said != filed:
        message = f"The row of leaf {leaf.seq} is filed under what its event does not say."
        replay.found("log.column_changed", place, message)
    return event


def _check_nodes(replay: Replay, computed: dict[NodeId, bytes]) -> None:
    """Compare with the stored nodes, one range a level: a chunk completes neighbours only."""
    stored: dict[NodeId, bytes] = {}
    for level in {node.level for node in computed}:
        positions = [node.position for node in computed if node.level == level]
        rows = Node.objects.filter(level=level, position__range=(min(positions), max(positions)))
        for position, value in rows.values_list("position", "hash"):
            stored[NodeId(level, position)] = value
    for node, value in computed.items():
        if stored.get(node) != value:
            name = f"{node.level}/{node.position}"
            state = "does not fit its leaves" if node in stored else "is missing"
            replay.found("log.node_changed", f"node {name}", f"Node {name} of the stored tree {state}.")


def _check_node_count(replay: Replay) -> None:
    highest = list(Node.objects.values_list("level").annotate(Max("position")).order_by("level"))
    size = log_size()
    for level, position in highest:
        if level < 1 or position >= size >> level:
            name = f"{level}/{position}"
            message = f"Node {name} belongs to no tree of {size} leaves."
            replay.found("log.node_extra", f"node {name}", message)


def _check_checkpoints(replay: Replay, checkpoints: list[Checkpoint], roots: dict[int, bytes]) -> None:
    log_keys = [key.raw for key in keyring().public_keys() if key.purpose == LOG_PURPOSE]
    for checkpoint in checkpoints:
        size, place = checkpoint.size, f"checkpoint {checkpoint.size}"
        try:
            signed = _open_checkpoint(checkpoint.note, log_keys)
        except VerificationError as error:
            replay.found("log.checkpoint_invalid", place, error.message)
            continue
        if (signed.size, signed.root) != (size, checkpoint.root):
            message = f"The checkpoint at {size} was signed for another tree."
            replay.found("log.checkpoint_changed", place, message)
        elif size > replay.size:
            message = f"{size} events were signed; the log can be read up to {replay.size}."
            replay.found("log.shrunk", place, message)
        elif roots[size] != signed.root:
            message = f"The first {size} events are not those that were signed."
            replay.found("log.rewritten", place, message)
    replay.checkpoints = len(checkpoints)
    replay.signed_size = checkpoints[-1].size if checkpoints else 0


def _open_checkpoint(note: str, log_keys: list[bytes]) -> CheckpointText:
    """The checkpoint, signed by one of the log's keys; the key changes with a rotation."""
    name = note.partition("\n")[0]
    error = VerificationError("note.signature_missing", "The log has no key that could have signed this.")
    for raw in log_keys:
        try:
            return CheckpointText.parse(open_note(note, VerifierKey(name, raw)))
        except VerificationError as refused:
            error = refused
        except ValueError:
            error = VerificationError("note.malformed", "The checkpoint's first line is no log's name.")
    raise error


def _check_state(replay: Replay, state: SignedState | None, roots: dict[int, bytes]) -> None:
    place = "log-state.json"
    if state is None:
        if replay.checkpoints:
            replay.found("log.state_missing", place, "The file with the last signed size is missing.")
    elif state.size < replay.signed_size:
        message = f"It says that {state.size} events were signed last; it was {replay.signed_size}."
        replay.found("log.state_old", place, message)
    elif state.size > replay.size:
        message = f"{state.size} events were signed; the log can be read up to {replay.size}."
        replay.found("log.shrunk", place, message)
    elif roots[state.size].hex() != state.root:
        message = f"The first {state.size} events are not those that were signed last."
        replay.found("log.rewritten", place, message)


def _check_inbox(replay: Replay) -> None:
    replay.pending = InboxEvent.objects.count()
    logged = Leaf.objects.filter(event_id=OuterRef("event_id"))
    for row in InboxEvent.objects.filter(Exists(logged)):
        message = f"Event {row.event_id} waits, but is in the log already."
        replay.found("log.doubled", f"inbox {row.pk}", message)


def _check_personal_data(replay: Replay, commitments: dict[str, str]) -> None:
    unseen = set(commitments)
    for row in PersonalData.objects.iterator(chunk_size=CHUNK):
        event_id = str(row.event_id)
        expected = commitments.get(event_id) or _commitment_of_newer_event(row)
        unseen.discard(event_id)
        if expected != commitment(row.salt, row.body):
            replay.found(
                "log.personal_data_changed",
                f"personal data {event_id}",
                f"The personal data of event {event_id} is not what the log has committed to.",
            )
    replay.erased = len(unseen)


def _commitment_of_newer_event(row: PersonalData) -> str | None:
    """For an event that waits in the inbox, or was logged after its part of the log was read."""
    events: list[Event] = [
        *InboxEvent.objects.filter(event_id=row.event_id),
        *Leaf.objects.filter(event_id=row.event_id),
    ]
    try:
        return events[0].event["commitment"] if events else None
    except (ValueError, KeyError, TypeError):
        return None
