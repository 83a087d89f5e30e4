"""Killed at any step of an enrolment: nothing in plain is left, and what was done is not done again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support import person
from voicekit.enrol import builder
from voicekit.studio import EnrolOptions, Studio
from voicekit.studio.enrol_state import StateFile
from voicekit.studio.enrolled import open_vault

WORKER = Path(__file__).parents[1] / "support" / "enrol_worker.py"
STAGES = (("align", 1.0), ("embedding", 0.5), ("low-rank", 0.5), ("measure", 0.0))


@pytest.fixture(scope="module")
def takes(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return person.say(tmp_path_factory.mktemp("person"))


def spellings(values: np.ndarray) -> list[bytes]:
    """Some numbers in every form in which a program might write them."""
    return [values.astype(kind).tobytes() for kind in ("<f2", "<f4", "<f8")]


def kept(studio: Studio, grant: str) -> list[bytes]:
    """The embedding so far, out of the encrypted state; empty where there is none yet."""
    path = studio.folder / "enrol" / f"ada-{grant[:16]}.state"
    if not path.exists():
        return []
    key = open_vault(studio.ledger).state_key("ada", grant)
    data = StateFile(path, key, f"{studio.ledger.id} ada {grant}").read()
    prepared, state = builder._unpack(data or b"")
    envelope = prepared.examples[0].envelope[20]
    found = [np.asarray(envelope).tobytes()[:32], *spellings(prepared.examples[0].f0_hz[30:60])]
    if state is not None:
        found += [piece[:24] for piece in spellings(state.embedding.numpy())]
        found += [piece[:24] for part in state.low_rank.values() for piece in spellings(part.numpy().ravel()[:16])]
    return [piece for piece in found if len(set(piece)) > 6]  # a run of zeros is everywhere


@pytest.mark.slow
def test_killed_anywhere_nothing_is_left_in_plain(takes: list[Path], tmp_path: Path) -> None:
    samples, _rate = soundfile.read(takes[0], dtype="int16")
    middle = samples[len(samples) // 2 :][:48]
    secrets = [middle.astype("<i2").tobytes(), *spellings(middle / 32768.0), takes[0].read_bytes()[2000:2064]]
    folder, scratch = tmp_path / "studio", tmp_path / "scratch"
    scratch.mkdir()
    with Studio.create(folder, "Test Operator") as studio:
        grant = person.give(studio, takes, adaptation="low-rank")
    transcript = person.transcript(tmp_path, takes)
    for stage, share in STAGES:
        asked = (folder, grant, stage, share, transcript, *takes)
        command = [sys.executable, str(WORKER), *(str(one) for one in asked)]
        place = {**os.environ, "TMPDIR": str(scratch)}
        done = subprocess.run(command, env=place, capture_output=True, text=True, check=False)
        assert done.returncode == -signal.SIGKILL, (stage, done.stderr[-2000:])
        with Studio.open(folder) as studio:
            looked_for = [*secrets, *kept(studio, grant)]
        assert stage not in ("embedding", "low-rank") or len(looked_for) > len(secrets) + 3, stage
        for path in (*folder.rglob("*"), *folder.with_name("scratch").rglob("*")):
            if path.is_file():
                data = path.read_bytes()
                assert not [piece for piece in looked_for if piece in data], (stage, path)
        assert not any(piece in (done.stdout + done.stderr).encode("utf-8", "replace") for piece in looked_for)


@pytest.mark.slow
def test_killed_and_resumed_does_nothing_twice(
    takes: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person.quick(monkeypatch, 20)
    folder = tmp_path / "studio"
    with Studio.create(folder, "Test Operator") as studio:
        grant = person.give(studio, takes, adaptation="low-rank")
    transcript = person.transcript(tmp_path, takes)
    command = [sys.executable, str(WORKER), str(folder), grant, "low-rank", "0.5", str(transcript), *map(str, takes)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == -signal.SIGKILL
    told: list[tuple[str, float]] = []
    options = EnrolOptions(method="low-rank", steps=40, resume=True, measure=False)
    with Studio.open(folder) as studio:
        made = studio.enrol(
            "ada", grant=grant, options=options, progress=lambda step: told.append((step.stage, step.fraction))
        )
        assert made.voice.entry.method == "low-rank"
    assert [share for stage, share in told if stage == "low-rank"] == [0.0, 1.0, 1.0], told
    assert not [share for stage, share in told if stage == "embedding" and 0 < share < 1]
