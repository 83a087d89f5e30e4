"""A voice for tests: words become bursts of harmonics, under the real gate and the real ledger.

It follows the engine protocol to the letter (reads its weights file, hashes the
very bytes, asks the permit before it makes a sound), so that everything around
an engine can be tested in milliseconds.  It lives in the tests alone: voicekit
itself has no ungated or toy engine.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from consent import UNLIMITED, DataSource, Operand, Permit, PublicKey, Scope, SigningKey, sign_record
from voicekit.audio import Audio
from voicekit.engines.guide import ConvertParams, GuideTake
from voicekit.engines.retune import method_operands
from voicekit.engines.voices import CONTENT_FILE
from voicekit.pipelines import SpeechChoice
from voicekit.pitch import PitchTrack
from voicekit.singing import SungLine
from voicekit.studio import VoiceSource

RATE = 24000
VOICE = "tone"
RECORD_TIME = 1_780_000_000


def offered(**changes: Any) -> Scope:
    """What the tone voice's record offers."""
    values: dict[str, Any] = {
        "modes": ("speech",),
        "purposes": ("any",),
        "commercial": True,
        "languages": ("en",),
        "territories": ("001",),
        "content_refused": (),
        "titles": ("any",),
        "max_renders": UNLIMITED,
        "max_seconds": UNLIMITED,
    }
    return Scope(**(values | changes))


@dataclass(frozen=True)
class ToneVoice:
    """What the engines say about a voice."""

    name: str
    folder: Path
    card: dict[str, Any]


@dataclass
class ToneEngine:
    """Says every word as a short burst whose pitch follows the seed."""

    weights: Path
    delay_s: float = 0.0
    on_speak: Callable[[str], None] | None = None
    at_once: int = 2
    spoken: list[str] = field(default_factory=list)
    sample_rate: int = RATE
    version: str = "tone-1"

    def __post_init__(self) -> None:
        data = self.weights.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        self.operands = (Operand(name=self.weights.name, sha256=digest, role="weights", license="CC0-1.0"),)

    def speak(self, permit: Permit, spoken: str, params: SpeechChoice) -> Audio:
        permit.require(mode="speech", operands=self.operands)
        if self.on_speak is not None:
            self.on_speak(spoken)
        self.spoken.append(spoken)
        time.sleep(self.delay_s)
        parts = []
        for word in spoken.split():
            seconds = (0.08 + 0.03 * len(word)) / params.rate
            t = np.arange(round(seconds * RATE)) / RATE
            hz = 100.0 * 2 ** (((params.seed % 97) + sum(word.encode()) % 12) / 60 + params.pitch_semitones / 12)
            wave = sum(np.sin(2 * np.pi * hz * k * t) / k for k in range(1, 6))
            parts.append(wave * np.hanning(len(t)) * 0.1)
            parts.append(np.zeros(480))
        return Audio(np.concatenate(parts[:-1]).astype(np.float32), RATE)

    def stream(self, permit: Permit, spoken: str, params: SpeechChoice) -> Iterator[np.ndarray]:
        """Word by word, so that there is something between two blocks."""
        samples = self.speak(permit, spoken, params).samples
        for block in np.array_split(samples, len(spoken.split())):
            permit.require(mode="speech", operands=self.operands)
            yield block

    def sing(self, permit: Permit, line: SungLine, params: int) -> Audio:
        permit.require(mode="singing", operands=self.operands)
        if self.on_speak is not None:
            self.on_speak(line.name)
        self.spoken.append(line.name)
        time.sleep(self.delay_s)
        frames = (np.arange(line.n_frames) + 0.5) / 100
        t = np.arange(line.n_frames * RATE // 100) / RATE
        hz = 440 * 2 ** ((np.interp(t, frames, line.pitch_midi) - 69) / 12)
        gate = np.zeros(len(t))
        for note in line.notes:
            gate[round(note.start_s * RATE) : round(note.end_s * RATE)] = 0.1
        return Audio((gate * np.sin(2 * np.pi * np.cumsum(hz) / RATE + params % 7)).astype(np.float32), RATE)

    @property
    def listener(self) -> tuple[Operand, ...]:
        """The content encoder of the package: what the operator's attestation names."""
        return tuple(one for one in method_operands() if one.name == CONTENT_FILE)

    @property
    def conversion_operands(self) -> tuple[Operand, ...]:
        return (*self.operands, *self.listener)

    usual_neighbours, usual_detail = 0, 0.35

    def operands_for(self, params: ConvertParams) -> tuple[Operand, ...]:
        return self.conversion_operands

    def transposition(self, track: PitchTrack, *, octaves: bool = False) -> float:
        return 12.0 if octaves else 3.0

    def convert(self, permit: Permit, take: GuideTake, params: ConvertParams) -> Iterator[np.ndarray]:
        """A sine at the take's F0, moved as was asked."""
        operands, digest = self.conversion_operands, params.digest()
        permit.require(mode="conversion", operands=operands, params_sha256=digest)
        hz = take.track.f0_hz * 2 ** (params.semitones / 12)
        phase = 2 * np.pi * np.cumsum(np.repeat(hz, 240)) / RATE
        wave = (0.1 * np.sin(phase) * (np.repeat(hz, 240) > 0)).astype(np.float32)[: take.n_samples]
        for start in range(0, len(wave), 12_000):
            permit.require(mode="conversion", operands=operands, params_sha256=digest)
            if self.on_speak is not None:
                self.on_speak("block")
            self.spoken.append("block")
            yield wave[start : start + 12_000]


def make_voice(folder: Path, *, name: str = VOICE, scope: Scope | None = None) -> Path:
    """Make a voice folder with weights and a record signed by a release key of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "voice.bin").write_bytes(b"tone weights " + name.encode() * 100)
    return reseal(folder, name=name, scope=scope)


def reseal(folder: Path, *, name: str = VOICE, scope: Scope | None = None) -> Path:
    """Sign a new record, with a new release key, for the weights as they lie there."""
    weights = folder / "voice.bin"
    key = SigningKey.generate()
    (folder / "release.key").unlink(missing_ok=True)
    key.save(folder / "release.key")
    operand = ToneEngine(weights).operands[0]
    record = sign_record(
        key,
        voice=name,
        publisher="voicekit tests",
        offered=scope or offered(),
        weights=[operand, *ToneEngine(weights).listener],
        data=[DataSource(name="sine waves", license="CC0-1.0", attribution="nobody", sha256="")],
        measurement={"nearest_speaker_ppm": 0},
        recipe="tests/support/tone.py",
        time=RECORD_TIME,
    )
    (folder / "record.dsse.json").write_bytes(record)
    return folder


class ToneHouse:
    """A house with one voice; remembers the engines that were opened."""

    def __init__(self, folder: Path, *, name: str = VOICE) -> None:
        self.folder = folder
        self.name = name
        self.engines: list[ToneEngine] = []
        self.delay_s = 0.0
        self.on_speak: Callable[[str], None] | None = None
        self.at_once = 2

    @property
    def weights(self) -> Path:
        return self.folder / "voice.bin"

    @property
    def spoken(self) -> list[str]:
        """Everything that was really rendered, by all engines, in order."""
        return [text for engine in self.engines for text in engine.spoken]

    def release_keys(self) -> tuple[PublicKey, ...]:
        return (SigningKey.load(self.folder / "release.key").public,)

    def open_engine(self, name: str) -> ToneEngine:
        if name != self.name:
            raise KeyError(name)
        self.engines.append(ToneEngine(self.weights, self.delay_s, self.on_speak, self.at_once))
        return self.engines[-1]

    def source(self) -> VoiceSource:
        card = {"basis": "no-donor", "description": "sine waves"}
        return VoiceSource(
            list_voices=lambda: (ToneVoice(self.name, self.folder, card),),
            open_engine=self.open_engine,
            make_params=lambda choice: choice,
            release_keys=self.release_keys,
        )


def several(*houses: ToneHouse) -> VoiceSource:
    """A source with the voices of several houses."""
    by_name = {house.name: house for house in houses}
    return VoiceSource(
        list_voices=lambda: tuple(voice for house in houses for voice in house.source().list_voices()),
        open_engine=lambda name: by_name[name].open_engine(name),
        make_params=lambda choice: choice,
        release_keys=lambda: tuple(key for house in houses for key in house.release_keys()),
    )


def audio_bytes(folder: Path) -> dict[str, str]:
    """Name to SHA-256 of every sound file in a folder."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
        if path.suffix in (".mp3", ".flac", ".wav")
    }


def loose_ends(folder: Path) -> list[str]:
    """Everything in a production folder that is not a finished file."""
    found = []
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.name.endswith(".partial") or "render-" in name:
            found.append(name)
    return found


def worker_environment() -> dict[str, str]:
    """Environment for a test's child process: finds the packages, keeps to one core."""
    root = Path(__file__).resolve().parents[2]
    return os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
