"""The Merkle tree of RFC 6962 (section 2): root, inclusion and consistency proofs, and their verification.

Odd nodes are carried up, never paired with themselves (that variant lets two different lists have one root).

Source: RFC 6962 and RFC 9162; the subtree forms follow draft-ietf-plants-merkle-tree-certs. Written from the
definitions; the verifiers consume the whole proof and both sizes, and refuse anything left over.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from .errors import InvalidInputError, UsageError

__all__ = [
    "consistency_proof",
    "inclusion_proof",
    "leaf_hash",
    "node_hash",
    "root",
    "verify_consistency",
    "verify_inclusion",
    "verify_subtree_consistency",
    "verify_subtree_inclusion",
]

HASH_BYTES = 32


def leaf_hash(data: bytes) -> bytes:
    """H(0x00 || data)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """H(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """Root of a list of leaf hashes; the empty tree has H('')."""
    if not leaves:
        return sha256(b"").digest()
    level = list(leaves)
    while len(level) > 1:
        above = [sha256(b"\x01" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            above.append(level[-1])
        level = above
    return level[0]


def _split(size: int) -> int:
    return 1 << ((size - 1).bit_length() - 1)


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Audit path of leaf `index` in the tree of all `leaves`, from the leaf upwards."""
    if not 0 <= index < len(leaves):
        raise UsageError(f"leaf {index} is not in a tree of {len(leaves)}")
    path: list[bytes] = []
    level, position = list(leaves), index
    while len(level) > 1:
        sibling = position ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        above = [node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            above.append(level[-1])
        level, position = above, position // 2
    return path


def consistency_proof(leaves: Sequence[bytes], old_size: int) -> list[bytes]:
    """Proof that the tree of the first `old_size` leaves is a prefix of the tree of all `leaves`."""
    if not 0 < old_size <= len(leaves):
        raise UsageError(f"no consistency proof from size {old_size} to {len(leaves)}")

    def sub(start: int, end: int, old: int, complete: bool) -> list[bytes]:
        if old == end - start:
            return [] if complete else [root(leaves[start:end])]
        k = _split(end - start)
        if old <= k:
            return [*sub(start, start + k, old, complete), root(leaves[start + k : end])]
        return [*sub(start + k, end, old - k, False), root(leaves[start : start + k])]

    return sub(0, len(leaves), old_size, True)


def _refuse(problem: str) -> InvalidInputError:
    return InvalidInputError(problem, file="Merkle proof", reason="proof-invalid")


def _check_hashes(*hashes: bytes) -> None:
    if any(len(item) != HASH_BYTES for item in hashes):
        raise _refuse(f"a hash is not {HASH_BYTES} bytes")


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected_root: bytes) -> None:
    """Check that leaf hash `leaf` is at `index` of the tree of `size` with `expected_root`.

    Raises
    ------
    InvalidInputError
        When it is not, whatever the reason.
    """
    if index < 0 or size < 0 or index >= size:
        raise _refuse(f"leaf {index} is not in a tree of {size}")
    _check_hashes(leaf, expected_root, *proof)
    node, last, current = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise _refuse("the inclusion proof is too long")
        if node % 2 or node == last:
            current = node_hash(sibling, current)
            while node % 2 == 0 and node:
                node, last = node >> 1, last >> 1
        else:
            current = node_hash(current, sibling)
        node, last = node >> 1, last >> 1
    if last != 0:
        raise _refuse("the inclusion proof is too short")
    if current != expected_root:
        raise _refuse("the inclusion proof leads to another root")


def verify_consistency(old_size: int, new_size: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """Check that the tree (`old_size`, `old_root`) is a prefix of (`new_size`, `new_root`).

    Raises
    ------
    InvalidInputError
        When it is not, whatever the reason.
    """
    # The empty tree is a prefix of everything and so proves nothing; it is refused as an old head.
    if old_size <= 0 or old_size > new_size:
        raise _refuse(f"no consistency from tree size {old_size} to {new_size}")
    verify_subtree_consistency(0, old_size, new_size, proof, old_root, new_root)


def _subtree(start: int, end: int) -> None:
    if not 0 <= start < end:
        raise _refuse(f"[{start}, {end}) is not a range of leaves")
    if start & ((1 << (end - start - 1).bit_length()) - 1):
        raise _refuse(f"[{start}, {end}) is not an aligned subtree")


def verify_subtree_inclusion(
    leaf: bytes, index: int, start: int, end: int, proof: Sequence[bytes], expected_root: bytes
) -> None:
    """Like `verify_inclusion`, inside the aligned subtree of leaves [start, end)."""
    _subtree(start, end)
    if not start <= index < end:
        raise _refuse(f"leaf {index} is not in [{start}, {end})")
    verify_inclusion(leaf, index - start, end - start, proof, expected_root)


def verify_subtree_consistency(
    start: int, end: int, size: int, proof: Sequence[bytes], subtree_root: bytes, expected_root: bytes
) -> None:
    """Check that the aligned subtree of leaves [start, end) with `subtree_root` is part of the tree of
    `size`."""
    if end > size:
        raise _refuse(f"[{start}, {end}) ends beyond a tree of {size}")
    if 0 <= start == end:
        if proof or subtree_root != root([]):
            raise _refuse("an empty subtree has an empty proof and the root of the empty tree")
        return
    _subtree(start, end)
    _check_hashes(*proof)
    node, last_node, top = start, end - 1, size - 1
    if last_node == top:
        while node != last_node:
            node, last_node, top = node >> 1, last_node >> 1, top >> 1
    else:
        while node != last_node and last_node % 2:
            node, last_node, top = node >> 1, last_node >> 1, top >> 1
    rest = list(proof)
    if node == last_node:
        sub = whole = subtree_root
    else:
        if not rest:
            raise _refuse("the consistency proof is too short")
        sub = whole = rest.pop(0)
    for sibling in rest:
        if top == 0:
            raise _refuse("the consistency proof is too long")
        if last_node % 2 or last_node == top:
            if node < last_node:
                sub = node_hash(sibling, sub)
            whole = node_hash(sibling, whole)
            while last_node % 2 == 0 and last_node:
                node, last_node, top = node >> 1, last_node >> 1, top >> 1
        else:
            whole = node_hash(whole, sibling)
        node, last_node, top = node >> 1, last_node >> 1, top >> 1
    if top != 0:
        raise _refuse("the consistency proof is too short")
    if sub != subtree_root:
        raise _refuse("the consistency proof does not contain the old root")
    if whole != expected_root:
        raise _refuse("the consistency proof leads to another root")
