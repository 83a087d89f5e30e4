"""The `.voiceproof` bundle: everything a stranger needs beside an audio file.

One JSON object: the receipt, its inclusion proof as `c2sp.org/tlog-proof@v1` text, and the statements it
rests on (genesis, grant, intent, voice record), each with its place in the same signed tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .encoding import b64decode, b64encode, canonical, parse_json
from .errors import InvalidInputError, UsageError
from .tree import Tree
from .tree_head import format_tlog_proof, parse_tlog_proof

__all__ = ["PROOF_SUFFIX", "Bundle", "Located", "make_bundle", "parse_bundle"]

PROOF_SUFFIX = ".voiceproof"
SPEC = "voicekit-proof/1"
MAX_BUNDLE = 4 << 20
#: Genesis, intent, grant, voice record, and the entries about keys that changed.
MAX_SUPPORT = 256


@dataclass(frozen=True)
class Located:
    """An envelope and its place in the tree."""

    envelope: bytes
    index: int
    path: tuple[bytes, ...]


@dataclass(frozen=True)
class Bundle:
    """A parsed, unverified bundle."""

    receipt: Located
    support: tuple[Located, ...]
    checkpoint: bytes


def make_bundle(envelopes: Sequence[bytes], leaves: Sequence[bytes], wanted: Sequence[int], note: bytes) -> bytes:
    """Bundle the entries at `wanted` (the receipt first) under the tree head `note`."""
    if len(wanted) - 1 > MAX_SUPPORT:
        raise UsageError(f"a proof holds {MAX_SUPPORT} supporting statements at most, not {len(wanted) - 1}")
    receipt, *support = wanted
    tree = leaves if isinstance(leaves, Tree) else Tree(leaves)
    return canonical(
        {
            "spec": SPEC,
            "receipt": envelopes[0].decode("utf-8"),
            "tlog_proof": format_tlog_proof(receipt, tree.inclusion_proof(receipt), note),
            "support": [
                {
                    "envelope": envelope.decode("utf-8"),
                    "index": index,
                    "path": [b64encode(item) for item in tree.inclusion_proof(index)],
                }
                for envelope, index in zip(envelopes[1:], support, strict=True)
            ],
        }
    )


def parse_bundle(data: bytes, *, what: str = "proof") -> Bundle:
    """Read a bundle strictly.

    Raises
    ------
    InvalidInputError
        Malformed.
    """

    def refuse(problem: str) -> InvalidInputError:
        return InvalidInputError(
            problem,
            file=what,
            remedy="Get the .voiceproof that was delivered with the file",
            reason="proof-invalid",
        )

    obj = parse_json(data, what=what, max_bytes=MAX_BUNDLE)
    if set(obj) != {"spec", "receipt", "tlog_proof", "support"} or obj["spec"] != SPEC:
        raise refuse(f"not a {SPEC} bundle")
    receipt, text, support = obj["receipt"], obj["tlog_proof"], obj["support"]
    if not isinstance(receipt, str) or not isinstance(text, str) or not isinstance(support, list):
        raise refuse("a field has the wrong type")
    if len(support) > MAX_SUPPORT:
        raise refuse(f"more than {MAX_SUPPORT} supporting statements")
    located: list[Located] = []
    for item in support:
        if not isinstance(item, dict) or set(item) != {"envelope", "index", "path"}:
            raise refuse("a supporting statement has exactly envelope, index and path")
        envelope, index, path = item["envelope"], item["index"], item["path"]
        typed = isinstance(envelope, str) and isinstance(index, int) and not isinstance(index, bool)
        if not typed or not isinstance(path, list) or len(path) > 64:
            raise refuse("a supporting statement has a field of the wrong type")
        if not all(isinstance(step, str) for step in path):
            raise refuse("a path is not a list of hashes")
        steps = tuple(b64decode(step, what=what) for step in path)
        located.append(Located(envelope.encode("utf-8"), index, steps))
    index, path_, note = parse_tlog_proof(text)
    return Bundle(Located(receipt.encode("utf-8"), index, tuple(path_)), tuple(located), note)
