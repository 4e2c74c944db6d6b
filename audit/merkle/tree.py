"""The Merkle tree of RFC 6962 section 2.1 (the same in RFC 9162), kept as complete subtrees.

    leaf = SHA-256(0x00 ‖ data)      node = SHA-256(0x01 ‖ left ‖ right)      empty tree = SHA-256("")

A node is named (level, position): the root of leaves ``position << level`` up to ``(position + 1) << level``.
Complete subtrees never change, so that they are stored once; everything else, a root or a proof, is
folded from at most log2(size) of them at a time.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

EMPTY_ROOT = hashlib.sha256(b"").digest()


class NodeId(NamedTuple):
    level: int
    position: int


class LeafRange(NamedTuple):
    """Leaves ``start`` up to, not including, ``end``."""

    start: int
    end: int


ReadNodes = Callable[[Sequence[NodeId]], Mapping[NodeId, bytes]]


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def cover(leaves: LeafRange) -> list[NodeId]:
    """The fewest complete subtrees that tile ``leaves``, from left to right.

    ``leaves`` is a subtree as the RFC splits them: its start is a multiple of its size's next power of two.
    """
    start, end = leaves
    nodes = []
    while start < end:
        level = (end - start).bit_length() - 1
        nodes.append(NodeId(level, start >> level))
        start += 1 << level
    return nodes


def frontier(size: int) -> list[NodeId]:
    """The complete subtrees that make up a tree of ``size`` leaves: all one needs to append to it."""
    return cover(LeafRange(0, size))


def fold(hashes: Sequence[bytes]) -> bytes:
    """The hash of a subtree from those of the complete subtrees that tile it."""
    if not hashes:
        return EMPTY_ROOT
    *rest, root = hashes
    for left in reversed(rest):
        root = node_hash(left, root)
    return root


class TreeHead:
    """A tree's size and frontier, which is enough to append leaves and to know the root."""

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        self.size = size
        self.hashes = list(hashes)
        if len(self.hashes) != size.bit_count():
            raise ValueError(f"A tree of {size} leaves has {size.bit_count()} frontier nodes.")

    @property
    def root(self) -> bytes:
        return fold(self.hashes)

    def append(self, leaf_hash: bytes) -> list[tuple[NodeId, bytes]]:
        """Append one leaf; return the subtrees above level 0 that it completes, lowest first."""
        level, position = 0, self.size
        completed = []
        while position & 1:
            leaf_hash = node_hash(self.hashes.pop(), leaf_hash)
            level, position = level + 1, position >> 1
            completed.append((NodeId(level, position), leaf_hash))
        self.hashes.append(leaf_hash)
        self.size += 1
        return completed


def read_ranges(ranges: Sequence[LeafRange], read: ReadNodes) -> list[bytes]:
    """The hash of each of ``ranges``, with one call of ``read`` for all of them."""
    covers = [cover(leaves) for leaves in ranges]
    hashes = read([node for nodes in covers for node in nodes])
    return [fold([hashes[node] for node in nodes]) for nodes in covers]


def root_at(size: int, read: ReadNodes) -> bytes:
    return read_ranges([LeafRange(0, size)], read)[0]
