"""A21: erasing a person's data must leave every proof valid, and nothing of the person."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

from ..audit import audit_folder
from ..ledger import Ledger
from ..verifier import verify_file
from .lab import Attack, Lab
from .rollback import reasons_of
from .world import SPEAKER, Clock, World, copy_ledger, opened, stored

__all__ = ["ATTACKS"]

NAME, TEXT = "Ada Example", "Alice was beginning to get very tired of sitting by her sister on the bank."


def _bytes_of(path: Path) -> bytes:
    files = [item for item in sorted(path.parent.rglob("*")) if item.is_file() and item.suffix != ".toml"]
    return b"\0".join(item.read_bytes() for item in files)


def erased(lab: Lab) -> None:
    """A21."""
    world = lab.world()
    grant = world.grant()
    commitment = world.ledger.commit_text(TEXT)
    final = world.deliver(world.request(text_commit=commitment), content=b"sound")
    salt = _salt(world, commitment)
    lab.holds(
        "before",
        "control: the name and the salt lie in the ledger's files",
        lambda: NAME.encode() in _bytes_of(world.path) and salt in _bytes_of(world.path),
        "they are there",
    )
    before = [row.envelope for row in stored(world.path)]
    held = copy_ledger(world, lab.folder / "before")
    lab.control("erase", lambda: world.ledger.erase_subject(SPEAKER.public.did))
    files = {"ledger": world.path, "a.mp3": final, "a.mp3.voiceproof": final.with_name("a.mp3.voiceproof")}
    lab.holds(
        "the ledger",
        "the person's data erased; the whole ledger audited, against the delivered file",
        lambda: not reasons_of(world.path, [final]),
        "sound",
        files=files,
    )
    lab.holds("the proof", "the delivered file verified", lambda: verify_file(final).ok, "valid")
    lab.holds(
        "a new proof",
        "a proof made after the erasure",
        lambda: len(world.ledger.proof(_receipt(world))) > 0,
        "can be made",
    )
    lab.holds(
        "the entries",
        "the stored statements compared with those before",
        lambda: [row.envelope for row in stored(world.path)][: len(before)] == before,
        "not one byte changed",
    )
    lab.holds(
        "said so",
        "the newest entry is read",
        lambda: stored(world.path)[-1].kind == "erasure",
        "the erasure is an entry itself",
    )
    left = _bytes_of(world.path)
    lab.holds(
        "the name",
        "every file of the ledger and beside it searched, free pages among them",
        lambda: NAME.encode() not in left and b"Ada" not in left,
        "nowhere",
    )
    lab.holds("the salt", "searched for the salt of the text", lambda: salt not in left, "nowhere")
    lab.holds(
        "the text",
        "the true text held against its commitment",
        lambda: world.ledger.text_matches(commitment, TEXT) is None,
        "can no longer be told",
    )
    lab.holds(
        "the person",
        "the ledger asked for the grant's person",
        lambda: world.ledger.person(grant) is None,
        "nobody",
    )
    lab.control("the ledger goes on", lambda: world.ledger.abort(world.request(), "cancelled"))
    lab.control("erase again", lambda: world.ledger.erase_subject(SPEAKER.public.did))
    _undone(lab, world, held, final)
    _by_hand(lab, held)


def _salt(world: World, commitment: str) -> bytes:
    db = sqlite3.connect(world.path / "ledger.db")
    try:
        return bytes(db.execute("SELECT salt FROM salt WHERE commitment = ?", (commitment,)).fetchone()[0])
    finally:
        db.close()


def _receipt(world: World) -> str:
    return next(row.digest for row in stored(world.path) if row.kind == "render-receipt")


def _undone(lab: Lab, world: World, held: Path, final: Path) -> None:
    """The copy from before the erasure put back."""
    note = world.note.read_bytes()
    path = copy_ledger(held, lab.folder / "undone")
    (path.parent / "ledger.highwater" / "highwater.note").write_bytes(note)
    lab.refused(
        "put back from a backup",
        "the copy from before the erasure put back; the note outside has seen the erasure",
        lambda: opened(path),
        "ledger-rolled-back",
        files={"ledger": path},
    )
    lab.holds("against the file", "the old copy by itself", lambda: not reasons_of(held, [final]), "sound, but older")


def _by_hand(lab: Lab, held: Path) -> None:
    """Side tables emptied by somebody with the file: no proof is harmed, and no name can be put in its place."""
    path = copy_ledger(held, lab.folder / "emptied")
    for statement in ("DELETE FROM salt", "DELETE FROM side", "DELETE FROM delivery"):
        db = sqlite3.connect(path / "ledger.db")
        with db:
            db.execute(statement)
        db.close()
    lab.holds("emptied by hand", "the side tables emptied", lambda: audit_folder(path).ok, "every proof still valid")
    forged = copy_ledger(held, lab.folder / "renamed")
    db = sqlite3.connect(forged / "ledger.db")
    with db:
        db.execute("UPDATE side SET value = CAST(replace(CAST(value AS TEXT), 'Ada', 'Eve') AS BLOB)")
    db.close()
    lab.holds(
        "another name put in",
        "the name in the side table exchanged",
        lambda: _named(forged) is None,
        "not shown: it does not open what was signed",
        files={"ledger": forged},
    )
    shutil.rmtree(path.parent)


def _named(path: Path) -> object:
    with Ledger.open(path, now=Clock()) as ledger:
        return ledger.person(ledger.grants()[0].digest)


ATTACKS = (
    Attack(
        "A21",
        "personal data erased",
        "Ledger and every proof stay valid; the name can no longer be recovered from what is left.",
        erased,
        ("copies that others made before", "blocks that a disk kept of an older file"),
    ),
)
