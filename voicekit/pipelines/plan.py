"""What will be said in a chapter, with the seed and the name of every take."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from voicekit.pipelines.engine import SpeechChoice
from voicekit.text import Manner, Pauses, SpokenToken
from voicekit.text.styles import Styler

__all__ = ["ChapterPlan", "PlannedSentence", "Retake", "TakeRecipe", "digest_json", "plan_chapter"]

_CHARACTERS_PER_SECOND = 14.0
_TAKE_VERSION = 1
_WITHIN_PARAGRAPH_S = Pauses().sentence_s + 0.01


class _Sentence(Protocol):
    text: str
    start: int
    end: int
    kind: str
    pause_after_s: float

    @property
    def spoken(self) -> str: ...

    @property
    def tokens(self) -> Sequence[SpokenToken]: ...

    @property
    def manner(self) -> Sequence[Manner]: ...


def digest_json(value: Any) -> str:
    """SHA-256 of a value's one JSON form, hex."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class TakeRecipe:
    """Everything besides the words that decides how a take sounds.

    Parameters
    ----------
    voice : str
    operands : tuple of str
        SHA-256 of the weights and configurations, sorted.
    engine : str
        The engine's version.
    sample_rate : int
        Hz.
    rate : float
    pitch_semitones : float
    language : str
        Of the words.
    """

    voice: str
    operands: tuple[str, ...]
    engine: str
    sample_rate: int
    rate: float = 1.0
    pitch_semitones: float = 0.0
    language: str = "en"

    def key(self, spoken: str, choice: SpeechChoice) -> str:
        """Name of the take of these words under this choice: 64 hex digits."""
        recipe, chosen = asdict(self), asdict(choice)
        if self.language == choice.language == "en":  # takes made before there was another keep their names
            del recipe["language"], chosen["language"]
        return digest_json({"take": _TAKE_VERSION, "recipe": recipe, "spoken": spoken, "choice": chosen})


@dataclass(frozen=True)
class Retake:
    """A sentence that is to be said once more, differently.

    Parameters
    ----------
    spoken_sha256 : str
        Of the words it was asked for; where the text has changed it no longer applies.
    seed : int
    take : int
        Which take this is, 2 for the first retake.
    """

    spoken_sha256: str
    seed: int
    take: int


@dataclass(frozen=True)
class PlannedSentence:
    """A sentence, ready to be said.

    Parameters
    ----------
    number : int
        In the chapter, from 1.
    text, start, end, kind
        As in the source.
    spoken : str
        Plain words and marks; empty where nothing is said.
    said : str
        The same with the manner, see `voicekit.text.styles`.
    pause_s : float
        Silence after it.
    choice : SpeechChoice
    take : str
        Name of its take; empty where nothing is said.
    """

    number: int
    text: str
    start: int
    end: int
    kind: str
    spoken: str
    pause_s: float
    choice: SpeechChoice
    take: str
    said: str


@dataclass(frozen=True)
class ChapterPlan:
    """A chapter, ready to be said.

    Parameters
    ----------
    index : int
        In the book, from 1.
    title : str
    source : str
        Where in the book it comes from.
    sentences : tuple of PlannedSentence
    stale_retakes : tuple of int
        Sentences whose retake no longer applies, because their text changed.
    """

    index: int
    title: str
    source: str
    sentences: tuple[PlannedSentence, ...]
    stale_retakes: tuple[int, ...] = ()

    @property
    def spoken_text(self) -> str:
        """All that is said, a sentence a line."""
        return "\n".join(sentence.spoken for sentence in self.sentences if sentence.spoken)

    @property
    def characters(self) -> int:
        """Characters to be spoken."""
        return sum(len(sentence.spoken) for sentence in self.sentences)

    def estimated_s(self, rate: float, pads_s: float) -> int:
        """How long it will be, whole seconds, rather too long than too short."""
        pauses = sum(sentence.pause_s for sentence in self.sentences)
        return math.ceil(self.characters / _CHARACTERS_PER_SECOND / rate + pauses + pads_s)

    def digest(self, *more: Any) -> str:
        """What decides the delivered bytes: takes, pauses and whatever the caller adds."""
        parts = [(sentence.take, sentence.pause_s) for sentence in self.sentences]
        return digest_json([parts, list(more)])


def plan_chapter(
    index: int,
    title: str,
    source: str,
    sentences: Iterable[_Sentence],
    recipe: TakeRecipe,
    *,
    seed: int,
    retakes: Mapping[int, Retake] | None = None,
) -> ChapterPlan:
    """Give every sentence its seed and its take.

    A sentence's seed comes from the production's seed, its words, and how often
    these words were there before in the chapter: inserting a sentence leaves the
    takes of all others as they are, and a refrain is not a copy.

    Parameters
    ----------
    index : int
    title, source : str
    sentences : iterable of voicekit.text.Sentence
    recipe : TakeRecipe
    seed : int
        Of the production.
    retakes : mapping of int to Retake, optional
        By sentence number.

    Returns
    -------
    ChapterPlan
    """
    seen: Counter[str] = Counter()
    planned: list[PlannedSentence] = []
    stale: list[int] = []
    styler = Styler()
    for number, (sentence, place) in enumerate(_placed(sentences), start=1):
        spoken = sentence.spoken
        said = styler.say(sentence.tokens, sentence.manner)
        if sentence.pause_after_s > _WITHIN_PARAGRAPH_S:
            styler.paragraph()
        chosen = sentence_seed(seed, spoken, seen[spoken])
        seen[spoken] += 1
        retake = (retakes or {}).get(number)
        if retake is not None:
            if retake.spoken_sha256 == spoken_digest(spoken):
                chosen = retake.seed
            else:
                stale.append(number)
        choice = SpeechChoice(
            chosen, recipe.rate, recipe.pitch_semitones, sentence.kind, recipe.language, place
        )
        planned.append(
            PlannedSentence(
                number=number,
                text=sentence.text,
                start=sentence.start,
                end=sentence.end,
                kind=sentence.kind,
                spoken=spoken,
                pause_s=sentence.pause_after_s,
                choice=choice,
                take=recipe.key(said, choice) if spoken else "",
                said=said,
            )
        )
    return ChapterPlan(index, title, source, tuple(planned), tuple(stale))


def _placed(sentences: Iterable[_Sentence]) -> Iterator[tuple[_Sentence, str]]:
    """Each sentence with its place in its paragraph: ``first``, ``last``, or empty in the middle and where it is alone.

    A sentence ends its paragraph where a longer pause follows than between sentences.
    """
    begins = True
    for sentence in sentences:
        ends = sentence.pause_after_s > _WITHIN_PARAGRAPH_S
        place = "" if sentence.kind != "sentence" or begins == ends else "first" if begins else "last"
        yield sentence, place
        begins = ends or sentence.kind != "sentence"


def spoken_digest(spoken: str) -> str:
    """SHA-256 of the words, hex."""
    return hashlib.sha256(spoken.encode()).hexdigest()


def sentence_seed(seed: int, spoken: str, occurrence: int, take: int = 1) -> int:
    """Seed of one take of one sentence, 0 .. 2**31 - 1."""
    name = f"{seed}\x1f{spoken}\x1f{occurrence}\x1f{take}"
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") & 0x7FFFFFFF


def recipe_of(
    voice: str,
    digests: Sequence[str],
    engine: str,
    sample_rate: int,
    rate: float,
    pitch_semitones: float,
    language: str = "en",
) -> TakeRecipe:
    """A recipe with the digests in their one order."""
    return TakeRecipe(voice, tuple(sorted(digests)), engine, sample_rate, rate, pitch_semitones, language)
