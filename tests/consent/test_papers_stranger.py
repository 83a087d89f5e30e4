"""A verifier that shares no line with ours reaches our verdicts, on good and on forged proofs."""

from __future__ import annotations

import ast
import json
import random
from hashlib import sha256
from pathlib import Path

import pytest

from consent import ConsentRefusedError, verify_file
from consent.verifier import verify_bytes
from tests.consent import stranger
from tests.consent.vectors import FOLDER
from tests.consent.world import USE, World

CASES = json.loads((FOLDER / "cases.json").read_text(encoding="utf-8"))


def test_the_stranger_is_one() -> None:
    source = Path(stranger.__file__).read_text(encoding="utf-8")
    modules = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name).split(".")[0]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.Import, ast.ImportFrom))
    }
    assert modules == {"__future__", "base64", "json", "hashlib", "typing", "cryptography"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_stranger_agrees_on_the_vectors(case: dict[str, str]) -> None:
    digest = sha256(bytes.fromhex(case["file_hex"])).hexdigest()
    assert stranger.verify(case["proof"], digest) == (case["records"], case["use"])


def test_the_stranger_agrees_on_a_fresh_ledger(world: World) -> None:
    world.grant()
    file = world.deliver(content=b"fresh")
    proof = file.with_name(file.name + ".voiceproof").read_text()
    assert stranger.verify(proof, sha256(b"fresh").hexdigest()) == ("yes", "yes")
    assert verify_file(file).ok
    with pytest.raises(ConsentRefusedError):
        world.request(type(USE)("singing", "advert"))


def test_both_refuse_every_flipped_character_alike() -> None:
    """Three hundred places of a good proof, one character changed at each."""
    good, chance = CASES[0]["proof"], random.Random(7)
    digest = sha256(bytes.fromhex(CASES[0]["file_hex"])).hexdigest()
    for place in chance.sample(range(len(good)), 300):
        changed = good[:place] + ("A" if good[place] != "A" else "B") + good[place + 1 :]
        ours = verify_bytes(changed.encode(), digest, name="x")
        theirs = stranger.verify(changed, digest)
        assert (ours.records.word, ours.use.word) == theirs, (place, good[place - 20 : place + 20])
