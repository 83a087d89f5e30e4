"""A14 and A15: other files than those that were agreed to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from ..scope import UNLIMITED, Operand
from .forge import Forger
from .lab import Attack, Lab, reason_of
from .world import START, weights

__all__ = ["ATTACKS"]


def model_swap(lab: Lab) -> None:
    """A14."""
    world = lab.world()
    content = bytes(range(256)) * 8
    world.grant(sha=weights(content=content).sha256, renders=10_000, seconds=UNLIMITED)
    lab.control(
        "the file agreed to",
        lambda: world.ledger.abort(world.request(operands=(weights(content=content),)), "cancelled"),
    )
    permit = world.request(operands=(weights(content=content),))
    seen, worker = Counter[str](), Counter[str]()
    for place in range(0, len(content), 256 if lab.quick else 16):
        data = bytearray(content)
        data[place] ^= 1 << (place % 8)
        other = weights(content=bytes(data))
        seen[_reason(lambda other=other: world.request(operands=(other,)))] += 1  # type: ignore[misc]
        worker[_reason(lambda other=other: permit.require(mode="speech", operands=[other], now=START))] += 1  # type: ignore[misc]
    lab.tally("one bit of the weights", "a model file with one bit changed", seen, "weights-mismatch")
    lab.tally("at the engine", "loaded by the engine under a permit for the true file", worker, "weights-mismatch")
    true = weights(content=content)
    for case, operands, reasons in (
        ("one file more", (true, weights("b.safetensors", b"b")), ("weights-mismatch",)),
        ("none named", (), ("weights-mismatch", "field-invalid")),
        ("called a configuration", (Operand(true.name, true.sha256, "config", true.license),), ("weights-mismatch",)),
        ("another licence", (weights(content=content, licence="MIT"),), ("weights-licence",)),
    ):
        lab.refused(case, "asked for with these operands", lambda o=operands: world.request(operands=o), *reasons)  # type: ignore[misc]
    closed = lab.world("licence")
    closed.grant(licence="CC-BY-NC-4.0")
    lab.refused(
        "sold under a non-commercial licence",
        "weights under CC-BY-NC used for sale",
        lambda: closed.request(operands=(weights(licence="CC-BY-NC-4.0"),)),
        "weights-licence",
    )
    forged = lab.world("forged")
    forged.grant()
    forger = Forger(forged)
    shown = forger.verify(
        "swap", operands=(weights(content=b"other"),), intent={"operands": (weights(content=b"other"),)}
    )
    lab.holds(
        "a receipt for another file",
        "the operator signs a receipt that names another model file",
        lambda: shown.use.ok is False and "weights-mismatch" in " ".join(shown.use.problems),
        "the verifier says weights-mismatch",
        files={"forged": forger.world.folder / "swap"},
    )


def _reason(action: Callable[[], Any]) -> str:
    try:
        action()
    except Exception as exc:  # judged
        return reason_of(exc)
    return "accepted"


def reference_swap(lab: Lab) -> None:
    """A15."""
    world = lab.world()
    audio = world.folder / "ada.wav"
    audio.write_bytes(b"RIFF" + bytes(400))
    pcm = "4" * 64
    more = f'[[references]]\nfile = "ada.wav"\npcm_sha256 = "{pcm}"\nseconds_milli = 5000'
    world.grant(more=more)
    good = Operand("ada.wav", weights(content=audio.read_bytes()).sha256, "reference", "CC-BY-4.0")
    both = (weights(), good)
    permit = lab.control("the recording agreed to", lambda: world.request(operands=both))
    for case, content in (
        ("one byte changed", b"RIFF" + bytes(399) + b"\1"),
        ("re-encoded with the same sound", b"fLaC" + bytes(90)),
        ("another voice", b"RIFF" + bytes(range(200))),
        ("empty", b""),
    ):
        other = Operand("ada.wav", weights(content=content).sha256, "reference", "CC-BY-4.0")
        lab.refused(
            case,
            "another recording under the same name",
            lambda other=other: world.request(operands=(weights(), other)),  # type: ignore[misc]
            "reference-mismatch",
            files={"ada.wav": content},
        )
        lab.refused(
            f"{case}, at the engine",
            "loaded by the engine under a permit for the true recording",
            lambda other=other: permit.require(mode="speech", operands=[weights(), other], now=START),  # type: ignore[misc]
            "reference-mismatch",
        )
    lab.refused(
        "its samples' hash in place of the file's",
        "the hash of the samples passed as the file's",
        lambda: world.request(operands=(weights(), Operand("ada.wav", pcm, "reference", "CC-BY-4.0"))),
        "reference-mismatch",
    )
    link = world.folder / "link.wav"
    link.symlink_to(audio)
    lab.refused(
        "a link in the draft",
        "a grant draft names a symbolic link as its recording",
        lambda: world.grant(more=more.replace("ada.wav", "link.wav")),
        "draft-invalid",
        "file-unreadable",
        "field-invalid",
    )
    bare = lab.world("bare")
    bare.grant()
    lab.refused(
        "a recording nobody agreed to",
        "a reference where the grant names none",
        lambda: bare.request(operands=both),
        "reference-mismatch",
    )


ATTACKS = (
    Attack(
        "A14",
        "the model exchanged",
        "Refused: every model file is named by hash in grant, permit and receipt.",
        model_swap,
        ("an engine that loads another file than the one it hashed",),
    ),
    Attack(
        "A15",
        "the reference recording exchanged",
        "Refused: the file's hash is compared; the same sound in another file needs a new grant.",
        reference_swap,
        ("whether the recording is of the person who signed",),
    ),
)
