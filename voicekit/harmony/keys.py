"""Which key a melody is in, how sure that is, and where it changes."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from voicekit.harmony.phrases import phrase_ends
from voicekit.harmony.theory import Grid, fifths, key_name, nearest, overlapping
from voicekit.score import Note, Part, Score

__all__ = ["KeyGuess", "LocalKey", "infer_key"]

Floats = npt.NDArray[np.float64]

# How often each degree occurs in major and minor melodies of the Essen folk song collection, weighted by nothing:
# per cent.  Source: B. Aarden, "Dynamic Melodic Expectancy", dissertation, Ohio State University 2003; the values
# as tabulated in several key finders (secondary).  They are counts in *melodies*, unlike those of Krumhansl.
MAJOR = (17.7661, 0.145624, 14.9265, 0.160186, 19.8049, 11.3587, 0.291248, 22.062, 0.145624, 8.15494, 0.232998, 4.95122)
MINOR = (18.2648, 0.737619, 14.0499, 16.8599, 0.702494, 14.4362, 0.702494, 18.6161, 4.56621, 1.93186, 7.37619, 1.75623)
# In minor melodies of other lands both sixths and sevenths occur; without this floor a Dorian tune is unheard of.
FLOOR = 1.0
TEMPER, ENOUGH = (
    0.6,
    20.0,
)  # a melody's notes are not independent draws: what they say together is worth less than its sum,
# and beyond some twenty of them nothing new is said
FINAL = {"major": {0: 0.8, 4: 0.08, 7: 0.07, 2: 0.02}, "minor": {0: 0.8, 3: 0.02, 7: 0.09, 2: 0.02}}
CLOSE = 0.4  # what the end of a phrase says of the key, beside what the end of the melody says
CHANGE = 6.0  # nats that a change of key must earn; from a key to its relative less


@dataclass(frozen=True)
class LocalKey:
    """A key from a beat on.

    Parameters
    ----------
    onset : Fraction
        Beats.
    tonic : int
        Pitch class.
    mode : str
        ``major`` or ``minor``.
    """

    onset: Fraction
    tonic: int
    mode: str

    @property
    def name(self) -> str:
        """``G major``."""
        return key_name(self.tonic, self.mode)


@dataclass(frozen=True)
class KeyGuess:
    """The key of a melody.

    Parameters
    ----------
    tonic : int
        Pitch class 0..11.
    mode : str
        ``major`` or ``minor``; Dorian and Phrygian count as minor, Mixolydian and Lydian as major.
    confidence : float
        0..1: the posterior of this key among the 24.
    second : str
        Name of the next likely key.
    local : tuple of LocalKey
        The key from each beat where it changes; at least one.
    """

    tonic: int
    mode: str
    confidence: float
    second: str
    local: tuple[LocalKey, ...]

    @property
    def name(self) -> str:
        """``G major``."""
        return key_name(self.tonic, self.mode)

    def at(self, beat: Fraction) -> LocalKey:
        """The key in force at a beat."""
        return next((key for key in reversed(self.local) if key.onset <= beat), self.local[0])


@functools.lru_cache(maxsize=1)
def _profiles() -> Floats:
    """Logarithm of the share of each pitch class in each of 24 keys (12 major, 12 minor), (24, 12)."""
    rows = []
    for profile in (MAJOR, MINOR):
        shares = np.maximum(np.asarray(profile), FLOOR)
        shares = shares / shares.sum()
        rows += [np.roll(np.log(shares), tonic) for tonic in range(12)]
    return np.stack(rows)


def _name(index: int) -> tuple[int, str]:
    return index % 12, "major" if index < 12 else "minor"


def _signature_prior(sharps: int, mode: str) -> Floats:
    """Logarithm of how likely each key is under a signature: the neighbours are Mixolydian and Dorian."""
    prior = np.zeros(24)
    for index in range(24):
        tonic, own = _name(index)
        distance = abs((fifths(tonic, own) - sharps + 6) % 12 - 6)
        prior[index] = (1.0, 0.06, 0.006)[distance] if distance < 3 else 0.001
        if mode in ("major", "minor") and own != mode:
            prior[index] *= 0.2
    return np.asarray(np.log(prior / prior.sum()), dtype=np.float64)


def _weights(part: Part, start: Fraction, end: Fraction) -> Floats:
    """How much each pitch class sounds between two beats; long notes count less than their length."""
    weight = np.zeros(12)
    for index in overlapping(part.notes, start, end):
        note = part.notes[index]
        overlap = min(note.end, end) - max(note.onset, start)
        if overlap > 0:
            weight[nearest(note.pitch_midi) % 12] += float(overlap) ** 0.5
    return weight


def _local(score: Score, part: Part, prior: Floats, whole: Floats) -> tuple[LocalKey, ...]:
    """Viterbi over measures: a key stays unless several measures together speak for another."""
    grid = Grid.of(score)
    starts = [b for b in grid.slots(part.notes[0].onset, part.end) if grid.strength(b) == 3]
    if not starts or starts[0] > part.notes[0].onset:
        starts.insert(0, part.notes[0].onset)
    ends = [*starts[1:], part.end]
    profiles = _profiles()
    closing = sorted(phrase_ends(part))
    spans = list(zip(starts, ends, strict=True))
    evidence = np.stack([TEMPER * profiles @ _weights(part, a, b) + _closes(part, closing, a, b) for a, b in spans])
    signatures = {key.onset: _signature_prior(key.fifths, key.mode) for key in score.keys}
    change = np.full((24, 24), -CHANGE)
    for a in range(24):
        for b in range(24):
            distance = abs((fifths(*_name(a)) - fifths(*_name(b)) + 6) % 12 - 6)
            change[a, b] += 1.5 if distance == 0 else 1.5 * (1 - distance)
    np.fill_diagonal(change, 0.0)
    best = whole + evidence[0]
    back = []
    active = prior
    for index in range(1, len(starts)):
        given = [value for onset, value in signatures.items() if starts[index - 1] < onset <= starts[index]]
        step = change.copy()
        if given:  # a new signature: the key may follow it at no cost
            step = step * 0.3 + (given[-1] - active)[None, :]
            active = given[-1]
        paths = best[:, None] + step
        back.append(paths.argmax(axis=0))
        best = paths.max(axis=0) + evidence[index]
    best = best + _final(part.notes[-1])
    state = int(best.argmax())
    states = [state]
    for pointers in reversed(back):
        state = int(pointers[state])
        states.append(state)
    states.reverse()
    found = [LocalKey(Fraction(0), *_name(states[0]))]
    for index in range(1, len(states)):
        if states[index] != states[index - 1]:
            found.append(LocalKey(starts[index], *_name(states[index])))
    return tuple(found)


def _final(note: Note) -> Floats:
    """What a last note says of the key."""
    last = nearest(note.pitch_midi) % 12
    said = np.zeros(24)
    for index in range(24):
        tonic, mode = _name(index)
        said[index] = np.log(FINAL[mode].get((last - tonic) % 12, 0.004))
    return said


def _closes(part: Part, closing: Sequence[int], start: Fraction, end: Fraction) -> Floats:
    """What the ends of phrases between two beats say: as a last note does, but with less weight."""
    said = np.zeros(24)
    for index in closing:
        if start <= part.notes[index].onset < end:
            said += CLOSE * np.maximum(_final(part.notes[index]), np.log(0.02))
    return said


def infer_key(score: Score, part: Part) -> KeyGuess:
    """The key of a melody.

    Each pitch class speaks by how often it occurs in major and minor melodies, the last note by how often melodies
    end on each degree, the signature by how seldom one lies; chord symbols, where the score has them, speak too.

    Parameters
    ----------
    score : Score
        For its signatures, metre and chord symbols.
    part : Part
        The melody.

    Returns
    -------
    KeyGuess
        C major with a confidence of 1/24 for a part without notes.

    Source
    ------
    The form is the Bayesian key finder of D. Temperley, "Music and Probability" (2007), ch. 4; profiles by Aarden.
    Ours tempers the likelihood and adds the final note.
    """
    if not part.notes:
        return KeyGuess(0, "major", 1 / 24, key_name(9, "minor"), (LocalKey(Fraction(0), 0, "major"),))
    prior = np.full(24, -np.log(24.0))
    first = [key for key in score.keys if key.onset <= part.notes[0].onset]
    if first:
        prior = _signature_prior(first[-1].fifths, first[-1].mode)
    weights = _weights(part, part.notes[0].onset, part.end)
    weights *= TEMPER * min(1.0, ENOUGH / weights.sum())
    posterior = prior + _profiles() @ weights + _final(part.notes[-1])
    chords = [chord for chord in score.chords if chord.root >= 0]
    if chords:
        for index in range(24):
            tonic, mode = _name(index)
            wanted = ("minor", "minor-seventh") if mode == "minor" else ("major", "major-seventh")
            closes = chords[-1].root == tonic and (chords[-1].kind in wanted or chords[-1].kind == "power")
            posterior[index] += 2.0 if closes else 0.0
    shares = np.exp(posterior - posterior.max())
    shares /= shares.sum()
    order = np.argsort(-shares, kind="stable")
    tonic, mode = _name(int(order[0]))
    bias = np.log(np.maximum(shares, 1e-9))  # the key of the whole is where the melody begins, unless it says otherwise
    local = _local(score, part, prior, bias)
    return KeyGuess(tonic, mode, float(shares[order[0]]), key_name(*_name(int(order[1]))), local)
