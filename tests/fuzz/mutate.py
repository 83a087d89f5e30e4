"""Changes to inputs: of bytes, of the words of a text, and of the tree of a JSON object."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from typing import Any

__all__ = ["mutated"]

_WORDS: tuple[bytes, ...] = (
    b"\x00",
    b"\xff",
    b"\xed\xa0\x80",
    "\u202e".encode(),
    "\u2028".encode(),
    "e\u0301".encode(),
    b"-0",
    b"1e400",
    b"9007199254740992",
    b"-9007199254740993",
    b"99999999999999999999",
    b"NaN",
    b"null",
    b"[]",
    b"{}",
    b'"\\ud800"',
    b"[[[[[[[[[[[[[[[[",
    b"true",
    b"\n\n",
    b"\r\n",
    b"\\",
    b'"',
    b"'''",
    b"= ",
    b"did:key:z6Mk",
    "— ".encode(),
    b"../../",
    b"1970-01-01",
    b"9999-12-31T23:59:59.999999-23:59",
    b"0001-01-01T00:00:00+23:59",
    b"inf",
    b"0x7fffffffffffffff",
    b"&#99999999;",
    b"&#xd800;",
    b"<![CDATA[",
    b"<!--",
)
_VALUES: tuple[Any, ...] = (
    0,
    -1,
    1,
    2**53 - 1,
    2**53,
    2**63,
    10**30,
    True,
    False,
    None,
    1.5,
    "",
    "x",
    "any",
    "001",
    "0" * 32,
    "f" * 64,
    "\u0000",
    "\u202e",
    "é",
    "x" * 5_000,
    [],
    [[]],
    {},
    {"": {}},
    ["a", "a"],
)


def _bytes(data: bytes, rng: random.Random) -> bytes:
    out = bytearray(data)
    for _turn in range(rng.choice((1, 1, 1, 2, 4, 8))):
        place = rng.randrange(len(out) + 1)
        kind = rng.randrange(7)
        if kind == 0 and out:
            out[place % len(out)] ^= 1 << rng.randrange(8)
        elif kind == 1 and out:
            out[place % len(out)] = rng.randrange(256)
        elif kind == 2:
            del out[place : place + rng.choice((1, 2, 8, 64))]
        elif kind == 3:
            out[place:place] = rng.choice(_WORDS)
        elif kind == 4:
            out[place:place] = out[place : place + rng.choice((1, 4, 32, 256))]
        elif kind == 5 and out:
            other = rng.randrange(len(out))
            size = rng.choice((1, 4, 32))
            out[place : place + size] = out[other : other + size]
        else:
            del out[place:]
    return bytes(out)


def _lines(data: bytes, rng: random.Random) -> bytes:
    lines = data.split(b"\n")
    for _turn in range(rng.choice((1, 1, 2, 3))):
        place = rng.randrange(len(lines))
        kind = rng.randrange(6)
        if kind == 0:
            lines.insert(place, lines[rng.randrange(len(lines))])
        elif kind == 1 and len(lines) > 1:
            del lines[place]
        elif kind == 2:
            other = rng.randrange(len(lines))
            lines[place], lines[other] = lines[other], lines[place]
        elif kind == 3:
            left, sign, _right = lines[place].partition(b"=")
            value = json.dumps(rng.choice(_VALUES)).encode()
            lines[place] = left + sign + value if sign else lines[place] + b" " + value
        elif kind == 4:
            lines[place] = _bytes(lines[place], rng)
        else:
            words = lines[place].split(b" ")
            words[rng.randrange(len(words))] = rng.choice(_WORDS)
            lines[place] = b" ".join(words)
    return b"\n".join(lines)


def _places(value: Any) -> list[tuple[Any, Any]]:
    found = []
    if isinstance(value, dict):
        items: list[Any] = list(value)
    elif isinstance(value, list):
        items = list(range(len(value)))
    else:
        return []
    for item in items:
        found.append((value, item))
        found += _places(value[item])
    return found


def _tree(data: bytes, rng: random.Random) -> bytes:
    """A change of the object, written the canonical way or not."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return _bytes(data, rng)
    for _turn in range(rng.choice((1, 1, 1, 2, 3))):
        places = _places(value)
        if not places:
            break
        parent, key = rng.choice(places)
        kind = rng.randrange(7)
        if kind == 0:
            del parent[key]
        elif kind == 1:
            parent[key] = copy.deepcopy(rng.choice(_VALUES))
        elif kind == 2 and isinstance(parent, dict):
            parent[rng.choice(("x", "", "spec", "kind", "ledger", key + "x"))] = copy.deepcopy(rng.choice(_VALUES))
        elif kind == 3:
            other, name = rng.choice(places)
            # A copy, so that the tree stays a tree; what was there may be gone by now.
            known = name in other if isinstance(other, dict) else name < len(other)
            parent[key] = copy.deepcopy(other[name]) if known else 0
        elif kind == 4 and isinstance(parent[key], str):
            parent[key] = _bytes(parent[key].encode("utf-8", "surrogatepass"), rng).decode("utf-8", "replace")
        elif kind == 5 and isinstance(parent[key], int):
            parent[key] = parent[key] + rng.choice((-1, 1, 2**31, -(2**31), 10**15))
        elif isinstance(parent[key], list):
            parent[key] = parent[key] * rng.choice((2, 3, 300))
    compact = rng.random() < 0.85
    out = json.dumps(
        value, ensure_ascii=rng.random() < 0.1, sort_keys=compact, separators=(",", ":") if compact else None
    )
    return out.encode("utf-8", "surrogatepass")


def mutated(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """One change of `data`; now and then joined with `other`."""
    ways: list[Callable[[bytes, random.Random], bytes]] = [_bytes, _lines]
    if data[:1] in (b"{", b"["):
        ways += [_tree] * 4
    elif b"\n" in data:
        ways += [_lines] * 3
    if rng.random() < 0.05:
        cut = rng.randrange(len(data) + 1)
        return data[:cut] + other[rng.randrange(len(other) + 1) :]
    return rng.choice(ways)(data, rng)
