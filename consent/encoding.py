"""Bytes in and out: canonical JSON, DSSE's pre-authentication encoding, strict parsing, strict base64.

Parsing is deliberately narrower than JSON: objects, lists, strings, booleans and integers that a double holds
exactly. No floats and no nulls means that two readers cannot disagree about a signed value.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from .errors import InvalidInputError, UsageError

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_INT",
    "b64decode",
    "b64encode",
    "canonical",
    "dump",
    "is_canonical",
    "pae",
    "parse_json",
    "sha256_hex",
]

MAX_BYTES = 1 << 20
MAX_DEPTH = 12
MAX_INT = 2**53 - 1


def canonical(value: Mapping[str, Any]) -> bytes:
    """Serialise to RFC 8785 canonical JSON.

    Parameters
    ----------
    value : mapping
        Strings, integers, booleans, lists and mappings alone.

    Returns
    -------
    bytes
        UTF-8.
    """
    _check_value(value, 1)
    # Imported here: only those who write statements need it; the verifier runs with `cryptography` alone.
    import rfc8785

    return rfc8785.dumps(dict(value))


def is_canonical(data: bytes, value: Any) -> bool:
    """Whether `data` is the canonical form of the already parsed `value` (no third-party package needed)."""
    try:
        return dump(value) == data
    except UnicodeEncodeError:
        return False


def dump(value: Any) -> bytes:
    """Canonical bytes of a value known to be in our subset, without a third-party package."""
    # For our subset (no floats) RFC 8785 is json.dumps with keys in UTF-16 order; the tests compare with
    # rfc8785.
    return json.dumps(_sorted(value), ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _sorted(value[k]) for k in sorted(value, key=lambda k: k.encode("utf-16-be"))}
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    return value


def _check_value(value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise UsageError(f"a statement may nest {MAX_DEPTH} levels deep at most")
    if isinstance(value, (bool, str)):
        return
    if isinstance(value, int):
        if abs(value) > MAX_INT:
            raise UsageError(f"integer {value} is beyond 2^53 - 1; keep it as a string")
        return
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise UsageError(f"field name {key!r} is not a string")
            _check_value(item, depth + 1)
        return
    if isinstance(value, (list, tuple)):
        for item in value:
            _check_value(item, depth + 1)
        return
    raise UsageError(f"a statement holds strings, integers, booleans, lists and objects, not {type(value).__name__}")


def parse_json(data: bytes, *, what: str = "JSON", max_bytes: int = MAX_BYTES) -> dict[str, Any]:
    """Parse one JSON object strictly.

    Parameters
    ----------
    data : bytes
        UTF-8 without byte order mark.
    what : str
        Name used in errors.
    max_bytes : int
        Size limit.

    Returns
    -------
    dict

    Raises
    ------
    InvalidInputError
        Not UTF-8, too large, too deep, duplicate field, float, null, integer out of range, lone surrogate,
        or not an object.
    """

    def refuse(problem: str) -> NoReturn:
        raise InvalidInputError(problem, file=what, reason="json-invalid")

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        out = dict(items)
        if len(out) != len(items):
            refuse("a field occurs twice")
        return out

    def integer(text: str) -> int:
        if len(text) > 17:
            refuse("an integer is beyond 2^53 - 1")
        if text == "-0":
            refuse("minus zero is not allowed")
        number = int(text)
        if abs(number) > MAX_INT:
            refuse("an integer is beyond 2^53 - 1")
        return number

    def no_float(text: str) -> NoReturn:
        refuse(f"{text[:20]} is not an integer; fractions are not allowed")

    if len(data) > max_bytes:
        refuse(f"{len(data)} bytes are more than the {max_bytes} allowed")
    _check_depth(data, what)
    try:
        text = data.decode("utf-8", "strict")
        value = json.loads(
            text, object_pairs_hook=pairs, parse_int=integer, parse_float=no_float, parse_constant=no_float
        )
        _no_nulls(value, what)
    except UnicodeError as exc:
        raise InvalidInputError("not valid UTF-8 text", file=what, reason="json-invalid") from exc
    except (json.JSONDecodeError, RecursionError) as exc:
        raise InvalidInputError(f"not JSON: {exc}", file=what, reason="json-invalid") from exc
    if not isinstance(value, dict):
        refuse("not a JSON object")
    return value


# A JSON text, or one that never ends. Possessive, so that no input makes it slow.
_TEXTS = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def _check_depth(data: bytes, what: str) -> None:
    # Before json.loads, so that nesting can never exhaust the stack.
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return
    depth = 0
    for byte in _TEXTS.sub(b"", data).translate(None, _NOT_BRACKETS):
        depth += 1 if byte in b"[{" else -1
        if depth > MAX_DEPTH:
            raise InvalidInputError(f"nested deeper than {MAX_DEPTH} levels", file=what, reason="json-invalid")


def _no_nulls(value: Any, what: str) -> None:
    if value is None:
        raise InvalidInputError("null is not allowed; leave the field out", file=what, reason="json-invalid")
    if isinstance(value, str):
        value.encode("utf-8")  # a lone surrogate from a \\ud800 escape raises UnicodeError here
    elif isinstance(value, dict):
        for key, item in value.items():
            key.encode("utf-8")
            _no_nulls(item, what)
    elif isinstance(value, list):
        for item in value:
            _no_nulls(item, what)


def pae(payload_type: str, payload: bytes) -> bytes:
    """DSSE v1.0.2 pre-authentication encoding: the bytes a signature is made over."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def b64encode(data: bytes) -> str:
    """Standard base64 with padding."""
    return base64.b64encode(data).decode("ascii")


def b64decode(text: str, *, what: str = "base64") -> bytes:
    """Decode standard base64, refusing every spelling but the canonical one."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error, ValueError) as exc:
        raise InvalidInputError("not standard base64", file=what, reason="base64-invalid") from exc
    if b64encode(data) != text:
        raise InvalidInputError("not canonical base64", file=what, reason="base64-invalid")
    return data


def sha256_hex(data: bytes) -> str:
    """SHA-256 as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()
