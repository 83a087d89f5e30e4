"""The documents about formats, verifiers, threats and records say what is so."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from consent.attacks import ATTACKS
from consent.consent_record import record_schema
from consent.encoding import canonical
from consent.envelope import Envelope
from consent.statements import LEDGER_KINDS, parse_statement
from tests.consent import formats
from tests.consent.vectors import FOLDER, cases

DOCS = Path(__file__).resolve().parents[2] / "docs"


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def test_the_examples_are_made_from_their_seeds() -> None:
    text = formats.DOCUMENT.read_text(encoding="utf-8")
    assert formats.filled(text) == text


def test_every_kind_has_an_example_that_parses() -> None:
    made = formats.examples()
    shown = {match[2]: json.loads(match[3]) for match in formats.BLOCK.finditer(page("statement-formats.md"))}
    assert set(shown) == set(made) >= {kind.KIND for kind in LEDGER_KINDS.values()}
    for kind, obj in shown.items():
        cls = type(made[kind])
        envelope = Envelope(cls.payload_type(), canonical(obj), ())
        assert parse_statement(envelope, cls) == made[kind]


def test_every_field_of_a_grant_is_spoken_of() -> None:
    text = page("statement-formats.md")
    part = text[text.index("### `grant`") : text.index("<!-- example: grant -->")]
    head = {"spec", "kind", "ledger", "nonce", "time", "voice", "basis", "grantee"}
    for name in set(formats.examples()["grant"].as_obj()) - head | {"supersedes", "references"}:
        assert f"`{name}" in part, name


def test_the_verifiers_guide_names_what_is_there() -> None:
    text = page("write-a-verifier.md")
    table = text[text.index("| File |") : text.index("The two verdicts")]
    files = set(re.findall(r"`([a-z]+\.[a-z.]+)`", table))
    assert files == {path.name for path in FOLDER.iterdir()}
    assert {case["use"] for case in cases()} == {"yes", "no", "undecided"}


def rows(text: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| A")
    ]


def test_the_threat_model_has_every_attack_and_its_limits() -> None:
    found = {row[0]: row for row in rows(page("threat-model.md")) if re.fullmatch(r"A\d+", row[0])}
    assert list(found) == list(ATTACKS)
    for number, attack in ATTACKS.items():
        assert found[number][1] == attack.title
        for limit in attack.limits:
            assert limit in found[number][4], (number, limit)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(test_\w+::\w+)`", page("threat-model.md")))))
def test_tests_named_exist(name: str) -> None:
    module, test = name.split("::")
    (path,) = Path(__file__).parents[1].rglob(f"{module}.py")
    source = path.read_text(encoding="utf-8")
    assert re.search(rf"^def {test}\(", source, re.M)


def test_the_record_table_names_fields_of_the_schema() -> None:
    schema = record_schema()
    text = page("consent-record.md").replace(" ", "_").lower()
    for section in ("header", "processing"):
        for field in schema["properties"][section]["properties"]:
            plain = field.rstrip("s")
            if field not in ("record_made", "dct:conformsTo"):
                assert plain in text or plain.replace("pii_controller", "pii_controllers") in text, field
    for state in schema["properties"]["events"]["items"]["properties"]["event_state"]["enum"]:
        assert state in page("consent-record.md") or state == "dpv:ConsentUnknown", state
