"""The world the attacks are carried out in: a clock that stands still, keys from fixed seeds, voices, a ledger."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..draft import GrantDraft, read_draft
from ..errors import ConsentRefusedError
from ..keys import SigningKey
from ..ledger import Ledger
from ..outputs import Output
from ..permit import Permit
from ..records import sign_record
from ..scope import ALL_CONTENT, UNLIMITED, Operand, Scope, Use
from ..statements import DataSource, RenderReceipt
from ..store import Row

__all__ = [
    "DAY",
    "RELEASE",
    "SPEAKER",
    "START",
    "STRANGER",
    "USE",
    "World",
    "changed",
    "copy_ledger",
    "opened",
    "rewritten",
    "stored",
    "weights",
]

START = 1_795_000_000
DAY = 86_400
SPEAKER = SigningKey.from_seed(b"speaker's seed, fixed for tests.")
RELEASE = SigningKey.from_seed(b"release seed, fixed for tests...")
STRANGER = SigningKey.from_seed(b"stranger's seed, fixed for tests")
USE = Use("speech", "audiobook", True, ("en",), ("DE",), "Alice", 10)
WIDE = Scope(("speech", "singing"), ("any",), True, ("en",), ("001",), ALL_CONTENT, ("any",), UNLIMITED, UNLIMITED)


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    time: int = START

    def __call__(self) -> int:
        return self.time


def changed(**values: object) -> Use:
    """The usual use with some fields changed."""
    fields: dict[str, Any] = {**USE.__dict__, **values}
    return Use(**fields)


def weights(name: str = "ada.safetensors", content: bytes = b"weights", licence: str = "CC-BY-4.0") -> Operand:
    """A model file."""
    return Operand(name, hashlib.sha256(content).hexdigest(), "weights", licence)


_DRAFT = """
voice = "{voice}"
basis = "consent"
intended_use = '''Narration of the audiobook edition of the named title for sale in the listed countries by the
operator, including its retail sample of five minutes and later corrections to that edition.'''
{supersedes}
[subject]
name = "Ada Example"
[notice]
text = "You lend your voice."
language = "en"
version = "1"
[scope]
modes = {modes}
purposes = {purposes}
commercial = {commercial}
languages = {languages}
territories = {territories}
titles = {titles}
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
{more}
[withdrawal]
how = "Tell the operator."
effect = "stop-new"
"""


@dataclass
class World:
    """A ledger in a fresh folder, with its clock."""

    folder: Path
    clock: Clock = field(default_factory=Clock)
    ledger: Ledger = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = Ledger.init(self.path, operator_name="Operator", now=self.clock)

    @property
    def path(self) -> Path:
        """The ledger's folder."""
        return self.folder / "ledger"

    @property
    def note(self) -> Path:
        """The high-water note."""
        return self.folder / "ledger.highwater" / "highwater.note"

    def draft(self, **changes: object) -> GrantDraft:
        """A grant draft; keyword arguments replace single values."""
        values: dict[str, object] = {
            "voice": "ada",
            "modes": '["speech"]',
            "purposes": '["audiobook"]',
            "commercial": "true",
            "languages": '["en"]',
            "territories": '["DE", "US"]',
            "titles": '["Alice"]',
            "renders": 3,
            "seconds": 100,
            "begin": START - DAY,
            "end": START + 100 * DAY,
            "recheck": 0,
            "sha": weights().sha256,
            "licence": "CC-BY-4.0",
            "more": "",
            "supersedes": "",
        }
        path = self.folder / "draft.toml"
        path.write_text(_DRAFT.format(**{**values, **changes}), encoding="utf-8")
        return read_draft(path)

    def grant(self, key: SigningKey | None = SPEAKER, **changes: object) -> str:
        """Add a grant; its digest."""
        return self.ledger.add_grant(self.draft(**changes), key)

    def record(self, voice: str = "house", key: SigningKey = RELEASE, offered: Scope = WIDE) -> bytes:
        """A signed record of a voice without a donor."""
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
        )

    def house(self, scope: Scope | None = None) -> tuple[str, str]:
        """Add that voice and a grant for it; their digests."""
        digest = self.ledger.add_record(self.record(), release_keys=[RELEASE.public])
        return digest, self.ledger.grant_house_voice(digest, scope=scope)

    def request(self, use: Use = USE, **changes: Any) -> Permit:
        """Ask for a permit."""
        values: dict[str, Any] = {
            "voice": "ada",
            "operands": (weights(),),
            "params_sha256": "0" * 64,
            "text_commit": "1" * 64,
        }
        return self.ledger.request(use, **{**values, **changes})

    def finished(self, name: str = "a.mp3", content: bytes = b"sound", milli: int = 9_500) -> Output:
        """A finished file under a temporary name."""
        tmp = self.folder / f"{name}.part"
        tmp.write_bytes(content)
        return Output(tmp, name, "2" * 64, milli)

    def render(
        self, permit: Permit | None = None, name: str = "a.mp3", content: bytes = b"sound", milli: int = 9_500
    ) -> tuple[RenderReceipt, Path]:
        """A receipt, and the file that waits for its name."""
        output = self.finished(name, content, milli)
        return self.ledger.complete(permit or self.request(), [output]), output.path

    def deliver(self, permit: Permit | None = None, name: str = "a.mp3", content: bytes = b"sound") -> Path:
        """A delivered file with its proof."""
        receipt, tmp = self.render(permit, name, content)
        final = self.folder / "out" / name
        self.ledger.deliver(receipt, {tmp: final})
        return final

    def reopen(self) -> Ledger:
        """Close and open again."""
        self.ledger.close()
        self.ledger = Ledger.open(self.path, now=self.clock)
        return self.ledger

    def fill(self, size: int = 50) -> None:
        """Entries of every kind that daily work writes, `size` of them."""
        self.house()
        house = (weights("house.safetensors", b"house"),)
        grant = self.grant(renders=1_000, seconds=100_000)
        spare = self.grant()
        turn = 0
        while self.ledger.size() < size - 1:
            self.clock.time += 60
            if turn % 4 == 0:
                self.deliver(self.request(grant=grant), name=f"{turn}.mp3", content=b"sound %d" % turn)
            elif turn % 4 == 1:
                self.ledger.abort(self.request(voice="house", operands=house), "cancelled")
            else:
                self.denied(voice=f"nobody-{turn}")
            turn += 1
        if self.ledger.size() < size:
            self.ledger.revoke(spare, key=SPEAKER)

    def denied(self, **changes: Any) -> None:
        """A request that the gate refuses, and writes down."""
        try:
            self.request(**changes)
        except ConsentRefusedError:
            return


def copy_ledger(source: World | Path, target: Path) -> Path:
    """Copy a ledger with its high-water note into the folder `target`; returns the copy's ledger folder."""
    path = source.path if isinstance(source, World) else source
    target.mkdir(parents=True)
    for name in ("ledger", "ledger.highwater"):
        shutil.copytree(path.parent / name, target / name, symlinks=True)
    return target / "ledger"


def opened(path: Path, time: int = START) -> int:
    """Open a ledger as its owner would, close it, and say how many entries it has."""
    with Ledger.open(path, now=Clock(time)) as ledger:
        return ledger.size()


def stored(path: Path) -> list[Row]:
    """All entries, read past the package's own checks."""
    db = sqlite3.connect(f"file:{quote(str(path / 'ledger.db'))}?mode=ro", uri=True)
    try:
        rows = db.execute("SELECT seq, kind, digest, time, leaf, envelope FROM entry ORDER BY seq").fetchall()
    finally:
        db.close()
    return [Row(*row) for row in rows]


@contextmanager
def rewritten(path: Path) -> Iterator[sqlite3.Connection]:
    """Change rows as an attacker does: the triggers taken away for the time of it, the schema as it was after."""
    db = sqlite3.connect(path / "ledger.db", isolation_level=None)
    try:
        db.execute("PRAGMA synchronous = OFF")
        triggers = db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        db.execute("BEGIN")
        for name, _sql in triggers:
            db.execute(f"DROP TRIGGER {name}")
        yield db
        for _name, sql in triggers:
            db.execute(sql)
        db.execute("COMMIT")
    finally:
        db.close()
