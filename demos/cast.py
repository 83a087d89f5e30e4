"""Who sings what: what was asked for of a song, read and put in order before the library is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from demos.desk import check_upload
from demos.narrate import number
from voicekit import UsageError
from voicekit.harmony import STYLES, harmonise
from voicekit.quickstart import demo_song
from voicekit.score import Part, Score, read_score
from voicekit.singing import SingStyle
from voicekit.studio import GrantStatus, SingOptions

__all__ = ["HARMONIES", "NOBODY", "SCORES", "SongWish", "deal", "part_choices", "part_name", "score_of", "sings"]

SCORES = (".musicxml", ".xml", ".mxl", ".mid", ".midi", ".kar", ".ust", ".ustx", ".svp", ".ds")
_SCORE_LIMIT = 20_000_000
NOBODY = "-"
"""Stands for no part where parts are named: an empty field means all of them."""

_HARMONY_WORDS = {
    "third-above": "A third above",
    "third-below": "A third below",
    "sixth-above": "A sixth above",
    "sixth-below": "A sixth below",
    "octave-above": "An octave above",
    "octave-below": "An octave below",
    "chord:2": "Two voices on the chord",
    "satb": "Four parts, the melody in the soprano",
    "satb:alto": "Four parts, the melody in the alto",
    "satb:tenor": "Four parts, the melody in the tenor",
    "satb:bass": "Four parts, the melody in the bass",
}
_OFFERED = [style.replace(":N", ":2") for style in STYLES if style in _HARMONY_WORDS or style == "chord:N"]
HARMONIES = [("None: the parts as they are written", "none")] + [(_HARMONY_WORDS[one], one) for one in _OFFERED]
"""Styles of harmony as choices; programs may name any the library knows, such as ``fixed:+7``."""


@dataclass(frozen=True)
class SongWish:
    """What the page (or a program) asked for, not yet believed.

    Parameters
    ----------
    score : str or None
        Path of an upload; the bundled song when None.
    parts : str
        Numbers or names with commas between them; empty for all.
    harmony : str
        A style, or ``none``.
    grants : str
        A grant for each sung part in order, with commas between them; dealt out again from the first.
    doubles, transpose, vibrato, seed : float
        Singers a part, semitones, cents, seed.
    title, purpose : str
    commercial : bool
    territory : str
    """

    score: str | None
    parts: str = ""
    harmony: str = "none"
    grants: str = ""
    doubles: float = 1
    transpose: float = 0
    vibrato: float = 35
    seed: float = 0
    title: str = ""
    purpose: str = "music"
    commercial: bool = False
    territory: str = "001"

    def read(self) -> Score:
        """The score that is to be sung.

        Raises
        ------
        UsageError, InputError
            Not of a known type, too big, damaged.
        """
        return score_of(self.score)

    def options(self) -> SingOptions:
        """The library's options; it refuses what is out of range."""
        wanted = str(self.parts or "").strip()
        if wanted == NOBODY:
            raise UsageError("no part is chosen", "choose at least one part")
        territories = tuple(one for one in re.split(r"[\s,;]+", str(self.territory or "")) if one)
        harmony = str(self.harmony or "none").strip()
        return SingOptions(
            parts=tuple(_listed(wanted)) or None,
            harmony=None if harmony == "none" else harmony,
            doubles=int(number("number of singers", self.doubles)),
            transpose=number("transposition", self.transpose),
            style=SingStyle(vibrato_cents=number("vibrato", self.vibrato)),
            seed=int(number("seed", self.seed)),
            purpose=str(self.purpose or "music").strip(),
            commercial=bool(self.commercial),
            territories=territories or ("001",),
            title=" ".join(str(self.title or "").split()) or None,
        )

    def digests(self) -> list[str]:
        """The grants, in the order of the parts."""
        return _listed(self.grants)

    def sung(self, score: Score) -> tuple[Part, ...]:
        """The parts that will sound, in the order in which voices are dealt out: harmony first, then the others.

        Raises
        ------
        UsageError
            There is no such part, nothing to sing, or no such harmony.
        """
        options = self.options()
        parts = [part for part in score.parts if part.notes]
        if options.parts is not None:
            try:
                parts = [score.part(name) for name in options.parts]
            except KeyError as problem:
                known = ", ".join(part.name or f"part {n}" for n, part in enumerate(score.parts, 1))
                raise UsageError(f"the score has no part {problem.args[0]}", f"choose from {known}") from None
            parts = [part for part in parts if part.notes]
        if not parts:
            raise UsageError("the score has nothing to sing", "choose a score with notes")
        if options.harmony:
            parts = [*harmonise(score, parts[0], options.harmony, seed=options.seed).parts, *parts[1:]]
        return tuple(replace(one, notes=tuple(n.moved(options.transpose) for n in one.notes)) for one in parts)


def score_of(upload: str | None) -> Score:
    """An uploaded score, or the bundled song.

    Raises
    ------
    UsageError, InputError
    """
    if not upload:
        return read_score(demo_song())
    path = check_upload(Path(upload), suffixes=SCORES, limit=_SCORE_LIMIT, what="score")
    return read_score(path)


def part_name(part: Part, index: int) -> str:
    """What a part is called; it may have no name of its own."""
    return part.name or f"part {index + 1}"


def part_choices(score: Score) -> list[tuple[str, str]]:
    """The parts that have notes: words for people, and the part's number."""
    return [
        (f"{part_name(part, index)} ({len(part.notes)} notes{'' if part.has_words else ', no words'})", str(index + 1))
        for index, part in enumerate(score.parts)
        if part.notes
    ]


def sings(grants: Sequence[GrantStatus]) -> tuple[GrantStatus, ...]:
    """The grants under which somebody may sing now."""
    return tuple(grant for grant in grants if grant.usable and "singing" in grant.modes)


def deal(
    parts: Sequence[Part], grants: Sequence[GrantStatus], wanted: Sequence[str], pitch_hz: Mapping[str, float]
) -> list[str]:
    """A grant for each part: the one wanted where it may sing, else high parts to high voices.

    Parameters
    ----------
    parts : sequence of Part
    grants : sequence of GrantStatus
        Those that may sing; one a voice is dealt out, the first of them.
    wanted : sequence of str
        Digests, in the order of the parts; there may be fewer.
    pitch_hz : dict of str to float
        How high each voice speaks, where its card says so.

    Returns
    -------
    list of str
        Digests; empty where nobody may sing.
    """
    first: dict[str, str] = {}
    for grant in grants:
        first.setdefault(grant.voice, grant.id)
    if not first:
        return []
    voices = sorted(first, key=lambda voice: -pitch_hz.get(voice, 0.0))
    heights = [sum(note.pitch_midi for note in part.notes) / len(part.notes) for part in parts]
    dealt = [""] * len(parts)
    for rank, index in enumerate(sorted(range(len(parts)), key=lambda k: -heights[k])):
        dealt[index] = first[voices[rank * len(voices) // len(parts)]]
    known = {grant.id for grant in grants}
    return [wanted[index] if index < len(wanted) and wanted[index] in known else own for index, own in enumerate(dealt)]


def _listed(text: str | None) -> list[str]:
    return [one.strip() for one in str(text or "").split(",") if one.strip()]
