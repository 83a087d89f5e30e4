"""A verifier written from docs/write-a-verifier.md alone: imports nothing of `consent`, only `cryptography`.

It stands for a stranger's program in another language. Where it and `consent verify` disagree, one of them, or the
document, is wrong.
"""

from __future__ import annotations

import base64
import json
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
Y8 = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
PREFIX = "application/vnd.voicekit."
COMMERCIAL = {"CC-BY-4.0", "CC0-1.0", "MIT", "Apache-2.0"}


class No(Exception):
    """The records are not sound, and why."""


def need(condition: bool, why: str) -> None:
    if not condition:
        raise No(why)


def b64(text: str) -> bytes:
    data = base64.b64decode(text, validate=True)
    need(base64.b64encode(data).decode() == text, "base64 is not canonical")
    return data


def strict_json(text: str | bytes) -> Any:
    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        need(len(dict(items)) == len(items), "a field occurs twice")
        return dict(items)

    def refuse(_text: str) -> None:
        raise No("a fraction")

    return json.loads(text, object_pairs_hook=pairs, parse_float=refuse, parse_constant=refuse)


def point(raw: bytes) -> None:
    y = int.from_bytes(raw, "little") & ((1 << 255) - 1)
    need(len(raw) == 32 and y < P and y not in (0, 1, P - 1, Y8, P - Y8), "a key or point is not admitted")


def key_of(did: str) -> bytes:
    number = 0
    for char in did.removeprefix("did:key:z"):
        number = number * 58 + ALPHABET.index(char)
    raw = number.to_bytes(34, "big")
    need(raw[:2] == b"\xed\x01", "not an Ed25519 key")
    point(raw[2:])
    return raw[2:]


def signed(key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        need(len(signature) == 64 and int.from_bytes(signature[32:], "little") < L, "S is not canonical")
        point(signature[:32])
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, No):
        return False
    return True


class Entry:
    """A DSSE envelope: its payload, its name, its signatures."""

    def __init__(self, text: str, index: int, path: list[bytes]) -> None:
        outer = strict_json(text)
        need(set(outer) == {"payload", "payloadType", "signatures"}, "not an envelope")
        self.payload, self.type = b64(outer["payload"]), outer["payloadType"]
        self.says = strict_json(self.payload)
        canonical = json.dumps(self.says, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
        need(self.payload == canonical, "the payload is not canonical")  # our field names are ASCII
        need(self.type == f"{PREFIX}{self.says['kind']}+json;version=1", "kind and type disagree")
        self.name, self.index, self.path = sha256(self.payload).hexdigest(), index, path
        self.leaf = sha256(b"\x00" + text.encode()).digest()
        head = f"DSSEv1 {len(self.type)} {self.type} {len(self.payload)} ".encode()
        self.message, self.signatures = head + self.payload, [b64(item["sig"]) for item in outer["signatures"]]

    def by(self, did: str) -> bool:
        return any(signed(key_of(did), sig, self.message) for sig in self.signatures)


def included(entry: Entry, size: int, root: bytes) -> None:
    """RFC 9162, 2.1.3.2."""
    node, last, current = entry.index, size - 1, entry.leaf
    need(0 <= node < size, "the place is outside the tree")
    for step in entry.path:
        need(last > 0 and len(step) == 32, "the path is too long")
        if node % 2 or node == last:
            current = sha256(b"\x01" + step + current).digest()
            while not node % 2 and node:
                node, last = node // 2, last // 2
        else:
            current = sha256(b"\x01" + current + step).digest()
        node, last = node // 2, last // 2
    need(last == 0 and current == root, "the path does not lead to the signed root")


def tree_head(note: str, operator: str, origin: str) -> tuple[int, bytes]:
    body, _, block = note.rpartition("\n\n")
    lines = (body + "\n").split("\n")
    need(len(lines) == 4 and lines[0] == origin and str(int(lines[1])) == lines[1], "not this log's tree head")
    key = key_of(operator)
    hint = sha256(origin.encode() + b"\n\x01" + key).digest()[:4]
    mine = [b64(s.split(" ")[2]) for s in block.rstrip("\n").split("\n") if s.split(" ")[:2] == ["—", origin]]
    good = [blob for blob in mine if blob[:4] == hint and signed(key, blob[4:], (body + "\n").encode())]
    need(len(good) == 1, "the tree head is not signed by the operator")
    return int(lines[1]), b64(lines[2])


def verify(proof: str | bytes, file_sha256: str) -> tuple[str, str]:
    """The two verdicts: are the records sound, and was the use within the permission?"""
    try:
        shown = sound(strict_json(proof))
    except (No, KeyError, TypeError, ValueError, IndexError, AttributeError):
        return "no", "undecided"
    if all(output["sha256"] != file_sha256 for output in shown["receipt"]["outputs"]):
        return "no", "undecided"
    return "yes", "yes" if within(**shown) else "no"


def sound(proof: dict[str, Any]) -> dict[str, Any]:
    need(set(proof) == {"spec", "receipt", "tlog_proof", "support"}, "not a proof")
    need(proof["spec"] == "voicekit-proof/1", "not a proof")
    top, _, note = proof["tlog_proof"].partition("\n\n")
    kind, place, *steps = top.split("\n")
    need(kind == "c2sp.org/tlog-proof@v1", "not a tlog-proof")
    first = Entry(proof["receipt"], int(place.removeprefix("index ")), [b64(step) for step in steps])
    support = [Entry(item["envelope"], item["index"], [b64(s) for s in item["path"]]) for item in proof["support"]]
    entries = {entry.name: entry for entry in (first, *support)}
    genesis = next((e for e in support if e.index == 0 and e.says["kind"] == "genesis"), None)
    need(genesis is not None, "no genesis")
    operator, ledger = genesis.says["operator"]["key"], genesis.says["ledger"]
    need(not any(e.says["kind"] == "key-rotated" for e in entries.values()), "replaced keys are not handled here")
    size, root = tree_head(note, operator, f"voicekit.local/{ledger}")
    for entry in entries.values():
        included(entry, size, root)
        need(entry.says["ledger"] in (ledger, "any"), "made for another ledger")
        signer = entry.says["publisher"]["key"] if entry.says["kind"] == "asset-registered" else operator
        need(entry.by(signer), "a signature is missing")
    receipt = first.says
    need(receipt["kind"] == "render-receipt", "no receipt")
    intent, grant = entries[receipt["intent"]].says, entries[receipt["grant"]].says
    record = entries[receipt["record"]].says if "record" in receipt else None
    need(intent["kind"] == "render-intent" and grant["kind"] == "grant", "not what it is called")
    for name in ("grant", "record", "voice", "use", "operands", "params_sha256", "text_commit"):
        need(receipt.get(name) == intent.get(name), f"receipt and intent disagree on {name}")
    need(receipt["voice"] == grant["voice"] and grant["grantee"]["key"] == operator, "the grant is another's")
    need(intent["time"] <= receipt["time"], "the receipt is older than its intent")
    begun = entries[receipt["intent"]].index
    built = [e.says for e in entries.values() if e.says["kind"] == "enrolment" and e.index < begun]
    built = [item for item in built if item["grant"] == receipt["grant"] and counts(item, grant)]
    return {"receipt": receipt, "intent": intent, "grant": grant, "record": record, "built": built}


def counts(enrolment: dict, grant: dict) -> bool:
    """Whether a voice was built as the grant allows: by this method, from its recordings, on its models."""
    methods = {"embedding": ["embedding"], "low-rank": ["embedding", "low-rank"]}.get(grant.get("adaptation"), [])
    recordings = {item["file_sha256"] for item in grant.get("references", [])}
    return (
        enrolment["voice"] == grant["voice"]
        and enrolment["method"] in methods
        and set(enrolment["references"]) <= recordings
        and (not grant["weights"] or all(item in grant["weights"] for item in enrolment["base"]))
    )


def files_agreed(receipt: dict, weights: list[dict]) -> bool:
    """Whether every model file is one of these, under the same licence."""
    use, files = receipt["use"], {item["sha256"]: item["license"] for item in weights}
    for item in receipt["operands"]:
        if item["role"] != "weights":
            continue
        if files.get(item["sha256"]) != item["license"]:
            return False
        if use.get("commercial", False) and item["license"] not in COMMERCIAL:
            return False
    return True


def within(receipt: dict, intent: dict, grant: dict, record: dict | None, built: list[dict]) -> bool:
    """The policy, for the axes that the vectors use; docs/ledger.md has all."""
    use, dates = receipt["use"], grant["validity"]
    scopes = [grant["scope"], *([record["offered"]] if record else [])]
    for scope in scopes:
        for name, asked in (("modes", [use["mode"]]), ("purposes", [use["purpose"]])):
            if not set(asked) <= set(scope[name]) and "any" not in scope[name]:
                return False
        if use.get("commercial", False) and not scope["commercial"]:
            return False
        for tag in use.get("languages", ["en"]):
            if not any(g == "any" or tag == g or tag.startswith(g + "-") for g in scope["languages"]):
                return False
        for code in use.get("territories", ["001"]):
            if not any(g in ("001", code) or code.startswith(g + "-") for g in scope["territories"]):
                return False
        if "any" not in scope["titles"] and use.get("title", "").casefold() not in map(str.casefold, scope["titles"]):
            return False
        if set(use.get("content", [])) & set(scope["content_refused"]):
            return False
    recordings = {item["file_sha256"] for item in grant.get("references", [])}
    if any(item["role"] == "reference" and item["sha256"] not in recordings for item in receipt["operands"]):
        return False
    sets = [grant["weights"], *(item["base"] + item["derived"] for item in built)]
    if not any(files_agreed(receipt, weights) for weights in sets):
        return False
    due = grant["time"] + dates["recheck_days"] * 86_400 if dates.get("recheck_days") else dates["not_after"]
    for moment in (intent["time"], receipt["time"]):
        if not dates["not_before"] <= moment < min(due, dates["not_after"]):
            return False
    spent, limit = receipt["spent"], grant["scope"]
    return spent["renders"] <= limit["max_renders"] and spent["seconds"] <= limit["max_seconds"]
