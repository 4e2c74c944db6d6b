"""Inclusion and consistency proofs: made as in RFC 6962 section 2.1, checked as in RFC 9162 section 2.1."""

from collections.abc import Iterator, Sequence

from audit.errors import VerificationError
from audit.merkle.tree import EMPTY_ROOT, LeafRange, ReadNodes, node_hash, read_ranges


def inclusion_proof(index: int, size: int, read: ReadNodes) -> list[bytes]:
    """The audit path of leaf ``index`` in the tree of the first ``size`` leaves.

    Raises:
        ValueError: there is no such leaf in a tree of that size.
    """
    if not 0 <= index < size:
        raise ValueError(f"There is no leaf {index} among the first {size}.")
    siblings = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            siblings.append(LeafRange(middle, end))
            end = middle
        else:
            siblings.append(LeafRange(start, middle))
            start = middle
    return read_ranges(siblings[::-1], read)


def consistency_proof(old_size: int, new_size: int, read: ReadNodes) -> list[bytes]:
    """That the first ``old_size`` leaves of the tree of ``new_size`` are the tree there was then.

    Raises:
        ValueError: ``old_size`` is the larger one, or a size is negative.
    """
    if not 0 <= old_size <= new_size:
        raise ValueError(f"A tree of {new_size} leaves did not grow out of one of {old_size}.")
    if old_size in (0, new_size):
        return []
    ranges = []
    start, end = 0, new_size
    while end != old_size:
        middle = start + _split(end - start)
        if old_size <= middle:
            ranges.append(LeafRange(middle, end))
            end = middle
        else:
            ranges.append(LeafRange(start, middle))
            start = middle
    if start > 0:  # The old tree's own root is known to the verifier; any other subtree of it is not.
        ranges.append(LeafRange(start, end))
    return read_ranges(ranges[::-1], read)


def verify_inclusion(*, leaf_hash: bytes, index: int, size: int, root: bytes, proof: Sequence[bytes]) -> None:
    """Raises VerificationError ``proof.inclusion_invalid`` (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size:
        raise _inclusion_invalid(index, size)
    node, last = index, size - 1
    result = leaf_hash
    for sibling in proof:
        if last == 0:
            raise _inclusion_invalid(index, size)
        if node & 1 or node == last:
            result = node_hash(sibling, result)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            result = node_hash(result, sibling)
        node, last = node >> 1, last >> 1
    if last != 0 or result != root:
        raise _inclusion_invalid(index, size)


def verify_consistency(
    *, old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Raises VerificationError ``proof.consistency_invalid`` (RFC 9162 section 2.1.4.2)."""
    if not _is_consistent(old_size, new_size, old_root, new_root, proof):
        raise VerificationError(
            "proof.consistency_invalid",
            f"The tree of {new_size} leaves is not shown to have grown out of that of {old_size}.",
            "Keep both checkpoints: together they may prove that the log's past was changed.",
        )


def _is_consistent(
    old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    if not 0 <= old_size <= new_size:
        return False
    if old_size == new_size:
        return not proof and old_root == new_root
    if old_size == 0:
        return not proof and old_root == EMPTY_ROOT
    rest: Iterator[bytes] = iter(proof)
    node, last = old_size - 1, new_size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    # An old tree that is one complete subtree starts the path with its own root.
    first = old_root if node == 0 else next(rest, None)
    if first is None:
        return False
    old = new = first
    for sibling in rest:
        if last == 0:
            return False
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and old == old_root and new == new_root


def _split(size: int) -> int:
    """The largest power of two below ``size``: where the RFC splits a tree of so many leaves."""
    return 1 << ((size - 1).bit_length() - 1)


def _inclusion_invalid(index: int, size: int) -> VerificationError:
    return VerificationError(
        "proof.inclusion_invalid", f"Leaf {index} is not shown to be in the tree of {size} leaves."
    )
