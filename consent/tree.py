"""A growing RFC 6962 tree: every leaf in one row of bytes, and the roots of its complete subtrees.

Appending, roots of any earlier size and proofs cost the logarithm of the size and at most one block of
leaves, not the whole history.

Source: RFC 6962, section 2; `merkle` has the same from the definitions, and the tests compare the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import overload

from . import merkle
from .errors import UsageError

__all__ = ["BLOCK", "Tree"]

#: Leaves in a block; the roots inside a block are computed when they are needed.
BLOCK = 256
_HEIGHT = BLOCK.bit_length() - 1
_HASH = merkle.HASH_BYTES


class Tree(Sequence[bytes]):
    """Leaf hashes in order; a sequence of them, and the tree over them.

    Parameters
    ----------
    leaves : iterable of bytes
        32-byte leaf hashes to begin with.
    """

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self._leaves = bytearray()
        # _levels[k][i] is the root of the leaves [i, i + 1) * BLOCK * 2**k.
        self._levels: list[list[bytes]] = []
        for leaf in leaves:
            self.append(leaf)

    def __len__(self) -> int:
        return len(self._leaves) // _HASH

    @overload
    def __getitem__(self, index: int) -> bytes: ...

    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...

    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(f"leaf {index} of {len(self)}")
        return bytes(self._leaves[place * _HASH : (place + 1) * _HASH])

    def append(self, leaf: bytes) -> None:
        """Add a leaf hash."""
        if len(leaf) != _HASH:
            raise UsageError(f"a leaf hash has {_HASH} bytes, not {len(leaf)}")
        self._leaves += leaf
        if len(self) % BLOCK == 0:
            self._complete(merkle.root(self._slice(len(self) - BLOCK, len(self))))

    def add_block(self, leaves: bytes, root: bytes) -> None:
        """Add a whole block whose root is known already (from a signed snapshot)."""
        if len(self) % BLOCK or len(leaves) != BLOCK * _HASH or len(root) != _HASH:
            raise UsageError("only whole blocks are added at once, and only at the edge of one")
        self._leaves += leaves
        self._complete(root)

    def block_root(self, block: int) -> bytes:
        """Root of a complete block."""
        return self._levels[0][block]

    def _complete(self, root: bytes) -> None:
        level = 0
        while True:
            if level == len(self._levels):
                self._levels.append([])
            nodes = self._levels[level]
            nodes.append(root)
            if len(nodes) % 2:
                return
            root, level = merkle.node_hash(nodes[-2], nodes[-1]), level + 1

    def _slice(self, start: int, end: int) -> list[bytes]:
        data = bytes(self._leaves[start * _HASH : end * _HASH])
        return [data[i : i + _HASH] for i in range(0, len(data), _HASH)]

    def _range(self, start: int, end: int) -> bytes:
        # Only for the ranges of RFC 6962's recursion: `start` is a multiple of the next power of two.
        width = end - start
        if width >= BLOCK and width & (width - 1) == 0:
            return self._levels[width.bit_length() - 1 - _HEIGHT][start // width]
        if width <= BLOCK:
            return merkle.root(self._slice(start, end))
        middle = start + _split(width)
        return merkle.node_hash(self._range(start, middle), self._range(middle, end))

    def _size(self, size: int | None) -> int:
        wanted = len(self) if size is None else size
        if not 0 <= wanted <= len(self):
            raise UsageError(f"the tree has {len(self)} leaves, not {wanted}")
        return wanted

    def root(self, size: int | None = None) -> bytes:
        """Root of the tree, or of what it was when it had `size` leaves."""
        return self._range(0, self._size(size))

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        """Audit path of a leaf in the tree of `size` leaves (all of them when left out), leaf upwards."""
        start, end = 0, self._size(size)
        if not 0 <= index < end:
            raise UsageError(f"leaf {index} is not in a tree of {end}")
        path: list[bytes] = []
        while end - start > 1:
            middle = start + _split(end - start)
            if index < middle:
                path.append(self._range(middle, end))
                end = middle
            else:
                path.append(self._range(start, middle))
                start = middle
        return path[::-1]

    def consistency_proof(self, old_size: int, size: int | None = None) -> list[bytes]:
        """Proof that the tree of `old_size` leaves is a prefix of the tree of `size`."""
        start, end, complete = 0, self._size(size), True
        if not 0 < old_size <= end:
            raise UsageError(f"no consistency proof from size {old_size} to {end}")
        path: list[bytes] = []
        while old_size != end:
            middle = start + _split(end - start)
            if old_size <= middle:
                path.append(self._range(middle, end))
                end = middle
            else:
                path.append(self._range(start, middle))
                start, complete = middle, False
        if not complete:
            path.append(self._range(start, end))
        return path[::-1]


def _split(width: int) -> int:
    return 1 << ((width - 1).bit_length() - 1)
