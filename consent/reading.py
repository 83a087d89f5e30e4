"""From stored rows to a verified `Chain`: tree head, root, every stored byte, index columns.

Reading in full (`read_all`): the signed tree head, the root over the stored bytes, the columns that follow from
those bytes; only then is any entry believed. With a signed snapshot, or when the same program read the ledger
before, parsing its entries again is left out: every stored byte of them is compared, block by block, with
digests. Whatever does not agree is read in full, which says what is wrong.
"""

from __future__ import annotations

from binascii import unhexlify
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha256

from .chain import RESTORE, Chain, origin_of
from .envelope import Envelope
from .errors import ConsentRefusedError, InvalidInputError
from .keys import PublicKey
from .merkle import leaf_hash
from .pq import check_second
from .snapshot import block_digest, read_snapshot
from .statements import KeyRotated, parse_statement
from .store import Block, Row, Session
from .tree import BLOCK, Tree
from .tree_head import Checkpoint, parse_note, verify_checkpoint

__all__ = ["SNAPSHOT", "Progress", "checked", "read_all", "verify"]

#: Kind and name of the snapshot in the side table.
SNAPSHOT = ("snapshot", "newest")

# Blocks hashed at a time: 1,024 entries.
_JOB = 4

#: Told how many entries are done and how many there are.
Progress = Callable[[int, int], None]


def verify(chain: Chain, session: Session) -> None:
    """Verify everything that is stored, then take in what is new since the last call.

    Raises
    ------
    ConsentRefusedError
        checkpoint-invalid, ledger-tampered, ledger-index-tampered, ledger-time-tampered,
        statement-invalid, ledger-replaced, ledger-forked.
    """
    head, key = _head(session, chain)
    size, root = len(chain), chain.leaves.root()
    if _quick(chain, session, head, key):
        _second(chain, session)
        chain.head = head
        return
    fresh = read_all(session, chain.ledger, chain.operator)
    if size and (len(fresh) < size or fresh.leaves.root(size) != root):
        raise ConsentRefusedError(
            "ledger-forked",
            "the history changed under a running program",
            remedy="Two histories exist under one key: keep both and find out which is true",
        )
    chain.__dict__.update(fresh.__dict__)


def read_all(session: Session, ledger: str, operator: PublicKey, progress: Progress | None = None) -> Chain:
    """Read a ledger in full, believing nothing that was kept from before."""
    chain = Chain(ledger, operator)
    head, key = _head(session, chain)
    leaves = _leaves(session, head)
    for row in session.rows():
        try:
            if leaf_hash(row.envelope) != leaves[row.seq]:
                raise _tampered(f"entry {row.seq} changed while it was read")
            last = chain.last_time
            fresh = chain.take(row)
        except (KeyError, TypeError, ValueError, AttributeError) as exc:
            raise ConsentRefusedError(
                "statement-invalid", f"entry {row.seq} is no statement ({exc})", remedy=RESTORE
            ) from exc
        if row.time != fresh.time:
            raise ConsentRefusedError(
                "ledger-time-tampered",
                f"the time of entry {row.seq} was changed (it is {row.time}, after {last})",
                remedy=RESTORE,
            )
        if row != fresh:
            raise ConsentRefusedError(
                "ledger-index-tampered", f"an index column of entry {row.seq} was changed", remedy=RESTORE
            )
        if progress and row.seq % 512 == 511:
            progress(row.seq + 1, head.size)
    if chain.keys.latest != key:
        raise _bad_head("it is not signed by the operator's key in force")
    _second(chain, session)
    chain.head = head
    return chain


def checked(session: Session, leaves: Tree, seq: int) -> Row:
    """An entry, compared with its verified leaf."""
    row = session.row(seq)
    if row is None or leaf_hash(row.envelope) != leaves[seq]:
        raise _tampered(f"entry {seq} is missing, or not what was signed for")
    return row


# the tree head


def _head(session: Session, chain: Chain) -> tuple[Checkpoint, PublicKey]:
    found = session.checkpoints()
    if len(found) != 1:
        raise ConsentRefusedError("checkpoint-invalid", f"{len(found)} tree heads where one belongs", remedy=RESTORE)
    size, note = found[0]
    try:
        head, key = _signed(session, chain, note)
        lone = 1 <= len(parse_note(note)[1]) <= 2
    except InvalidInputError as exc:
        raise ConsentRefusedError("checkpoint-invalid", str(exc), remedy=RESTORE) from exc
    if head.size != size or not lone:
        raise _bad_head("the tree head and its row disagree")
    return head, key


def _second(chain: Chain, session: Session) -> None:
    """The signatures beside the first: that of the second key where there is one, and nothing else."""
    note, wanted = session.checkpoints()[0][1], chain.head_key()
    if len(parse_note(note)[1]) != (1 if wanted is None else 2):
        raise _bad_head("it has more signatures, or fewer, than it must have")
    if wanted is not None:
        try:
            check_second(note, wanted[1])
        except InvalidInputError as exc:
            raise _bad_head(exc.problem) from exc


def _signed(session: Session, chain: Chain, note: bytes) -> tuple[Checkpoint, PublicKey]:
    """The head, signed by the key trusted so far, or by one that this key handed over to."""
    origin = origin_of(chain.ledger)
    key = chain.keys.latest if len(chain) else chain.operator
    try:
        return verify_checkpoint(note, key, origin), key
    except InvalidInputError as exc:
        for later in _handed_over(session, key, len(chain)):
            try:
                return verify_checkpoint(note, later, origin), later
            except InvalidInputError:
                continue
        raise exc


def _handed_over(session: Session, key: PublicKey, start: int) -> Iterator[PublicKey]:
    # Not yet under a verified root; but each hand-over is signed by both keys.
    for row in session.rows(start, kinds=(KeyRotated.KIND,)):
        try:
            envelope = Envelope.parse(row.envelope)
            statement = parse_statement(envelope, KeyRotated)
            if not isinstance(statement, KeyRotated) or statement.role != "operator" or statement.old != key.did:
                continue
            new = PublicKey.from_did(statement.new)
            envelope.require(key, new)
        except InvalidInputError:
            continue
        key = new
        yield key


# everything else


def _leaves(session: Session, head: Checkpoint) -> Tree:
    """Leaves computed from the stored envelopes, under the root that was signed."""
    leaves, odd = Tree(), ""
    for expected, row in enumerate(session.rows(min(session.bounds()[0], 0))):
        if row.seq != expected:
            raise _tampered(f"entry {expected} is missing or moved")
        leaf = leaf_hash(row.envelope)
        leaves.append(leaf)
        if leaf != row.leaf:
            odd = odd or f"entry {row.seq}"
    if len(leaves) != head.size:
        raise _tampered(f"{len(leaves)} entries where {head.size} were signed for")
    if leaves.root() != head.root:
        raise _tampered(f"{odd or 'an entry (its index was changed along with it)'} is not what was signed for")
    return leaves


def _quick(chain: Chain, session: Session, head: Checkpoint, key: PublicKey) -> bool:
    """Compare without parsing what was parsed before; False when anything at all does not agree."""
    if session.bounds() != (0, head.size - 1):
        return False
    try:
        if len(chain):
            if len(chain) > head.size or not _unchanged(chain, session):
                return False
        elif not _from_snapshot(chain, session, head, key):
            return False
        for row in session.rows(len(chain)):
            if chain.take(row) != row:
                return False
        return len(chain) == head.size and chain.leaves.root() == head.root and chain.keys.latest == key
    except (ConsentRefusedError, InvalidInputError, KeyError, TypeError, ValueError, AttributeError):
        return False


def _unchanged(chain: Chain, session: Session) -> bool:
    """Whether the entries that were taken in before are stored as they were, byte for byte."""
    whole = len(chain.content)
    for block, (content, _leaves) in enumerate(_blocks(session, whole)):
        if content != chain.content[block]:
            return False
    start = whole * BLOCK
    rows = session.rows(start, len(chain))
    for (kind, digest, moment), leaf, row in zip(chain.recent, chain.leaves[start:], rows, strict=True):
        if (kind, digest, moment, leaf) != (row.kind, row.digest, row.time, row.leaf):
            return False
        if leaf_hash(row.envelope) != leaf:
            return False
    return True


def _from_snapshot(chain: Chain, session: Session, head: Checkpoint, key: PublicKey) -> bool:
    snapshot = read_snapshot(session.side(*SNAPSHOT), chain.ledger, key)
    if snapshot is None or snapshot.size > head.size:
        return False
    for block, (content, leaves) in enumerate(_blocks(session, len(snapshot.content))):
        if content != snapshot.content[block]:
            return False
        chain.leaves.add_block(leaves, snapshot.subtrees[block])
    if chain.leaves.root() != snapshot.root:
        return False
    chain.adopt(snapshot, [checked(session, chain.leaves, seq) for seq in snapshot.decisive])
    return True


def _content(stored: Block) -> tuple[bytes, bytes]:
    """Digest of a stored block, and its leaves as they stand in it."""
    envelopes = sha256()
    for piece in stored.envelopes:
        envelopes.update(piece)
    lines = stored.columns.split(b"\n")
    leaves = b"".join([line[:64] for line in lines])
    try:
        return block_digest(stored.columns, envelopes.digest()), unhexlify(leaves)
    except ValueError:
        return b"", b""


def _contents(blocks: list[Block]) -> list[tuple[bytes, bytes]]:
    return [_content(stored) for stored in blocks]


def _blocks(session: Session, count: int) -> Iterator[tuple[bytes, bytes]]:
    """Digests and leaves of the stored blocks; a second thread hashes while SQLite reads on."""
    if count <= _JOB:
        for block in range(count):
            yield _content(session.block(block * BLOCK, (block + 1) * BLOCK))
        return
    with ThreadPoolExecutor(1, thread_name_prefix="consent-hash") as pool:
        waiting: deque[Future[list[tuple[bytes, bytes]]]] = deque()
        for first in range(0, count, _JOB):
            last = min(first + _JOB, count)
            stored = [session.block(block * BLOCK, (block + 1) * BLOCK) for block in range(first, last)]
            waiting.append(pool.submit(_contents, stored))
            if len(waiting) > 3:
                yield from waiting.popleft().result()
        for job in waiting:
            yield from job.result()


def _tampered(problem: str) -> ConsentRefusedError:
    return ConsentRefusedError("ledger-tampered", problem, remedy=RESTORE)


def _bad_head(problem: str) -> ConsentRefusedError:
    return ConsentRefusedError("checkpoint-invalid", problem, remedy=RESTORE)
