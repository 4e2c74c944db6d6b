"""The tree and its proofs against RFC 6962's recursive definitions, its known vectors, and liars."""

import functools
import hashlib
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import VerificationError
from audit.merkle.proofs import consistency_proof, inclusion_proof, verify_consistency, verify_inclusion
from audit.merkle.tree import (
    EMPTY_ROOT,
    NodeId,
    ReadNodes,
    TreeHead,
    frontier,
    leaf_hash,
    node_hash,
    root_at,
)

LARGEST = 130
LEAVES = tuple(leaf_hash(str(number).encode()) for number in range(LARGEST))

# The reference tree of Certificate Transparency's implementations (and of RFC 6962's authors' tests).
REFERENCE_DATA = [
    bytes.fromhex(data)
    for data in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
REFERENCE_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def split(size: int) -> int:
    power = 1
    while power * 2 < size:
        power *= 2
    return power


@functools.cache
def naive_root(leaves: tuple[bytes, ...]) -> bytes:
    """MTH of RFC 6962 section 2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return node_hash(naive_root(leaves[:k]), naive_root(leaves[k:]))


def naive_path(index: int, leaves: tuple[bytes, ...]) -> list[bytes]:
    """PATH of RFC 6962 section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if index < k:
        return [*naive_path(index, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(index - k, leaves[k:]), naive_root(leaves[:k])]


def naive_subproof(old: int, leaves: tuple[bytes, ...], complete: bool) -> list[bytes]:
    """SUBPROOF of RFC 6962 section 2.1.2."""
    if old == len(leaves):
        return [] if complete else [naive_root(leaves)]
    k = split(len(leaves))
    if old <= k:
        return [*naive_subproof(old, leaves[:k], complete), naive_root(leaves[k:])]
    return [*naive_subproof(old - k, leaves[k:], False), naive_root(leaves[:k])]


def stored(leaves: Sequence[bytes]) -> ReadNodes:
    """The nodes that appending ``leaves`` one by one would store."""
    head = TreeHead()
    nodes: dict[NodeId, bytes] = {}
    for index, leaf in enumerate(leaves):
        nodes[NodeId(0, index)] = leaf
        nodes.update(head.append(leaf))

    def read(wanted: Sequence[NodeId]) -> Mapping[NodeId, bytes]:
        return {node: nodes[node] for node in wanted}

    return read


READ = stored(LEAVES)
ROOTS = [naive_root(LEAVES[:size]) for size in range(LARGEST + 1)]

sizes = st.integers(1, LARGEST)


@pytest.mark.parametrize("size", range(len(REFERENCE_ROOTS)))
def test_reference_tree_has_the_published_roots(size: int) -> None:
    head = TreeHead()
    for data in REFERENCE_DATA[:size]:
        head.append(leaf_hash(data))
    assert head.root.hex() == REFERENCE_ROOTS[size]


def test_reference_tree_has_the_published_proofs() -> None:
    read = stored([leaf_hash(data) for data in REFERENCE_DATA])
    assert [node.hex() for node in inclusion_proof(5, 8, read)] == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]
    assert [node.hex() for node in consistency_proof(1, 8, read)] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]


def test_roots_of_all_sizes_equal_the_definition() -> None:
    head = TreeHead()
    assert head.root == EMPTY_ROOT == ROOTS[0]
    for size, leaf in enumerate(LEAVES, start=1):
        head.append(leaf)
        assert head.root == ROOTS[size] == root_at(size, READ)
        hashes = READ(frontier(size))
        assert TreeHead(size, [hashes[node] for node in frontier(size)]).root == ROOTS[size]


def test_inclusion_proofs_of_all_sizes_equal_the_definition_and_verify() -> None:
    for size in range(1, LARGEST + 1):
        for index in range(size):
            proof = inclusion_proof(index, size, READ)
            assert proof == naive_path(index, LEAVES[:size])
            verify_inclusion(leaf_hash=LEAVES[index], index=index, size=size, root=ROOTS[size], proof=proof)


def test_consistency_proofs_of_all_sizes_equal_the_definition_and_verify() -> None:
    for new in range(LARGEST + 1):
        for old in range(new + 1):
            proof = consistency_proof(old, new, READ)
            assert proof == (naive_subproof(old, LEAVES[:new], True) if old else [])
            verify_consistency(
                old_size=old, new_size=new, old_root=ROOTS[old], new_root=ROOTS[new], proof=proof
            )


@pytest.mark.parametrize(("index", "size"), [(0, 0), (3, 3), (-1, 3)])
def test_leaf_outside_the_tree_has_no_proof(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no leaf"):
        inclusion_proof(index, size, READ)
    with pytest.raises(VerificationError):
        verify_inclusion(leaf_hash=LEAVES[0], index=index, size=size, root=ROOTS[size], proof=[])


@pytest.mark.parametrize(("old", "new"), [(4, 3), (-1, 3)])
def test_tree_that_shrank_has_no_consistency_proof(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="did not grow"):
        consistency_proof(old, new, READ)
    with pytest.raises(VerificationError):
        verify_consistency(old_size=old, new_size=new, old_root=ROOTS[old], new_root=ROOTS[new], proof=[])


def test_frontier_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="frontier"):
        TreeHead(3, [LEAVES[0]])


def changed_proofs(proof: list[bytes], position: int, bit: int) -> list[list[bytes]]:
    """One bit flipped, one hash dropped, one doubled, two swapped, one too many."""
    changed = [[*proof, LEAVES[0]], [LEAVES[0], *proof]]
    if proof:
        at = position % len(proof)
        flipped = bytearray(proof[at])
        flipped[bit // 8] ^= 1 << bit % 8
        changed.append([*proof[:at], bytes(flipped), *proof[at + 1 :]])
        changed.append([*proof[:at], *proof[at + 1 :]])
        changed.append([*proof[: at + 1], *proof[at:]])
        changed.append(proof[::-1])
    return [candidate for candidate in changed if candidate != proof]


@given(size=sizes, data=st.data(), position=st.integers(0, 20), bit=st.integers(0, 255))
def test_changed_inclusion_proof_is_refused(size: int, data: st.DataObject, position: int, bit: int) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(index, size, READ)
    for changed in changed_proofs(proof, position, bit):
        with pytest.raises(VerificationError) as caught:
            verify_inclusion(leaf_hash=LEAVES[index], index=index, size=size, root=ROOTS[size], proof=changed)
        assert caught.value.code == "proof.inclusion_invalid"


@given(size=sizes, data=st.data())
def test_inclusion_proof_of_another_leaf_index_or_root_is_refused(size: int, data: st.DataObject) -> None:
    index, other = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, LARGEST - 1))
    good = {
        "leaf_hash": LEAVES[index],
        "index": index,
        "size": size,
        "root": ROOTS[size],
        "proof": inclusion_proof(index, size, READ),
    }
    if other == index:
        other = (other + 1) % LARGEST
    for change in ({"leaf_hash": LEAVES[other]}, {"index": other}, {"root": ROOTS[size - 1]}):
        with pytest.raises(VerificationError):
            verify_inclusion(**(good | change))


@given(new=st.integers(2, LARGEST), data=st.data(), position=st.integers(0, 20), bit=st.integers(0, 255))
def test_changed_consistency_proof_is_refused(new: int, data: st.DataObject, position: int, bit: int) -> None:
    old = data.draw(st.integers(1, new - 1))
    proof = consistency_proof(old, new, READ)
    for changed in changed_proofs(proof, position, bit):
        with pytest.raises(VerificationError) as caught:
            verify_consistency(
                old_size=old, new_size=new, old_root=ROOTS[old], new_root=ROOTS[new], proof=changed
            )
        assert caught.value.code == "proof.consistency_invalid"


@given(new=st.integers(2, LARGEST), data=st.data())
def test_rewritten_past_has_no_consistency_proof(new: int, data: st.DataObject) -> None:
    """A server that rewrote one old leaf offers any proof its new tree can make."""
    old = data.draw(st.integers(1, new - 1))
    forged = data.draw(st.integers(0, old - 1))
    leaves = (*LEAVES[:forged], leaf_hash(b"forged"), *LEAVES[forged + 1 : new])
    read, forged_root = stored(leaves), naive_root(leaves)
    for claimed in range(1, new + 1):
        with pytest.raises(VerificationError):
            verify_consistency(
                old_size=old,
                new_size=new,
                old_root=ROOTS[old],
                new_root=forged_root,
                proof=consistency_proof(claimed, new, read),
            )
