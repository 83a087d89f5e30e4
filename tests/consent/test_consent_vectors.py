"""Conformance with published vectors: C2SP/CCTV, Wycheproof, transparency-dev/merkle, RFC 8785, DSSE, did:key."""

from __future__ import annotations

import base64
import json

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from consent import ConsentError, InvalidInputError, PublicKey, merkle
from consent.encoding import MAX_INT, canonical, dump, is_canonical, pae, parse_json
from consent.envelope import Envelope
from consent.tree_head import Checkpoint, parse_tlog_proof, sign_checkpoint, verify_checkpoint
from tests.consent.world import SPEAKER, STRANGER, vectors

IDENTITY = bytes([1]) + bytes(31)


def accepted(key: str, signature: str, message: bytes) -> bool:
    try:
        return PublicKey(bytes.fromhex(key)).verify(bytes.fromhex(signature), message)
    except InvalidInputError:
        return False


def test_cctv_accepts_exactly_the_strict_43_of_914() -> None:
    items = json.loads(vectors("ed25519", "cctv.json").read_text())
    assert len(items) == 914
    passed = [v for v in items if accepted(v["key"], v["sig"], v["msg"].encode())]
    assert len(passed) == 43
    banned = {"low_order_A", "low_order_R", "non_canonical_A", "non_canonical_R", "low_order_residue"}
    assert not any(banned & set(v["flags"] or ()) for v in passed)


def test_wycheproof_88_valid_63_invalid() -> None:
    right = {True: 0, False: 0}
    for group in json.loads(vectors("ed25519", "wycheproof.json").read_text())["testGroups"]:
        for item in group["tests"]:
            want = item["result"] == "valid"
            got = accepted(group["publicKey"]["pk"], item["sig"], bytes.fromhex(item["msg"]))
            assert got == want, item
            right[want] += 1
    assert right == {True: 88, False: 63}


def test_identity_key_is_refused_although_the_library_accepts_its_forgery() -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    Ed25519PublicKey.from_public_bytes(IDENTITY).verify(IDENTITY + bytes(32), b"anything at all")
    with pytest.raises(InvalidInputError, match="key-low-order"):
        PublicKey(IDENTITY)


@pytest.mark.parametrize("raw", [bytes([2]) + bytes(31), b"\xff" * 32, b"", bytes(33)])
def test_keys_off_the_curve_or_misspelt_are_refused(raw: bytes) -> None:
    with pytest.raises(InvalidInputError):
        PublicKey(raw)


def merkle_cases(kind: str):
    return sorted(vectors("merkle", "testdata", kind).rglob("*.json"))


def raw(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def check_merkle(kind: str, v: dict) -> None:
    proof = [raw(x) for x in v.get("proof") or []]
    if kind == "inclusion":
        merkle.verify_inclusion(raw(v["leafHash"]), v["leafIdx"], v["treeSize"], proof, raw(v["root"]))
    elif kind == "consistency":
        merkle.verify_consistency(v["size1"], v["size2"], proof, raw(v["root1"]), raw(v["root2"]))
    elif kind == "subtreeinclusion":
        leaf = raw(v["leafHash"])
        merkle.verify_subtree_inclusion(leaf, v["leafIdx"], v["start"], v["end"], proof, raw(v["root"]))
    else:
        roots = raw(v["root1"]), raw(v["root2"])
        merkle.verify_subtree_consistency(v["start"], v["end"], v["size"], proof, *roots)


@pytest.mark.parametrize(
    ("kind", "count"),
    [("inclusion", 98), ("consistency", 98), ("subtreeinclusion", 204), ("subtreeconsistency", 118)],
)
def test_merkle_probes(kind: str, count: int) -> None:
    cases = merkle_cases(kind)
    assert len(cases) == count
    for path in cases:
        v = json.loads(path.read_text())
        if v["wantErr"]:
            with pytest.raises(ConsentError):
                check_merkle(kind, v)
        else:
            check_merkle(kind, v)


def definition_root(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word, as the independent source."""
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return merkle.node_hash(definition_root(leaves[:k]), definition_root(leaves[k:]))


def test_roots_and_proofs_of_all_small_trees() -> None:
    leaves = [merkle.leaf_hash(bytes([i])) for i in range(33)]
    for size in range(1, 34):
        top = merkle.root(leaves[:size])
        assert top == definition_root(leaves[:size])
        for index in range(size):
            path = merkle.inclusion_proof(leaves[:size], index)
            merkle.verify_inclusion(leaves[index], index, size, path, top)
            with pytest.raises(InvalidInputError):
                merkle.verify_inclusion(leaves[index], (index + 1) % size, size, [*path, leaves[0]], top)
        for old in range(1, size + 1):
            proof = merkle.consistency_proof(leaves[:size], old)
            merkle.verify_consistency(old, size, proof, merkle.root(leaves[:old]), top)


def test_an_odd_leaf_is_not_paired_with_itself() -> None:
    a, b, c = (merkle.leaf_hash(x) for x in (b"a", b"b", b"c"))
    assert merkle.root([a, b, c]) != merkle.root([a, b, c, c])


def test_jcs_pairs_within_our_subset() -> None:
    folder = vectors("jcs")
    seen = 0
    for path in sorted(folder.rglob("input/*.json")):
        want = (path.parent.parent / "output" / path.name).read_bytes()
        value = json.loads(path.read_text(encoding="utf-8"))
        assert rfc8785.dumps(value) == want
        try:
            ours = canonical(value)
        except ConsentError:
            continue  # floats, nulls or a list at the top: never part of a statement
        except AttributeError:
            continue
        assert ours == want == dump(value)
        seen += 1
    assert seen >= 1


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_VALUES = st.recursive(
    _TEXT | st.booleans() | st.integers(-MAX_INT, MAX_INT),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(_TEXT, _VALUES, max_size=4))
@settings(max_examples=200, deadline=None)
def test_our_writer_agrees_with_rfc8785_and_reads_back(value: dict) -> None:
    data = canonical(value)
    assert data == rfc8785.dumps(value) == dump(value)
    assert parse_json(data) == value
    assert is_canonical(data, value)


def test_dsse_worked_vector() -> None:
    # secure-systems-lab/dsse, protocol.md: PAE of "hello world".
    want = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert pae("http://example.com/HelloWorld", b"hello world") == want


def test_did_key_of_the_w3c_example() -> None:
    # W3C did:key, Ed25519 test vector.
    did = "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp"
    key = PublicKey.from_did(did)
    assert key.raw.hex() == "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29"
    assert key.did == did
    for wrong in (did + "1", "did:key:z1" + did[9:], did.replace("did:key:z", "did:key:Z"), did[:-1] + "0"):
        with pytest.raises(InvalidInputError):
            PublicKey.from_did(wrong)


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":2}',
        b'{"a":1.0}',
        b'{"a":1e3}',
        b'{"a":null}',
        b'{"a":NaN}',
        b'{"a":-0}',
        b'{"a":9007199254740992}',
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":"\xff"}',
        b'{"a":"\\ud800"}',
        b"\xef\xbb\xbf{}",
        b"[]",
        b'"a"',
        b"{",
        b"",
        b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"a":"' + b"x" * (1 << 20) + b'"}',
        '{"a":1}'.encode("utf-16"),
    ],
)
def test_strict_parsing_refuses(data: bytes) -> None:
    with pytest.raises(InvalidInputError):
        parse_json(data)


def test_brackets_inside_strings_are_not_depth() -> None:
    assert parse_json(b'{"a":"' + b"[{" * 100 + b'\\"["}') == {"a": "[{" * 100 + '"['}


@pytest.mark.parametrize(
    "change",
    [
        lambda o: o | {"extra": 1},
        lambda o: {k: v for k, v in o.items() if k != "payload"},
        lambda o: o | {"signatures": []},
        lambda o: o | {"signatures": o["signatures"] * 9},
        lambda o: o | {"payload": o["payload"] + "="},
        lambda o: o | {"payload": o["payload"].replace("=", "") + "\n"},
        lambda o: o | {"payloadType": 1},
        lambda o: o | {"signatures": [{"sig": "AA=="}]},
    ],
)
def test_envelopes_have_one_shape(change) -> None:
    good = Envelope.sign("application/x", b"payload bytes", SPEAKER)
    obj = json.loads(good.to_bytes())
    assert Envelope.parse(good.to_bytes()) == good
    with pytest.raises(InvalidInputError):
        Envelope.parse(json.dumps(change(obj)).encode())


def test_key_id_decides_nothing() -> None:
    good = Envelope.sign("application/x", b"payload", SPEAKER)
    lying = Envelope(good.payload_type, good.payload, ((STRANGER.public.did, good.signatures[0][1]),))
    assert lying.signers([SPEAKER.public, STRANGER.public]) == {SPEAKER.public}


HEAD = Checkpoint("voicekit.local/" + "0" * 32, 3, bytes(range(32)))


def test_checkpoint_is_a_c2sp_signed_note() -> None:
    note = sign_checkpoint(HEAD, SPEAKER)
    lines = note.decode().split("\n")
    assert lines[:4] == [HEAD.origin, "3", base64.b64encode(HEAD.root).decode(), ""]
    assert lines[4].startswith(f"— {HEAD.origin} ") and lines[5:] == [""]
    assert verify_checkpoint(note, SPEAKER.public, HEAD.origin) == HEAD


def test_every_bit_of_a_checkpoint_counts() -> None:
    note = sign_checkpoint(HEAD, SPEAKER)
    for place in range(len(note)):
        for bit in range(8):
            changed = bytearray(note)
            changed[place] ^= 1 << bit
            with pytest.raises(InvalidInputError):
                verify_checkpoint(bytes(changed), SPEAKER.public, HEAD.origin)


def test_checkpoint_of_another_key_or_log_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="signature"):
        verify_checkpoint(sign_checkpoint(HEAD, STRANGER), SPEAKER.public, HEAD.origin)
    with pytest.raises(InvalidInputError, match="belongs to"):
        verify_checkpoint(sign_checkpoint(HEAD, SPEAKER), SPEAKER.public, "voicekit.local/other")


@pytest.mark.parametrize(
    "text", ["", "c2sp.org/tlog-proof@v1\n", "c2sp.org/tlog-proof@v1\nindex 01\n\nx", "x\nindex 1\n\n"]
)
def test_malformed_tlog_proofs_are_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        parse_tlog_proof(text)
