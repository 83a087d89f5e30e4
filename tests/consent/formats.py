"""One real example of every kind of statement, from fixed seeds; docs/statement-formats.md shows exactly these.

``python -m tests.consent.formats`` writes them into the document anew.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from consent import merkle
from consent.account import Account, Total, listing
from consent.statements import (
    LEDGER_KINDS,
    Enrolment,
    Erasure,
    HeadKey,
    KeyEnrolled,
    KeyRevoked,
    KeyRotated,
    Party,
    PermitStatement,
    Refusal,
    Software,
    Statement,
    WeightsRef,
    parse_statement,
)
from consent.voicegrant import VoiceExport
from tests.consent.vectors import OPERATOR, SPEAKER, STRANGER, TIME, Vectors, head

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "statement-formats.md"
BLOCK = re.compile(r"(<!-- example: ([a-z-]+) -->\n```json\n)(.*?)(\n```\n)", re.S)


def examples() -> dict[str, Statement]:
    """Kind -> statement; the kinds of a ledger come from the vectors' ledger where that has them."""
    made = Vectors()
    found: dict[str, Statement] = {}
    for envelope in made.envelopes:
        statement = parse_statement(envelope)
        found.setdefault(statement.KIND, statement)
    grant, intent, receipt = found["grant"], found["render-intent"], found["render-receipt"]
    speaker, root = SPEAKER.public.did, merkle.root(made.leaves).hex()
    loose: list[Statement] = [
        KeyEnrolled(**head(20), key=speaker, role="subject", holder_commit="c" * 64),
        KeyRotated(**head(21), old=speaker, new=STRANGER.public.did, role="subject", reason="renewed"),
        KeyRevoked(
            **head(22), key=STRANGER.public.did, role="subject", by=STRANGER.public.did, effective=TIME, reason="lost"
        ),
        Erasure(
            **head(23), subject=speaker, commitments=(receipt.text_commit,), items=2, reason="data-subject-request"
        ),
        PermitStatement(
            **head(24),
            intent=intent.digest,
            grant=grant.digest,
            voice=intent.voice,
            use=intent.use,
            operands=intent.operands,
            params_sha256=intent.params_sha256,
            text_commit=intent.text_commit,
            expires=intent.expires,
        ),
        Refusal(**head(25), reason="ledger-tampered", during="request", previous="none", voice="ada"),
        Account(
            **head(26),
            operator=Party(OPERATOR.public.did, "Example Press", "rights@example.org"),
            subject=speaker,
            grants=(grant.digest,),
            voices=("ada",),
            until=TIME + 26,
            size=len(made.leaves),
            root=root,
            entries=2,
            listing=listing([(0, made.envelopes[0].digest), (1, grant.digest)]),
            totals=(Total("audiobook", "speech", True, 1, 1, 9_500),),
            refused=1,
            aborted=1,
            open=0,
        ),
        Enrolment(
            **head(29),
            grant=grant.digest,
            voice="ada",
            method="embedding",
            references=("7" * 64,),
            base=(WeightsRef("acoustic.safetensors", "a" * 64, "CC-BY-4.0"),),
            derived=(WeightsRef("ada.voice.safetensors", "d" * 64, "CC-BY-4.0"),),
            measured=(("seconds_milli", 61_000), ("similarity_ppm", 801_000)),
            software=Software("voicekit-consent", "0.1.0"),
        ),
        HeadKey(**head(28), algorithm="ml-dsa-44", public="A" * 1750 + "=="),
        VoiceExport(
            **head(27),
            operator=Party(OPERATOR.public.did, "Example Press", "rights@example.org"),
            grant=grant.digest,
            voice="ada",
            to=STRANGER.public.did,
            size=len(made.leaves),
            root=root,
        ),
    ]
    return {**found, **{item.KIND: item for item in loose}}


def filled(text: str) -> str:
    """The document with its examples made anew."""
    made = examples()

    def block(match: re.Match[str]) -> str:
        shown = json.dumps(made[match[2]].as_obj(), ensure_ascii=False, indent=1, sort_keys=True)
        return match[1] + shown + match[4]

    return BLOCK.sub(block, text)


__all__ = ["BLOCK", "DOCUMENT", "LEDGER_KINDS", "examples", "filled"]

if __name__ == "__main__":
    DOCUMENT.write_text(filled(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
