"""When each phone sounds.

The vowel begins on the beat; the consonants before it take their time from the note before (or from the rest), those
after it from the end of their own note.  Consonants keep the length they have in speech, the vowel takes the rest.

Source: the placement of consonants before the beat is the "time lag" of J. Sundberg, "The Science of the Singing
Voice", 1987, and of every singing synthesiser since; the lengths are rounded means of read English (D. Klatt,
"Linguistic uses of segmental duration in English", 1976), somewhat lengthened for singing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from voicekit.singing.style import SingStyle
from voicekit.singing.syllables import Syllable
from voicekit.text.phones import PAUSE, Phone

__all__ = ["Span", "place_phones"]

#: Seconds of a consonant in singing.
CONSONANT_SECONDS = {
    "B": 0.075, "CH": 0.12, "D": 0.07, "DH": 0.05, "DX": 0.035, "F": 0.10, "G": 0.075, "HH": 0.07, "JH": 0.10,
    "K": 0.09, "L": 0.07, "M": 0.08, "N": 0.075, "NG": 0.085, "P": 0.09, "R": 0.07, "S": 0.11, "SH": 0.12, "T": 0.08,
    "TH": 0.09, "V": 0.07, "W": 0.07, "Y": 0.065, "Z": 0.09, "ZH": 0.09,
}  # fmt: skip
MIN_CONSONANT_S = 0.03
MOST_OF_A_NOTE = 0.55  #: share of a note that consonants may take
FIRST_REST_S = 0.02  #: a gap shorter than this is legato
BREATH_S = 0.28
ROOM_FOR_BREATH_S = 0.36
_SECOND_VOWEL = 0.30  # share of a note that the last of several vowels on it takes
_SECOND_VOWEL_S = 0.20


@dataclass(frozen=True)
class Span:
    """A phone in time.

    Parameters
    ----------
    phone : Phone
    start_s, end_s : float
    role : str
        ``onset``, ``nucleus``, ``coda``, ``rest`` or ``breath``.
    note : int
        Index of the note it belongs to; -1 for rests and breaths.
    """

    phone: Phone
    start_s: float
    end_s: float
    role: str
    note: int


def place_phones(
    syllables: Sequence[Syllable], times: Sequence[tuple[float, float]], style: SingStyle, start_s: float, end_s: float
) -> list[Span]:
    """Lay the phones of a line out in time, without gap or overlap.

    Parameters
    ----------
    syllables : sequence of Syllable
    times : sequence of (float, float)
        Sounding start and end of every note, seconds.
    style : SingStyle
    start_s, end_s : float
        Of the line; rests fill what is left.

    Returns
    -------
    list of Span
    """
    spans: list[Span] = []
    at = start_s
    for k, syllable in enumerate(syllables):
        last_note = syllable.note + syllable.notes - 1
        beat, end = times[syllable.note][0], times[last_note][1]
        onset = _lengths(syllable.onset, style)
        if beat - at - sum(onset) > FIRST_REST_S:
            at = _rest(spans, at, beat - sum(onset), style, first=not spans)
        at = _series(spans, syllable.onset, onset, at, beat, "onset", syllable.note)
        end = min(end, end_s)
        following = syllables[k + 1] if k + 1 < len(syllables) else None
        ahead = 0.0
        if following is not None:
            gap = times[following.note][0] - end
            if gap <= FIRST_REST_S:
                end, gap = times[following.note][0], 0.0
            # Consonants that do not fit into the rest before them take from this note.
            ahead = max(0.0, sum(_lengths(following.onset, style)) - gap)
        coda = _lengths(syllable.coda, style)
        room = MOST_OF_A_NOTE * (end - max(beat, times[last_note][0]))
        if ahead + sum(coda) > room and ahead + sum(coda) > 0:
            squeeze = room / (ahead + sum(coda))
            coda = [length * squeeze for length in coda]
            ahead *= squeeze
        stop = end - ahead
        at = _nucleus(spans, syllable, at, stop - sum(coda), times)
        at = _series(spans, syllable.coda, coda, at, stop, "coda", last_note)
    if end_s - at > 0:
        _rest(spans, at, end_s, style, first=True)
    return spans


def _lengths(phones: Sequence[Phone], style: SingStyle) -> list[float]:
    return [CONSONANT_SECONDS.get(phone.symbol, 0.08) * style.consonants for phone in phones]


def _series(
    spans: list[Span], phones: Sequence[Phone], lengths: Sequence[float], start: float, end: float, role: str, note: int
) -> float:
    """Consonants that fill [start, end) in proportion to their lengths."""
    if not phones:
        return end if role == "coda" and spans else start
    scale = (end - start) / sum(lengths)
    at = start
    for phone, length in zip(phones, lengths, strict=True):
        spans.append(Span(phone, at, at + length * scale, role, note))
        at += length * scale
    return end


def _nucleus(
    spans: list[Span], syllable: Syllable, start: float, end: float, times: Sequence[tuple[float, float]]
) -> float:
    """The vowel; where a note has several (fire, flow'r) the first is held and the others follow at the end."""
    phones = syllable.nucleus
    tail = min(_SECOND_VOWEL * (end - start), _SECOND_VOWEL_S * (len(phones) - 1)) if len(phones) > 1 else 0.0
    spans.append(Span(phones[0], start, end - tail, "nucleus", syllable.note))
    last = syllable.note + syllable.notes - 1
    each = tail / max(1, len(phones) - 1)
    for k, phone in enumerate(phones[1:]):
        spans.append(Span(phone, end - tail + k * each, end - tail + (k + 1) * each, "nucleus", last))
    return end


def _rest(spans: list[Span], start: float, end: float, style: SingStyle, *, first: bool) -> float:
    """Silence, with a breath at its end where there is room for one."""
    pause = Phone(PAUSE)
    if style.breaths and not first and end - start >= ROOM_FOR_BREATH_S:
        spans.append(Span(pause, start, end - BREATH_S - 0.03, "rest", -1))
        spans.append(Span(Phone("HH"), end - BREATH_S - 0.03, end - 0.03, "breath", -1))
        spans.append(Span(pause, end - 0.03, end, "rest", -1))
    else:
        spans.append(Span(pause, start, end, "rest", -1))
    return end
