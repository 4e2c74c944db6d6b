"""Proofs out of the stored tree: each reads at most a few dozen rows, however large the log."""

import base64
from collections.abc import Mapping, Sequence

from django.db.models import Max

from audit.errors import AuditError, VerificationError
from audit.log.models import Checkpoint, Leaf, Node
from audit.merkle.proofs import consistency_proof, inclusion_proof
from audit.merkle.tree import NodeId, TreeHead, frontier, root_at


def read_nodes(wanted: Sequence[NodeId]) -> Mapping[NodeId, bytes]:
    """Raises VerificationError ``log.node_missing``."""
    found: dict[NodeId, bytes] = {}
    if leaves := [node.position for node in wanted if node.level == 0]:
        for seq, value in Leaf.objects.filter(seq__in=leaves).values_list("seq", "hash"):
            found[NodeId(0, seq)] = bytes(value)
    if nodes := [node for node in wanted if node.level > 0]:
        for level, position, value in Node.objects.filter(pk__in=nodes).values_list(
            "level", "position", "hash"
        ):
            found[NodeId(level, position)] = bytes(value)
    for node in wanted:
        if node not in found:
            raise VerificationError(
                "log.node_missing",
                f"Node {node.level}/{node.position} of the log's tree is missing.",
                "Somebody changed the log's tables. Run verify_log and keep the database as it is.",
            )
    return found


def log_size() -> int:
    last = Leaf.objects.aggregate(last=Max("seq"))["last"]
    return 0 if last is None else last + 1


def log_root(size: int) -> bytes:
    return root_at(size, read_nodes)


def log_head() -> TreeHead:
    size = log_size()
    nodes = read_nodes(frontier(size))
    return TreeHead(size, [nodes[node] for node in frontier(size)])


def latest_checkpoint() -> Checkpoint | None:
    return Checkpoint.objects.order_by("-size").first()


def prove_inclusion(*, seq: int, size: int) -> list[bytes]:
    return inclusion_proof(seq, size, read_nodes)


def prove_consistency(*, old_size: int, new_size: int) -> list[bytes]:
    return consistency_proof(old_size, new_size, read_nodes)


def receipt(leaf: Leaf) -> str:
    """A proof of one event to keep beside it (c2sp.org/tlog-proof): index, path and checkpoint.

    Raises:
        AuditError: ``log.not_signed_yet``.
    """
    checkpoint = latest_checkpoint()
    if checkpoint is None or checkpoint.size <= leaf.seq:
        raise AuditError(
            "log.not_signed_yet", "No checkpoint covers this event yet.", "Try again in a moment."
        )
    path = prove_inclusion(seq=leaf.seq, size=checkpoint.size)
    lines = [
        "c2sp.org/tlog-proof@v1",
        f"index {leaf.seq}",
        *(base64.b64encode(node).decode() for node in path),
    ]
    return "\n".join(lines) + "\n\n" + checkpoint.note
