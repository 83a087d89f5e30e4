"""The public test vectors for verifiers in other languages: made here, from fixed seeds, always the same bytes.

A small ledger with every kind of entry a proof can rest on, proofs of three receipts, and forged variants of each with
the verdict a verifier must reach. Run as a program to write `tests/golden/verifier` anew:
``python -m tests.consent.vectors``.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from consent import ALL_CONTENT, DataSource, Scope, SigningKey, Use, WeightsRef, merkle, sign_record
from consent.chain import origin_of
from consent.encoding import canonical
from consent.envelope import Envelope
from consent.proof import make_bundle
from consent.scope import Operand
from consent.statements import (
    Compensation,
    Disclosure,
    Evidence,
    Genesis,
    Grant,
    Notice,
    OutputRecord,
    Party,
    RenderAborted,
    RenderDenied,
    RenderIntent,
    RenderReceipt,
    Representation,
    Retention,
    Revocation,
    Software,
    Spent,
    Statement,
    Subject,
    Validity,
    Withdrawal,
)
from consent.tree_head import Checkpoint, sign_checkpoint

FOLDER = Path(__file__).resolve().parents[1] / "golden" / "verifier"
LEDGER = "000102030405060708090a0b0c0d0e0f"
TIME = 1_795_000_000
DAY = 86_400
OPERATOR = SigningKey.from_seed(b"O" * 32)
SPEAKER = SigningKey.from_seed(b"S" * 32)
RELEASE = SigningKey.from_seed(b"R" * 32)
STRANGER = SigningKey.from_seed(b"X" * 32)
WEIGHTS = hashlib.sha256(b"ada's weights").hexdigest()
HOUSE = hashlib.sha256(b"house weights").hexdigest()
WIDE = Scope(("speech",), ("any",), True, ("en",), ("001",), ALL_CONTENT, ("any",), 1_000, 100_000)


def nonce(number: int) -> str:
    """A nonce that is the same in every run; real ones are random."""
    return hashlib.sha256(b"vector nonce %d" % number).hexdigest()[:32]


def head(number: int) -> dict[str, Any]:
    return {"ledger": LEDGER, "nonce": nonce(number), "time": TIME + number}


def ada() -> Grant:
    return Grant(
        **head(1),
        voice="ada",
        basis="consent",
        subject=Subject(SPEAKER.public.did, hashlib.sha256(b"salt" + b"Ada Example").hexdigest(), jurisdiction="DE"),
        grantee=Party(OPERATOR.public.did, "Example Press", "rights@example.org"),
        notice=Notice(hashlib.sha256(b"You lend your voice.").hexdigest(), "en", "1"),
        intended_use="Narration of the audiobook edition of the named title for sale in the listed countries by the "
        "operator, including its retail sample of five minutes and later corrections.",
        scope=Scope(("speech",), ("audiobook",), True, ("en",), ("DE", "US"), ALL_CONTENT, ("Alice",), 10, 3_600),
        validity=Validity(TIME - DAY, TIME + 365 * DAY, 200),
        weights=(WeightsRef("ada.safetensors", WEIGHTS, "CC-BY-4.0"),),
        retention=Retention(365, 30, "operator's studio"),
        recipients=("Example Distribution",),
        withdrawal=Withdrawal("Tell the operator, or use the revocation certificate.", "delete-voice"),
        disclosure=Disclosure(True, False, "policy", "a synthetic voice"),
        representation=Representation(False, "", 48),
        compensation=Compensation("fee", "contract 17"),
        evidence=(Evidence("document", hashlib.sha256(b"contract").hexdigest(), "signed on paper"),),
    )


def record() -> bytes:
    return sign_record(
        RELEASE,
        voice="house",
        publisher="voicekit",
        offered=WIDE,
        weights=[WeightsRef("house.safetensors", HOUSE, "CC-BY-4.0")],
        data=[DataSource("LibriSpeech", "CC-BY-4.0", "LibriVox readers")],
        measurement={"nearest_reader_ppm": 716_000},
        recipe="a blend of 61 readers",
        time=TIME - DAY,
        nonce=nonce(2),
    )


def house(digest: str) -> Grant:
    return Grant(
        **head(3),
        voice="house",
        basis="no-donor",
        subject=Subject(RELEASE.public.did),
        grantee=Party(OPERATOR.public.did, "Example Press", "rights@example.org"),
        notice=Notice(hashlib.sha256(b"nobody").hexdigest(), "en", "record"),
        intended_use="Use of the shipped voice house, a blend without a donor, in the operator's own studio, within "
        "what its signed voice record offers and under its licences.",
        scope=WIDE,
        validity=Validity(TIME - DAY, TIME + 365 * DAY),
        weights=(WeightsRef("house.safetensors", HOUSE, "CC-BY-4.0"),),
        retention=Retention(0, 0),
        withdrawal=Withdrawal("The publisher revokes the voice record.", "stop-new"),
        disclosure=Disclosure(True, False, "policy"),
        representation=Representation(),
        compensation=Compensation("none"),
        evidence=(Evidence("record", digest, "the signed record of the voice"),),
    )


def render(number: int, grant: Grant, use: Use, sound: bytes) -> tuple[RenderIntent, RenderReceipt]:
    item = grant.weights[0]
    common: dict[str, Any] = {
        "grant": grant.digest,
        "record": grant.record,
        "voice": grant.voice,
        "use": use,
        "operands": (Operand(item.name, item.sha256, "weights", item.license),),
        "params_sha256": "0" * 64,
        "text_commit": hashlib.sha256(b"salt and text %d" % number).hexdigest(),
    }
    intent = RenderIntent(**head(number), **common, expires=TIME + DAY)
    receipt = RenderReceipt(
        **head(number + 1),
        **common,
        intent=intent.digest,
        outputs=(OutputRecord(f"{number}.wav", hashlib.sha256(sound).hexdigest(), len(sound), "2" * 64, 9_500),),
        measured=(("lufs_milli", -19_000),),
        spent=Spent(1, 10),
        software=Software("voicekit-consent", "0.1.0"),
    )
    return intent, receipt


class Vectors:
    """The ledger's entries and everything made of them."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        genesis = Genesis(
            **head(0),
            operator=Party(OPERATOR.public.did, "Example Press", "rights@example.org"),
            software=Software("voicekit-consent", "0.1.0"),
        )
        self.add(genesis, OPERATOR)
        grant = ada()
        self.add(grant, SPEAKER, OPERATOR)
        self.envelopes.append(Envelope.parse(record()))
        blend = house(self.envelopes[-1].digest)
        self.add(blend, OPERATOR)
        use = Use("speech", "audiobook", True, ("en-GB",), ("DE",), "Alice", 10)
        self.good = self.render(4, grant, use, b"good sound")
        self.blend = self.render(6, blend, use, b"house sound")
        # The operator signed a receipt for a use the speaker never granted: sound records, and a breach.
        self.breach = self.render(
            8, grant, Use("singing", "advert", True, ("en",), ("FR",), "Soap", 10), b"breach sound"
        )
        denied = RenderDenied(
            **head(10), reason="mode-not-granted", voice="ada", use=Use("singing", "audiobook"), grants=(grant.digest,)
        )
        self.add(denied, OPERATOR)
        intent, _receipt = render(11, grant, use, b"")
        self.add(intent, OPERATOR)
        self.add(RenderAborted(**head(12), intent=intent.digest, reason="cancelled"), OPERATOR)
        revocation = Revocation(
            **head(13), target=grant.digest, by=SPEAKER.public.did, effective=TIME + 13, reason="withdrawn"
        )
        self.add(revocation, SPEAKER)
        self.entries = [item.to_bytes() for item in self.envelopes]
        self.leaves = [merkle.leaf_hash(item) for item in self.entries]
        self.note = sign_checkpoint(Checkpoint(origin_of(LEDGER), len(self.leaves), merkle.root(self.leaves)), OPERATOR)

    def add(self, statement: Statement, *keys: SigningKey) -> int:
        self.envelopes.append(statement.sign(*keys))
        return len(self.envelopes) - 1

    def render(self, number: int, grant: Grant, use: Use, sound: bytes) -> tuple[list[int], bytes]:
        """Intent and receipt become entries; gives the places a proof names, and the file."""
        intent, receipt = render(number, grant, use, sound)
        begun, done = self.add(intent, OPERATOR), self.add(receipt, OPERATOR)
        digests = [item.digest for item in self.envelopes]
        wanted = [done, 0, begun, digests.index(grant.digest)]
        return wanted + ([digests.index(grant.record)] if grant.record else []), sound

    def bundle(self, which: tuple[list[int], bytes]) -> dict[str, Any]:
        wanted, _sound = which
        data = make_bundle([self.entries[i] for i in wanted], self.leaves, wanted, self.note)
        return json.loads(data)


def swap_payload(change: Callable[[dict[str, Any]], None], envelope: str, *keys: SigningKey) -> str:
    """Change a statement inside an envelope; signed anew by `keys`, or left with its old signatures."""
    outer = json.loads(envelope)
    inner = json.loads(base64.b64decode(outer["payload"]))
    change(inner)
    if keys:
        return Envelope.sign(outer["payloadType"], canonical(inner), *keys).to_bytes().decode()
    outer["payload"] = base64.b64encode(canonical(inner)).decode()
    return canonical(outer).decode()


def cases() -> list[dict[str, Any]]:
    """Every vector: a proof, the file it comes with, and the two verdicts that are right."""
    made = Vectors()
    good, blend, breach = (made.bundle(item) for item in (made.good, made.blend, made.breach))
    out: list[dict[str, Any]] = []

    def case(name: str, why: str, proof: dict[str, Any], sound: bytes, records: str, use: str) -> None:
        out.append(
            {
                "name": name,
                "why": why,
                "file_hex": sound.hex(),
                "proof": canonical(proof).decode(),
                "records": records,
                "use": use,
            }
        )

    def forged(name: str, why: str, change: Callable[[dict[str, Any]], None]) -> None:
        copy = json.loads(json.dumps(good))
        change(copy)
        case(name, why, copy, b"good sound", "no", "undecided")

    case("good", "speaker and operator signed; the use lies inside the grant", good, b"good sound", "yes", "yes")
    case("no-donor", "a shipped voice with its signed record", blend, b"house sound", "yes", "yes")
    case("breach", "sound records of a use nobody granted", breach, b"breach sound", "yes", "no")
    case("other-file", "the file is not the one of the receipt", good, b"other sound", "no", "undecided")

    def set_receipt(change: Callable[[dict[str, Any]], None], *keys: SigningKey) -> Callable[[dict[str, Any]], None]:
        return lambda b: b.update(receipt=swap_payload(change, b["receipt"], *keys))

    def support(number: int, **changes: Any) -> Callable[[dict[str, Any]], None]:
        return lambda b: b["support"][number].update(changes)

    def change_title(obj: dict[str, Any]) -> None:
        obj["use"]["title"] = "Other"

    grant_text = good["support"][2]["envelope"]
    forged("receipt-changed", "a changed receipt under its old signature", set_receipt(change_title))
    forged("receipt-resigned", "signed anew by the operator, but not in the tree", set_receipt(change_title, OPERATOR))
    forged("grant-changed", "a changed grant", support(2, envelope=swap_payload(change_title_of_grant, grant_text)))
    forged("grant-missing", "the grant is left out", lambda b: b["support"].pop(2))
    forged("wrong-index", "an entry claimed to stand elsewhere", support(2, index=2))
    forged("path-too-long", "one hash too many", lambda b: b["support"][1]["path"].append("A" * 43 + "="))
    forged("path-too-short", "one hash missing", lambda b: b["support"][1]["path"].pop())
    forged("no-genesis", "the ledger's first entry is left out", lambda b: b["support"].pop(0))
    blank = base64.b64encode(b"\x00" * 68).decode()
    unsigned = {"tlog_proof": good["tlog_proof"].rsplit(" ", 1)[0] + f" {blank}\n"}
    other = {"tlog_proof": stranger_head(made)}
    forged("head-unsigned", "a tree head with a signature of nothing", lambda b: b.update(unsigned))
    forged("head-of-a-stranger", "a tree head signed by another key", lambda b: b.update(other))
    forged("extra-field", "a field the format does not know", lambda b: b.update(extra="x"))
    return out


def change_title_of_grant(obj: dict[str, Any]) -> None:
    obj["scope"]["titles"] = ["Other"]


def stranger_head(made: Vectors) -> str:
    """The right tree under a stranger's signature."""
    from consent.tree_head import format_tlog_proof

    place = made.good[0][0]
    note = sign_checkpoint(Checkpoint(origin_of(LEDGER), len(made.leaves), merkle.root(made.leaves)), STRANGER)
    return format_tlog_proof(place, merkle.inclusion_proof(made.leaves, place), note)


def files() -> dict[str, bytes]:
    """Name and content of every vector file."""
    made = Vectors()
    grant, asset = made.envelopes[1], made.envelopes[2]
    return {
        "entries.jsonl": b"\n".join(made.entries) + b"\n",
        "checkpoint.note": made.note,
        "cases.json": (json.dumps(cases(), indent=1, ensure_ascii=False) + "\n").encode(),
        "good.wav": b"good sound",
        "good.wav.voiceproof": canonical(made.bundle(made.good)),
        "digests.json": (
            json.dumps(
                {
                    "ledger": LEDGER,
                    "operator": OPERATOR.public.did,
                    "speaker": SPEAKER.public.did,
                    "release": RELEASE.public.did,
                    "grant": grant.digest,
                    "record": asset.digest,
                    "root": merkle.root(made.leaves).hex(),
                    "entries": [item.digest for item in made.envelopes],
                    "leaves": [item.hex() for item in made.leaves],
                },
                indent=1,
            )
            + "\n"
        ).encode(),
    }


__all__ = ["FOLDER", "Vectors", "cases", "files"]

if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, data in files().items():
        (FOLDER / name).write_bytes(data)
