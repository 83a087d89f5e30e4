"""One song from score to delivered stems: the order of steps.

Lines are planned first, so that each voice is asked for with what it is to sing.  Then a permit for each voice and
grant, all sound, all files, all receipts, and only then any name: a mix holds every voice in it, so none of it is
delivered unless all of it may be.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any

from consent import Ledger, RenderReceipt, Use
from voicekit.audio import Tags, io_error, settle_bytes
from voicekit.audio.tags import GENERATED_SINGING
from voicekit.errors import UsageError
from voicekit.pipelines import Cancelled, Progress
from voicekit.pipelines.plan import digest_json
from voicekit.pipelines.sing import (
    STEM_RATE,
    SingEngine,
    Singer,
    Stem,
    WrittenSound,
    click_track,
    guide_tone,
    mix_stems,
    sing_lines,
    write_sound,
)
from voicekit.score import Score, write_midi, write_musicxml
from voicekit.singing.textgrid import textgrid_of
from voicekit.studio.chorus import Member, beats_of, chorus_of, lead_in, pitch_tier
from voicekit.studio.gate import Gate, OpenRender, Request
from voicekit.studio.production import PROOF_SUFFIX
from voicekit.studio.song_models import SingOptions, Song, SungPart
from voicekit.studio.sources import slug
from voicekit.studio.voices import VoiceSource, opened
from voicekit.text.languages import asked_languages

__all__ = ["Singing"]

PIPELINE_VERSION = "sing-1"
_HIDDEN = ".voicekit"


@dataclass(frozen=True)
class _File:
    """A finished file that lies aside, and the name it is to have below the song's folder."""

    sound: WrittenSound
    name: str


class Singing:
    """A song, ready to be sung.

    Parameters
    ----------
    ledger : Ledger
    voices : VoiceSource
    score : Score
    names : sequence of str
        A voice for each part, dealt out again from the first when there are more parts.
    folder : pathlib.Path
    options : SingOptions
    grants : dict of str to str
        A grant for a voice, where one is demanded.
    """

    def __init__(
        self,
        ledger: Ledger,
        voices: VoiceSource,
        score: Score,
        *,
        names: Sequence[str],
        folder: Path,
        options: SingOptions,
        grants: dict[str, str],
    ) -> None:
        self._ledger = ledger
        self._voices = voices
        self._score = score
        self._names = tuple(names)
        self._folder = folder
        self._options = options
        self._grants = grants
        self._title = options.title or score.title or Path(score.source).stem or "Song"
        self._start = time.monotonic()
        self._sung_s = 0.0
        self._tell: Callable[[str, int, float, str], None] = lambda stage, done, part, text: None

    def run(self, progress: Callable[[Progress], None] | None = None, cancel: Event | None = None) -> Song:
        """Sing, mix and deliver.

        Parameters
        ----------
        progress : callable, optional
        cancel : threading.Event, optional

        Returns
        -------
        Song

        Raises
        ------
        consent.ConsentRefusedError
            A voice may not sing this; nothing is delivered.
        Cancelled
            Stopped on request; nothing is delivered.
        UsageError, InputError
        """
        chorus, notices, self._as_sung = chorus_of(self._score, self._names, self._options)
        self._tell = self._teller(len(chorus), progress, cancel)
        self._tell("voice", 0, 0.0, "")
        with contextlib.ExitStack() as stack:
            names = dict.fromkeys(one.voice for one in chorus)
            engines = {name: stack.enter_context(opened(self._voices, name)) for name in names}
            renders = {
                name: stack.enter_context(Gate(self._ledger).render(self._request(name, chorus, engine)))
                for name, engine in engines.items()
            }
            place = stack.enter_context(self._workplace())
            stems, mix, extras, measured = self._sound(chorus, engines, renders, place)
            self._tell("deliver", len(chorus), 0.95, "")
            receipts = self._deliver(chorus, renders, stems, mix)
            self._settle_extras(extras)
        return self._song(chorus, stems, mix, extras, measured, receipts, notices)

    # -- before ------------------------------------------------------------------------------

    def _teller(
        self, count: int, progress: Callable[[Progress], None] | None, cancel: Event | None
    ) -> Callable[[str, int, float, str], None]:
        def tell(stage: str, done: int, part: float, text: str) -> None:
            elapsed = time.monotonic() - self._start
            fraction = min(1.0, 0.8 * done / count + 0.2 * part)
            eta = elapsed / fraction * (1 - fraction) if fraction > 0 and elapsed > 0.5 else None
            if progress is not None:
                sung_s = self._sung_s
                progress(Progress(stage, 1, 1, self._title, done, count, fraction, sung_s, elapsed, eta, text, "part"))
            if cancel is not None and cancel.is_set():
                raise Cancelled("stopped on request; run the same command again")

        return tell

    def _request(self, voice: str, chorus: Sequence[Member], engine: SingEngine) -> Request:
        options = self._options
        mine = [one for one in chorus if one.voice == voice]
        seconds = sum(one.line.duration_s for one in mine) + max(one.line.duration_s for one in chorus)
        use = Use(
            mode="singing",
            purpose=options.purpose,
            commercial=options.commercial,
            languages=self._asked(mine),
            territories=options.territories,
            title=self._title,
            reviewed_content=options.reviewed_content,
            seconds=int(seconds) + 1,
        )
        params = digest_json(
            {
                "pipeline": PIPELINE_VERSION,
                "engine": engine.version,
                "lines": [one.line.digest() for one in mine],
                "seeds": [one.seed for one in mine],
                "mix": [[one.line.digest(), repr(one.pan), repr(one.level_db)] for one in chorus],
            }
        )
        # Whole words: a screen would not know them by their syllables.
        words = "\n".join(f"{one.name}: {one.line.text}" for one in mine)
        return Request(use, voice, tuple(engine.operands), params, words, self._grants.get(voice))

    def _asked(self, mine: Sequence[Member]) -> tuple[str, ...]:
        """The languages a grant has to cover: stated, marked in the score, and really sung."""
        marked = [one.marked for one in mine]
        said = [tag for one in mine for tag in one.line.languages]
        return asked_languages(self._options.languages or (), marked, said)

    @contextlib.contextmanager
    def _workplace(self) -> Iterator[Path]:
        hidden = self._folder / _HIDDEN
        try:
            hidden.mkdir(parents=True, exist_ok=True)
            place = Path(tempfile.mkdtemp(prefix="sing-", dir=hidden))
        except OSError as problem:
            raise io_error(problem, hidden) from problem
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)
            with contextlib.suppress(OSError):
                hidden.rmdir()

    # -- sound -------------------------------------------------------------------------------

    def _sound(
        self,
        chorus: Sequence[Member],
        engines: dict[str, SingEngine],
        renders: dict[str, OpenRender],
        place: Path,
    ) -> tuple[list[_File], _File, dict[str, bytes | WrittenSound], dict[str, Any]]:
        singers = [
            Singer(one.line, engines[one.voice], renders[one.voice].permit, self._voices.make_sing_params(one.seed))
            for one in chorus
        ]
        sung = sing_lines(
            singers,
            recheck=lambda index: renders[chorus[index].voice].recheck(),
            done=lambda index, seconds: self._sung(chorus, index, seconds),
        )
        kind = self._options.format
        stems = []
        for number, (one, samples) in enumerate(zip(chorus, sung, strict=True), 1):
            name = f"{number:02d}-{slug(one.name)}.{kind}"
            stems.append(_File(write_sound(place / name, samples, self._tags(one.name, (one.voice,), number)), name))
        self._tell("master", len(chorus), 0.5, "")
        mixed, gain_db = mix_stems([Stem(s, o.pan, o.level_db) for s, o in zip(sung, chorus, strict=True)])
        name = f"{slug(self._title, 'song')}-mix.{kind}"
        mix = _File(write_sound(place / name, mixed, self._tags("", [one.voice for one in chorus], 0)), name)
        extras: dict[str, bytes | WrittenSound] = {}
        if self._options.guide:
            self._tell("encode", len(chorus), 0.8, "")
            lead_s = lead_in(self._score)
            plain = Tags(title=self._title, comment="click track, no voice")
            beats = beats_of(self._score, lead_s)
            click = click_track(self._score.tempo, beats, len(mixed), lead_s)
            extras[f"guide/click.{kind}"] = write_sound(place / f"click.{kind}", click, plain)
            guide = guide_tone(chorus[0].line, len(mixed))
            plain = Tags(title=self._title, comment="guide tone, no voice")
            extras[f"guide/melody.{kind}"] = write_sound(place / f"melody.{kind}", guide, plain)
        measured = {
            "duration_s": round(len(mixed) / STEM_RATE, 4),
            "mix_gain_db": round(gain_db, 3),
            "mix": _levels(mix.sound),
            "lead_in_s": lead_in(self._score),
        }
        return stems, mix, extras, measured

    def _sung(self, chorus: Sequence[Member], index: int, seconds: float) -> None:
        self._sung_s += seconds
        self._tell("sing", index + 1, 0.0, chorus[index].name)

    def _tags(self, part: str, voices: Sequence[str], track: int) -> Tags:
        singers = ", ".join(dict.fromkeys(voices))
        return Tags(
            title=f"{self._title} ({part})" if part else self._title,
            artist=Tags.synthetic_artist(singers),
            track=track,
            comment=GENERATED_SINGING,
        )

    def _settle_extras(self, extras: dict[str, bytes | WrittenSound]) -> None:
        try:
            write_midi(self._as_sung, self._folder / "sung.mid")
            write_musicxml(self._as_sung, self._folder / "sung.musicxml")
        except OSError as problem:
            raise io_error(problem, self._folder) from problem
        for name, sound in extras.items():
            if isinstance(sound, WrittenSound):
                try:
                    (self._folder / name).parent.mkdir(exist_ok=True)
                    sound.path.replace(self._folder / name)
                except OSError as problem:
                    raise io_error(problem, self._folder / name) from problem

    # -- delivery ----------------------------------------------------------------------------

    def _deliver(
        self, chorus: Sequence[Member], renders: dict[str, OpenRender], stems: list[_File], mix: _File
    ) -> dict[str, RenderReceipt]:
        """All receipts first, then all names; the mix gets a proof from every voice in it."""
        receipts: dict[str, RenderReceipt] = {}
        mixes: dict[str, _File] = {}
        for number, (voice, render) in enumerate(renders.items()):
            mine = [file for one, file in zip(chorus, stems, strict=True) if one.voice == voice]
            mixes[voice] = _twin(mix, number)
            sounds = [(file.sound, file.name) for file in (*mine, mixes[voice])]
            receipts[voice] = render.complete(sounds, {"pipeline": PIPELINE_VERSION, "parts": len(mine)})
        # The last voice's proof will lie under the mix's own name, the others' under numbered ones.
        for number, voice in enumerate(list(renders)[:-1], 2):
            proof = self._folder / f"{mix.name}.{number}{PROOF_SUFFIX}"
            settle_bytes(proof, self._ledger.proof(receipts[voice].digest))
        for voice, render in renders.items():
            mine = [file for one, file in zip(chorus, stems, strict=True) if one.voice == voice]
            render.settle({file.sound.path: self._folder / file.name for file in (*mine, mixes[voice])})
        return receipts

    def _song(
        self,
        chorus: Sequence[Member],
        stems: list[_File],
        mix: _File,
        extras: dict[str, Any],
        measured: dict[str, Any],
        receipts: dict[str, RenderReceipt],
        notices: list[str],
    ) -> Song:
        parts = []
        for one, file in zip(chorus, stems, strict=True):
            stem = Path(file.name).stem
            timeline, pitch = self._folder / f"{stem}.TextGrid", self._folder / f"{stem}.PitchTier"
            settle_bytes(timeline, textgrid_of(one.line).encode())
            settle_bytes(pitch, pitch_tier(one.line).encode())
            place, receipt = self._folder / file.name, receipts[one.voice].digest
            placed = {"pan": round(one.pan, 4), "level_db": round(one.level_db, 3)}
            parts.append(SungPart(one.name, one.voice, place, timeline, pitch, receipt, _levels(file.sound) | placed))
        elapsed = time.monotonic() - self._start
        sung_s = sum(one.line.duration_s for one in chorus)
        measured |= {"elapsed_s": round(elapsed, 3), "sung_s": round(sung_s, 3), "rtf": round(elapsed / sung_s, 4)}
        song = Song(
            self._folder,
            self._title,
            tuple(parts),
            self._folder / mix.name,
            tuple(self._folder / name for name in ("sung.musicxml", "sung.mid", *extras, "report.json")),
            measured,
            tuple(notices),
            tuple(receipts.values()),
        )
        report = song.to_json() | {"format": "voicekit-song/1", "options": asdict(self._options)}
        report["score"] = self._source()
        settle_bytes(self._folder / "report.json", (json.dumps(report, indent=1, ensure_ascii=False) + "\n").encode())
        self._tell("deliver", len(chorus), 1.0, "")
        return song

    def _source(self) -> dict[str, Any]:
        return {"source": self._score.source, "format": self._score.format, "title": self._score.title}


def _twin(mix: _File, number: int) -> _File:
    """The mix under another temporary name: each voice's receipt delivers it, and all deliver the same bytes."""
    if number == 0:
        return mix
    twin = mix.sound.path.with_name(f"{number}-{mix.sound.path.name}")
    try:
        os.link(mix.sound.path, twin)
    except OSError:  # a file system without hard links
        shutil.copyfile(mix.sound.path, twin)
    return _File(replace(mix.sound, path=twin), mix.name)


def _levels(sound: WrittenSound) -> dict[str, Any]:
    return {
        "duration_s": round(sound.duration_s, 4),
        "peak_dbfs": round(sound.peak_dbfs, 2),
        "rms_dbfs": round(sound.rms_dbfs, 2),
        "pcm_sha256": sound.pcm_sha256,
        "sha256": sound.sha256,
    }


def song_folder(score: Score, title: str | None) -> str:
    """Name for an output folder nobody named."""
    name = slug(title or score.title or Path(score.source).stem, "song")
    return f"{name}-{hashlib.sha256(repr(score.parts).encode()).hexdigest()[:8]}"


def check_voices(names: Sequence[str]) -> tuple[str, ...]:
    """The voices asked for, at least one."""
    if not names:
        raise UsageError("no voice was named", "see `voicekit voices`")
    return tuple(names)
