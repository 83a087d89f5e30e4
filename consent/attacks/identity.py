"""A6, A7, A19 and A20: whose key is it, is it a key at all, and what can be denied afterwards."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

from .. import authority
from ..draft import GrantDraft
from ..envelope import Envelope
from ..errors import InvalidInputError
from ..keys import PublicKey
from ..statements import Grant, KeyEnrolled, Subject, new_nonce
from ..verifier import verify_file
from .forge import Forger, append_raw
from .lab import Attack, Lab
from .rollback import reasons_of
from .world import SPEAKER, START, STRANGER, World

__all__ = ["ATTACKS", "DEGENERATE"]

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_EIGHT = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"
_OTHER_EIGHT = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"


def _signed(y: int, sign: int) -> bytes:
    return (y | sign << 255).to_bytes(32, "little")


#: Every encoding of a point of low order, and others no key may have.
DEGENERATE: dict[str, bytes] = {
    "identity": _signed(1, 0),
    "identity with the sign bit": _signed(1, 1),
    "order two": _signed(_P - 1, 0),
    "order two with the sign bit": _signed(_P - 1, 1),
    "order four": _signed(0, 0),
    "order four with the sign bit": _signed(0, 1),
    "order eight": bytes.fromhex(_EIGHT),
    "order eight with the sign bit": bytes.fromhex(_EIGHT[:-2] + "85"),
    "other order eight": bytes.fromhex(_OTHER_EIGHT),
    "other order eight with the sign bit": bytes.fromhex(_OTHER_EIGHT[:-2] + "fa"),
    "zero spelt as p": _signed(_P, 0),
    "zero spelt as p with the sign bit": _signed(_P, 1),
    "identity spelt as p + 1": _signed(_P + 1, 0),
    "identity spelt as p + 1 with the sign bit": _signed(_P + 1, 1),
    "beyond the field": b"\xff" * 32,
    "not on the curve": _signed(2, 0),
    "too short": SPEAKER.public.raw[:31],
    "too long": SPEAKER.public.raw + b"\0",
    "empty": b"",
}
_KEY_REASONS = ("key-low-order", "key-not-canonical", "key-not-on-curve", "key-length")
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def _did(raw: bytes) -> str:
    """did:key of any bytes, written independently of the package."""
    number, text = int.from_bytes(b"\xed\x01" + raw, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = _BASE58[digit] + text
    return "did:key:z" + text


def degenerate_keys(lab: Lab) -> None:
    """A7."""
    message = b"anything at all"
    for case, raw in DEGENERATE.items():
        lab.refused(
            case,
            f"the public key {raw.hex()[:64]}",
            lambda raw=raw: PublicKey(raw),  # type: ignore[misc]
            *_KEY_REASONS,
            files={"key.bin": raw},
        )
        lab.refused(
            f"{case} as did:key",
            "the same as an identifier",
            lambda raw=raw: PublicKey.from_did(_did(raw)),  # type: ignore[misc]
            *_KEY_REASONS,
            "key-did-invalid",
        )
    world = lab.world()
    for case in ("identity", "order eight"):
        did = _did(DEGENERATE[case])
        head: dict[str, Any] = {"ledger": world.ledger.id, "nonce": new_nonce(), "time": START}
        lab.refused(
            f"enrol {case}",
            "a key event that enrols it",
            lambda did=did, head=head: KeyEnrolled(**head, key=did, role="subject"),  # type: ignore[misc]
            *_KEY_REASONS,
        )
        lab.refused(
            f"grant by {case}",
            "a grant draft that names it as the speaker's key",
            lambda did=did: world.ledger.add_grant(  # type: ignore[misc]
                GrantDraft({**world.draft().data, "subject": {"key": did}}, "", "draft", world.folder)
            ),
            *_KEY_REASONS,
            "draft-invalid",
        )
    good = SPEAKER.sign(message)
    s = int.from_bytes(good[32:], "little")
    lab.control("a plain signature", lambda: _true(SPEAKER.public.verify(good, message)))
    for case, signature in (
        ("S plus L", good[:32] + (s + _L).to_bytes(32, "little")),
        ("R of low order", DEGENERATE["identity"] + good[32:]),
        ("R not canonical", DEGENERATE["identity spelt as p + 1"] + good[32:]),
        ("empty signature", b""),
        ("one byte more", good + b"\0"),
        ("one byte less", good[:-1]),
        ("zeros", bytes(64)),
    ):
        lab.holds(
            case,
            f"a signature with {case} under a good key",
            lambda signature=signature: not SPEAKER.public.verify(signature, message),  # type: ignore[misc]
            "not accepted",
            files={"signature.bin": signature, "message.bin": message, "key.bin": SPEAKER.public.raw},
        )
    _vectors(lab)


def _true(value: bool) -> None:
    if not value:
        raise InvalidInputError("must be so", reason="not-so")


_BANNED = {"low_order_A", "low_order_R", "non_canonical_A", "non_canonical_R", "low_order_residue"}


def _vectors(lab: Lab) -> None:
    """C2SP/CCTV: of 914 edge cases exactly those 43 without any degenerate part pass."""
    folder = os.environ.get("VOICEKIT_SHARED", "")
    path = Path(folder) / "vectors" / "ed25519" / "cctv.json"
    if not folder or not path.is_file():
        lab.waits("the 914 CCTV vectors: name their folder with VOICEKIT_SHARED")
        return
    seen: Counter[str] = Counter()
    accepted = 0
    for item in json.loads(path.read_text(encoding="utf-8")):
        try:
            key = PublicKey(bytes.fromhex(item["key"]))
            got = key.verify(bytes.fromhex(item["sig"]), item["msg"].encode())
        except InvalidInputError:
            got = False
        accepted += got
        wanted = not _BANNED & set(item["flags"] or ())
        seen["as published" if got == wanted else f"accepted with {', '.join(item['flags'] or ['refused'])}"] += 1
    lab.tally(
        "CCTV", "C2SP's edge cases of Ed25519; strict means that only those without a flag pass", seen, "as published"
    )


def substitution(lab: Lab) -> None:
    """A6."""
    world = lab.world()
    attested = world.grant(None)
    signed = world.grant(STRANGER)
    tiers = {item.digest: item.tier for item in world.ledger.grants()}
    lab.holds(
        "no key but the operator's",
        "a grant that the operator alone signed",
        lambda: tiers[attested] == "D",
        "tier D",
    )
    final = world.deliver(world.request(grant=signed))
    shown = verify_file(final)
    lab.holds(
        "said with the verdict",
        "what is not shown is read",
        lambda: any("persons behind the keys" in item for item in shown.not_shown),
        "identity is named as not shown",
    )
    known = verify_file(final, trust=[SPEAKER.public])
    lab.holds(
        "the true speaker's key known",
        "the same, verified by somebody who knows the true speaker's key",
        lambda: known.tier in ("C", "D") or known.records.ok is False,
        "tier C at most, or not sound",
    )
    if hasattr(authority, "assure"):
        _second_key(lab, world, final)
    else:
        lab.waits("tiers A and B only for a key that the verifier knows")
    forger = Forger(world)
    named = forger.grant(subject=Subject(SPEAKER.public.did))
    forger.grant_keys = (forger.key,)
    lab.holds(
        "named but not signing",
        "a grant names the speaker's key; the operator alone signed",
        lambda: forger.verify("named", grant=named).tier == "D",
        "tier D",
        files={"forged": world.folder / "named"},
    )
    lab.holds(
        "a lying key id",
        "the operator's second signature says it is the speaker's",
        lambda: _lying(forger, named),
        "not counted as hers",
    )
    _enrolment(lab)


def _second_key(lab: Lab, world: World, final: Path) -> None:
    """The heart of it: two keys in one hand look like two people."""
    shown = verify_file(final)
    files = {"a.mp3": final, "a.mp3.voiceproof": final.with_name("a.mp3.voiceproof")}
    lab.holds(
        "a second key of the operator's",
        "the operator makes another key, calls it the speaker's and signs the grant with it; verified by a stranger",
        lambda: shown.tier in ("C", "D"),
        "tier C at most",
        files=files,
    )
    lab.holds(
        "the true operator's key known",
        "the same, verified by somebody who knows the operator's key alone",
        lambda: verify_file(final, trust=[world.ledger.operator]).tier in ("C", "D"),
        "tier C at most",
    )


def _lying(forger: Forger, named: Grant) -> bool:
    envelope = named.sign(forger.key, STRANGER)
    lying = Envelope(
        envelope.payload_type,
        envelope.payload,
        (envelope.signatures[0], (SPEAKER.public.did, envelope.signatures[1][1])),
    )
    return SPEAKER.public not in lying.signers([SPEAKER.public])


def _enrolment(lab: Lab) -> None:
    """A key enrolled without proof that anybody holds it."""
    world = lab.world("enrolment")
    key = world.ledger.operator_signing_key()
    head: dict[str, Any] = {"ledger": world.ledger.id, "nonce": new_nonce(), "time": START}
    claim = KeyEnrolled(**head, key=SPEAKER.public.did, role="subject").sign(key).to_bytes()
    world.ledger.close()
    append_raw(world.path, [claim], key)
    lab.found(
        "enrolled without possession",
        "the operator enrols the speaker's key without her signature",
        lambda: reasons_of(world.path),
        "signature-invalid",
        "statement-invalid",
        files={"ledger": world.path},
    )


def operator_denies(lab: Lab) -> None:
    """A19."""
    world = lab.world()
    grant = world.grant()
    final = world.deliver()
    operator, ledger = world.ledger.operator, world.ledger.id
    world.ledger.close()
    away = lab.folder / "with-a-stranger"
    away.mkdir()
    for item in final.parent.iterdir():
        (away / item.name).write_bytes(item.read_bytes())
    file = away / final.name
    proof = file.with_name(file.name + ".voiceproof")
    shown = lab.control("file and proof, no ledger", lambda: verify_file(file))
    files = {file.name: file, proof.name: proof}
    text = shown.text() if shown else ""
    for case, words in {
        "operator's key": (operator.did, "Operator"),
        "grant": (grant,),
        "ledger and place": (ledger, "entry 3"),
        "time": ("2026-11-18",),
        "use": ("audiobook", "Alice"),
    }.items():
        lab.holds(
            f"names the {case}",
            "the operator says: I never rendered that; the verifier's text is read",
            lambda words=words: bool(shown and shown.ok) and all(word in text for word in words),  # type: ignore[misc]
            "printed",
            files=files,
        )
    lab.holds(
        "another operator's key",
        "somebody who trusts another operator alone",
        lambda: verify_file(file, trust=[STRANGER.public]).records.ok is False,
        "records not sound",
    )
    data, good = proof.read_bytes(), Counter[str]()
    for place in range(0, len(data), 97 if lab.quick else 11):
        flipped = bytearray(data)
        flipped[place] ^= 1 << (place % 8)
        proof.write_bytes(flipped)
        good["not sound" if verify_file(file).records.ok is False else "accepted"] += 1
    proof.write_bytes(data)
    lab.tally("proof changed", "one bit of the proof flipped, so that the denial would hold", good, "not sound")
    file.write_bytes(b"sounD")
    lab.holds(
        "another file",
        "another file shown with the proof",
        lambda: verify_file(file).records.ok is False,
        "records not sound",
    )
    proof.unlink()
    lab.refused("no proof", "the bare file without its proof", lambda: verify_file(file), "proof-missing")


def speaker_denies(lab: Lab) -> None:
    """A20."""
    world = lab.world()
    world.grant()
    shown = verify_file(world.deliver())
    attested = lab.world("attested")
    attested.grant(None)
    weak = verify_file(attested.deliver())
    files = {"signed": world.folder / "out", "attested": attested.folder / "out"}
    lab.holds(
        "a signed grant",
        "the speaker says: I never agreed; she had signed with her key",
        lambda: shown.ok and shown.grant in shown.text() and f"tier      {shown.tier}" in shown.text(),
        "the grant and its tier are printed",
        files=files,
    )
    lab.holds(
        "an attested grant",
        "the speaker never signed: the operator attests it",
        lambda: weak.ok and weak.tier == "D" and "operator attests" in weak.text(),
        "tier D, no overclaim",
    )
    for words in ("persons behind the keys", "understood", "lawful", "revoked since"):
        lab.holds(
            f"not shown: {words}",
            "what is not shown is read",
            lambda words=words: any(words in item for item in shown.not_shown),  # type: ignore[misc]
            "named as not shown",
        )
    lab.holds(
        "what was agreed to",
        "the description the speaker signed is read",
        lambda: "audiobook edition" in shown.intended_use and shown.intended_use in shown.text(),
        "printed word for word",
    )
    forger = Forger(world)
    rewritten: dict[str, dict[str, Any]] = {
        "a longer text": {"intended_use": forger.grant().intended_use + " And anything else whatever."},
        "another notice": {"notice": {"sha256": "0" * 64, "language": "en", "version": "2"}},
    }
    for case, changes in rewritten.items():
        altered = forger.grant(**changes)
        old = forger.honest.sign(SPEAKER).signatures[0]
        forged = altered.sign(forger.key)
        stolen = Envelope(forged.payload_type, forged.payload, (old, *forged.signatures))
        lab.holds(
            f"her signature under {case}",
            "the speaker's signature moved from her grant to a changed one",
            lambda stolen=stolen: SPEAKER.public not in stolen.signers([SPEAKER.public]),  # type: ignore[misc]
            "not counted as hers",
            files={"grant.dsse.json": stolen.to_bytes()},
        )


ATTACKS = (
    Attack(
        "A6",
        "the operator enrols a key of his own as the speaker's",
        "Ends at tier C at most; tier and 'who stands behind a key is not shown' are printed with every verdict.",
        substitution,
        ("who stands behind a key that nobody outside knows",),
    ),
    Attack(
        "A7",
        "degenerate keys and misspelt signatures",
        "Refused by strict admission: canonical encodings alone, no point of low order, S below L.",
        degenerate_keys,
    ),
    Attack(
        "A19",
        "'I never rendered that' (the operator)",
        "The file and its proof alone name operator's key, grant, time and place in the ledger, offline.",
        operator_denies,
        ("a file whose proof was thrown away: then only the ledger or a mark in the sound can tell",),
    ),
    Attack(
        "A20",
        "'I never agreed' (the speaker)",
        "The verifier prints who signed, the tier, the text agreed to and what is not shown; it claims no more.",
        speaker_denies,
        ("whether she understood, and whether somebody else held her key",),
    ),
)
