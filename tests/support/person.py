"""A person who gives their voice: recordings (flite speaks; nobody has consented to anything), a grant, a studio."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from consent import UNLIMITED, GrantDraft, SigningKey
from voicekit.enrol.recording import read_recording
from voicekit.studio import EnrolOptions, Studio

SPEAKER = SigningKey.from_seed(b"p" * 32)
SENTENCES = (
    "The birch canoe slid on the smooth planks, and the old man watched it go with a joyful shout.",
    "Glue the sheet to the dark blue background, then measure the length of the yellow thread.",
    "It is easy to tell the depth of a well, but who knows what treasure is hidden in the mud.",
    "These days a chicken leg is a rare dish, which nobody would think of giving to the horses.",
    "Rice is often served in round bowls, the juice of lemons makes fine punch for both of us.",
    "A zebra and a giraffe were thirsty, they usually share the same water with young oxen.",
)
USE = (
    "Narration of books and lessons for listeners everywhere with the voice of the person who signs this, made and "
    "published by this studio alone, as agreed with them."
)


def quick(patch: pytest.MonkeyPatch, steps: int = 10) -> None:
    """An embedding in few steps, and neither recogniser nor verifier: that takes sixteen seconds to import."""
    from consent.engines import Engines
    from voicekit.enrol import adapt, builder
    from voicekit.studio import enrolment

    patch.setattr(adapt, "STEPS", steps)
    patch.setattr(builder, "STEPS", steps)
    patch.setattr(enrolment, "find_engines", Engines)


def say(folder: Path, voice: str = "rms", sentences: tuple[str, ...] = SENTENCES, stem: str = "take") -> list[Path]:
    """One recording for each sentence; skips where flite is missing."""
    if shutil.which("flite") is None:
        pytest.skip("flite is not installed: no speech to test with")
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for number, sentence in enumerate(sentences, start=1):
        path = folder / f"{stem}{number}.wav"
        subprocess.run(["flite", "-voice", voice, "-t", sentence, "-o", str(path)], check=True)
        made.append(path)
    return made


def transcript(folder: Path, takes: list[Path], sentences: tuple[str, ...] = SENTENCES) -> Path:
    """What is said in the takes, as a table."""
    path = folder / "transcript.tsv"
    rows = [f"{take.name}\t{text}\n" for take, text in zip(takes, sentences, strict=True)]
    path.write_text("".join(rows), encoding="utf-8")
    return path


def draft(takes: list[Path], voice: str = "ada", **changes: Any) -> GrantDraft:
    """A grant for these recordings."""
    now = int(time.time())
    references = []
    for take in takes:
        one = read_recording(take)
        references.append(
            {
                "name": one.name,
                "file_sha256": one.sha256,
                "pcm_sha256": one.pcm_sha256,
                "seconds_milli": round(one.seconds * 1000),
            }
        )
    data: dict[str, Any] = {
        "voice": voice,
        "basis": "consent",
        "adaptation": "embedding",
        "intended_use": USE,
        "subject": {"adult": True},
        "notice": {"text": "You lend your voice.", "language": "en", "version": "1"},
        "scope": {
            "modes": ["speech"],
            "purposes": ["any"],
            "commercial": True,
            "languages": ["en"],
            "territories": ["001"],
            "titles": ["any"],
            "content_refused": [],
            "max_renders": 100,
            "max_seconds": UNLIMITED,
        },
        "validity": {"not_before": now - 60, "not_after": now + 300 * 86_400},
        "references": references,
        "retention": {"reference_days": 3, "embedding_days": 3},
        "withdrawal": {"how": "Tell the operator.", "effect": "delete-voice"},
    }
    for name, value in changes.items():
        data[name] = {**data[name], **value} if isinstance(value, dict) and name in data else value
    return GrantDraft(data, "", "draft.toml", takes[0].parent)


def give(studio: Studio, takes: list[Path], key: SigningKey | None = SPEAKER, **changes: Any) -> str:
    """Sign a grant for the takes; its digest."""
    return str(studio.ledger.add_grant(draft(takes, **changes), key))


def build(
    folder: Path, takes: list[Path], modes: tuple[str, ...], guide: Path | None = None, **changes: Any
) -> tuple[Studio, str]:
    """A studio with ada, built from the takes under a grant for these modes, and somebody else's take attested."""
    made = Studio.create(folder / "studio", "Test Operator")
    grant = give(made, takes, scope={"modes": list(modes)}, **changes)
    options = EnrolOptions(transcript=transcript(takes[0].parent, takes), measure=False)
    made.enrol("ada", takes, grant=grant, options=options)
    if guide is not None:
        made.attest_own_voice("my-own", [guide])
    return made, grant
