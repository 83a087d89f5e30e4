"""The examples of docs/ledger.md are real: the statement parses, the proof's text parses, the commands exist."""

from __future__ import annotations

import json
import re
from pathlib import Path

from consent._cli import _parser
from consent.encoding import canonical
from consent.envelope import Envelope
from consent.errors import REASONS
from consent.statements import RenderReceipt, parse_statement
from consent.tree_head import parse_tlog_proof, read_checkpoint

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "ledger.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    return [text for name, text in found if name == kind]


def test_the_receipt_is_a_receipt() -> None:
    (text,) = blocks("json")
    payload = canonical(json.loads(text))
    receipt = parse_statement(Envelope(RenderReceipt.payload_type(), payload, ()), RenderReceipt)
    assert receipt.outputs[0].name == "chapter-01.mp3"


def test_the_proof_text_is_a_proof_of_that_ledger() -> None:
    text = next(item for item in blocks("") if item.startswith("c2sp.org"))
    index, path, note = parse_tlog_proof(text)
    head = read_checkpoint(note)
    assert index < head.size and len(path) == 1
    assert head.origin.endswith(json.loads(blocks("json")[0])["ledger"])


def test_the_commands_parse() -> None:
    lines = [line.partition("#")[0] for line in blocks("")[1].splitlines() if line.startswith("consent ")]
    assert len(lines) == 7
    for line in lines:
        words = re.findall(r'"[^"]*"|\S+', line.partition(">")[0])
        _parser().parse_args([word.strip('"') for word in words[1:]])


def test_reasons_named_are_reasons() -> None:
    table = PAGE[PAGE.index("## What is noticed") : PAGE.index("No permit is given")]
    named = set(re.findall(r"`([a-z-]+)`", table))
    assert len(named) >= 10 and named <= set(REASONS)
