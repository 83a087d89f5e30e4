"""A small world for the ledger's tests: a clock that can be set, keys from fixed seeds, a voice, a studio."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from consent import (
    ALL_CONTENT,
    UNLIMITED,
    DataSource,
    Ledger,
    Operand,
    Output,
    Permit,
    Scope,
    SigningKey,
    Use,
    read_draft,
    sign_record,
)

SHARED = Path(os.environ.get("VOICEKIT_SHARED", Path(__file__).resolve().parents[3] / "shared"))
START = 1_795_000_000
DAY = 86_400
SPEAKER = SigningKey.from_seed(b"s" * 32)
RELEASE = SigningKey.from_seed(b"r" * 32)
STRANGER = SigningKey.from_seed(b"x" * 32)
PARAMS = "0" * 64

WIDE = Scope(("speech", "singing"), ("any",), True, ("en",), ("001",), ALL_CONTENT, ("any",), UNLIMITED, UNLIMITED)


def vectors(*parts: str) -> Path:
    """A folder of shared conformance vectors, or a skip with the reason."""
    path = SHARED.joinpath("vectors", *parts)
    if not path.exists():
        pytest.skip(f"conformance vectors are not at {path}; set VOICEKIT_SHARED")
    return path


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    time: int = START

    def __call__(self) -> int:
        return self.time


def weights(name: str = "ada.safetensors", content: bytes = b"weights", licence: str = "CC-BY-4.0") -> Operand:
    return Operand(name, hashlib.sha256(content).hexdigest(), "weights", licence)


DRAFT = """
voice = "ada"
basis = "consent"
intended_use = '''Narration of the audiobook edition of the named title for sale in the listed countries by the
operator, including its retail sample of five minutes and later corrections to that edition.'''
[subject]
name = "Ada Example"
[notice]
text = "You lend your voice."
language = "en"
version = "1"
[scope]
modes = ["speech"]
purposes = ["audiobook"]
commercial = {commercial}
languages = ["en"]
territories = {territories}
titles = ["Alice"]
max_renders = {renders}
max_seconds = {seconds}
[validity]
not_before = {begin}
not_after = {end}
recheck_days = {recheck}
[[weights]]
name = "ada.safetensors"
sha256 = "{sha}"
license = "{licence}"
[withdrawal]
how = "Tell the operator."
effect = "stop-new"
"""


def draft(folder: Path, **changes: object):
    """A grant draft; keyword arguments replace single values."""
    values: dict[str, object] = {
        "commercial": "true",
        "territories": '["DE", "US"]',
        "renders": 3,
        "seconds": 100,
        "begin": START - DAY,
        "end": START + 100 * DAY,
        "recheck": 0,
        "sha": weights().sha256,
        "licence": "CC-BY-4.0",
    }
    values.update(changes)
    path = folder / "draft.toml"
    path.write_text(DRAFT.format(**values), encoding="utf-8")
    return read_draft(path)


USE = Use("speech", "audiobook", True, ("en",), ("DE",), "Alice", 10)


@dataclass
class World:
    """A ledger in a fresh folder, with its clock."""

    folder: Path
    clock: Clock = field(default_factory=Clock)
    ledger: Ledger = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = Ledger.init(self.folder / "ledger", operator_name="Operator", now=self.clock)

    @property
    def path(self) -> Path:
        return self.folder / "ledger"

    def grant(self, key: SigningKey | None = SPEAKER, **changes: object) -> str:
        return self.ledger.add_grant(draft(self.folder, **changes), key)

    def house(self, scope: Scope | None = None, **record: object) -> tuple[str, str]:
        digest = self.ledger.add_record(self.record(**record), release_keys=[RELEASE.public])
        return digest, self.ledger.grant_house_voice(digest, scope=scope)

    def record(
        self, voice: str = "house", key: SigningKey = RELEASE, offered: Scope = WIDE, not_after: int = 0
    ) -> bytes:
        return sign_record(
            key,
            voice=voice,
            publisher="voicekit",
            offered=offered,
            weights=[weights("house.safetensors", b"house")],
            data=[DataSource("LibriSpeech", "CC-BY-4.0", "LibriVox readers")],
            measurement={"nearest_reader_ppm": 716_000},
            recipe="a blend of 61 readers",
            time=START - DAY,
            not_after=not_after,
        )

    def request(self, use: Use = USE, **changes: object) -> Permit:
        values: dict[str, object] = {
            "voice": "ada",
            "operands": (weights(),),
            "params_sha256": PARAMS,
            "text_commit": "1" * 64,
        }
        values.update(changes)
        return self.ledger.request(use, **values)

    def render(self, permit: Permit | None = None, name: str = "a.mp3", content: bytes = b"sound", milli: int = 9_500):
        permit = permit or self.request()
        tmp = self.folder / f"{name}.part"
        tmp.write_bytes(content)
        receipt = self.ledger.complete(permit, [Output(tmp, name, "2" * 64, milli)])
        return receipt, tmp

    def deliver(self, **changes) -> Path:
        receipt, tmp = self.render(**changes)
        final = self.folder / "out" / receipt.outputs[0].name
        self.ledger.deliver(receipt, {tmp: final})
        return final

    def reopen(self) -> Ledger:
        self.ledger.close()
        self.ledger = Ledger.open(self.path, now=self.clock)
        return self.ledger
