"""An opened voice of a person is in memory while a render lasts, and not after it, however it ends.

Truth comes from the engine's own tensors: caught while the voice sounds, looked at afterwards.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import soundfile
import torch

from consent import ConsentRefusedError
from tests.studio.test_conversion_gate import RATE, spoken
from tests.support import person
from voicekit.quickstart import demo_song
from voicekit.studio import Cancelled, EnrolOptions, NarrateOptions, Studio, enrolled

SEEDS = itertools.count(1)  # no sentence is found again, so that the voice must be opened


class Witness:
    """Keeps every engine of a person's voice that is opened, and what it holds while it is open."""

    def __init__(self) -> None:
        self.engines: list[Any] = []
        self.held: list[torch.Tensor] = []

    def look(self, *_: Any) -> None:
        """Note what is open now."""
        for engine in self.engines:
            found = engine.__dict__.get("embedding")
            if found is not None and not any(found is one for one in self.held):
                assert found.abs().max() > 0
                self.held.append(found)

    def assert_forgotten(self) -> None:
        assert self.engines and self.held, "no voice was opened: the test would show nothing"
        for engine in self.engines:
            assert not {"embedding", "acoustic"} & set(engine.__dict__)
        assert all(not one.any() for one in self.held), "the numbers are still there"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    folder = tmp_path_factory.mktemp("forgetting")
    takes = person.say(folder / "takes")
    with pytest.MonkeyPatch.context() as patch, Studio.create(folder / "studio", "Test Operator") as made:
        person.quick(patch, 5)
        grant = person.give(made, takes, scope={"modes": ["speech", "singing", "conversion"]})
        options = EnrolOptions(transcript=person.transcript(folder, takes), measure=False)
        made.enrol("ada", takes, grant=grant, options=options)
        yield made


@pytest.fixture
def witness(monkeypatch: pytest.MonkeyPatch) -> Witness:
    seen, real = Witness(), enrolled.open_enrolled

    def open_and_note(*args: Any) -> Any:
        seen.engines.append(real(*args))
        return seen.engines[-1]

    monkeypatch.setattr(enrolled, "open_enrolled", open_and_note)
    return seen


def narrate(studio: Studio, out: Path, **more: Any) -> None:
    options = NarrateOptions(profile="clip", formats=("wav",), seed=next(SEEDS))
    studio.narrate("One two three. Four five six.", voice="ada", out=out, options=options, **more)


def sing(studio: Studio, out: Path, **more: Any) -> None:
    studio.sing(demo_song(), voice="ada", out=out, **more)


def convert(studio: Studio, out: Path, **more: Any) -> None:
    take = out / "take.wav"
    out.mkdir(parents=True, exist_ok=True)
    soundfile.write(take, spoken(seed=3), RATE)
    studio.attest_own_voice("my-own", [take])
    studio.convert(take, voice="ada", out=out / "made.wav", **more)


@pytest.mark.parametrize("make", [narrate, sing, convert])
def test_forgotten_when_it_is_done(
    studio: Studio, witness: Witness, tmp_path: Path, make: Callable[..., None]
) -> None:
    make(studio, tmp_path / "out", progress=witness.look)
    witness.assert_forgotten()


@pytest.mark.parametrize("make", [narrate, sing, convert])
def test_forgotten_when_it_is_stopped(
    studio: Studio, witness: Witness, tmp_path: Path, make: Callable[..., None]
) -> None:
    stop = Event()

    def stop_when_open(*_: Any) -> None:
        witness.look()
        if witness.held:
            stop.set()

    with pytest.raises(Cancelled):
        make(studio, tmp_path / "out", progress=stop_when_open, cancel=stop)
    witness.assert_forgotten()


def test_forgotten_when_it_is_withdrawn(studio: Studio, witness: Witness, tmp_path: Path) -> None:
    """Last: it takes the voice away."""
    (grant,) = studio.grants("ada")

    def withdraw(*_: Any) -> None:
        witness.look()
        if witness.held and studio.grants("ada")[0].usable:
            studio.ledger.revoke(grant.id, key=person.SPEAKER)

    with pytest.raises(ConsentRefusedError, match=r"^revoked:"):
        narrate(studio, tmp_path / "out", progress=withdraw)
    witness.assert_forgotten()
