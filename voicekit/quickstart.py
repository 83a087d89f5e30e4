"""The main job on what is shipped: a studio, a granted voice, a chapter, a check.

Everything a newcomer has to see work, with nothing but the package: a ledger is
made, a house voice is adopted under a grant signed there, the bundled chapter
is narrated, the bundled song is sung in four parts, and the files are verified
as a stranger would verify them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np

from consent import Verification, proofs_of, verify_file
from voicekit.audio import AudioReader
from voicekit.errors import UsageError
from voicekit.pitch import track_pitch
from voicekit.studio import (
    GrantStatus,
    NarrateOptions,
    Progress,
    Song,
    Studio,
    Take,
    VoiceSource,
    house_voices,
)
from voicekit.studio.voices import ShippedVoice

__all__ = ["Quickstart", "demo_chapter", "demo_song", "quickstart"]

DEMO_TITLE = "The Wonderful Wizard of Oz"
"""The book that the bundled chapter is from (see demo/SOURCE.md)."""
_PITCH_S = 180.0
# Three minutes are plenty for a median, and keep the memory small whatever is narrated.


@dataclass(frozen=True)
class Quickstart:
    """What a first run gave.

    Parameters
    ----------
    studio : pathlib.Path
    grant : GrantStatus
        After the narration, so what is left of it is seen.
    take : Take
    verifications : tuple of Verification
        One for each file, in order.
    median_f0_hz : float
        By Praat, over the first three minutes of the chapter; 0 if nothing is voiced.
    song : Song or None
        The bundled song in four parts; None where no voice here offers to sing.
    song_verifications : tuple of Verification
        One for each proof of its mix and stems.
    """

    studio: Path
    grant: GrantStatus
    take: Take
    verifications: tuple[Verification, ...]
    median_f0_hz: float
    song: Song | None = None
    song_verifications: tuple[Verification, ...] = ()

    @property
    def ok(self) -> bool:
        """Every file's records are sound and every use was within its permission."""
        found = (*self.verifications, *self.song_verifications)
        return bool(self.verifications) and all(one.ok for one in found)

    def to_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "ok": self.ok,
            "studio": str(self.studio),
            "grant": self.grant.id,
            "median_f0_hz": round(self.median_f0_hz, 2),
            "take": self.take.to_json(),
            "song": self.song.to_json() if self.song is not None else None,
            "song_verified": [{"file": one.file, "ok": one.ok, "voice": one.voice} for one in self.song_verifications],
            "verified": [
                {
                    "file": str(file),
                    "ok": one.ok,
                    "records": bool(one.records.ok),
                    "use": bool(one.use.ok),
                    "basis": one.basis,
                }
                for file, one in zip(self.take.files, self.verifications, strict=True)
            ],
        }


def demo_chapter() -> Path:
    """The bundled public-domain chapter."""
    return Path(str(resources.files("voicekit") / "demo" / "chapter.txt"))


def demo_song() -> Path:
    """The bundled public-domain song."""
    return Path(str(resources.files("voicekit") / "demo" / "song.musicxml"))


def quickstart(
    out: Path,
    *,
    studio: Path | None = None,
    voice: str | None = None,
    text: Path | None = None,
    voices: VoiceSource | None = None,
    progress: Callable[[Progress], None] | None = None,
    cancel: Event | None = None,
) -> Quickstart:
    """Narrate the bundled chapter and sing the bundled song in a new studio, and verify what came out.

    Parameters
    ----------
    out : pathlib.Path
        Folder for everything; the sound goes to ``out/narration`` and ``out/song``.
    studio : pathlib.Path, optional
        ``out/studio`` when None; one that is there already is used.
    voice : str, optional
        The default house voice when None.
    text : pathlib.Path, optional
        Another text than the bundled one.
    voices : VoiceSource, optional
    progress, cancel
        As for `Studio.narrate`.

    Returns
    -------
    Quickstart

    Raises
    ------
    UsageError
        No voice is installed.
    """
    source = voices or house_voices()
    shipped = source.list_voices()
    if not shipped:
        raise UsageError("no house voice is installed", "install voicekit again")
    with Studio.open(studio or out / "studio", create=True, voices=source) as place:
        grant = place.adopt_house_voice(voice or shipped[0].name)
        take = place.narrate(
            text or demo_chapter(),
            voice=grant.voice,
            out=out / "narration",
            grant=grant.id,
            options=NarrateOptions(title=None if text else DEMO_TITLE),
            progress=progress,
            cancel=cancel,
        )
        by_pitch = sorted(shipped, key=lambda one: float(one.card.get("pitch_hz", 0.0)))
        song, checked = _sing(place, by_pitch, out / "song", progress, cancel)
        left = next(one for one in place.grants(grant.voice) if one.id == grant.id)
        trust = tuple(source.release_keys())
        return Quickstart(
            studio=place.folder,
            grant=left,
            take=take,
            verifications=tuple(verify_file(file, trust=trust) for file in take.files),
            median_f0_hz=_median_f0(take.path),
            song=song,
            song_verifications=checked,
        )


def _sing(
    studio: Studio,
    voices: Sequence[ShippedVoice],
    out: Path,
    progress: Callable[[Progress], None] | None,
    cancel: Event | None,
) -> tuple[Song | None, tuple[Verification, ...]]:
    """The bundled song in four parts: the upper two in the highest voice, the lower two in the lowest."""
    low, high = voices[0].name, voices[-1].name
    for name in dict.fromkeys((high, low)):
        if "singing" not in studio.adopt_house_voice(name).modes:
            return None, ()
    parts = (high, high, low, low)
    song = studio.sing(demo_song(), voice=parts, harmony="satb", out=out, progress=progress, cancel=cancel)
    proofs = [(file, proof) for file in song.files for proof in proofs_of(file)]
    return song, tuple(verify_file(file, proof=proof) for file, proof in proofs)


def _median_f0(path: Path) -> float:
    parts: list[Any] = []
    with AudioReader(path) as reader:
        wanted = round(_PITCH_S * reader.sample_rate)
        for block in reader.blocks():
            parts.append(block)
            wanted -= len(block)
            if wanted <= 0:
                break
        rate = reader.sample_rate
    track = track_pitch(np.concatenate(parts), rate)
    voiced = track.f0_hz[track.vuv]
    return float(np.median(voiced)) if len(voiced) else 0.0
