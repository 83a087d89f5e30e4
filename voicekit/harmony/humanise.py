"""Several singers from one part: small differences of timing, tuning, vibrato and level, drawn from a seed.

What is drawn is data beside the part, one value a note, never baked into it: set the amount to 0 and the part is as
it was.

Sources
-------
Tuning: in unison sections of the Choral Singing Dataset (16 singers, four a part) the dispersion of F0 between
singers, as a standard deviation, is 16 to 30 cents: H. Cuesta, E. Gómez, A. Martorell and F. Loáiciga, "Analysis of
intonation in unison choir singing", ICMPC 2018 (abstract).  25 to 30 cents by H. Jers and S. Ternström (2005), as
quoted there (secondary).  At an amount of 1 ours is about 20.

Vibrato: there its mean rate is 5.13 Hz with a standard deviation of 0.26 Hz.  The first four singers here start
from 6.2, 5.8, 5.4 and 5.0 Hz, the defaults that the manual of Antares' Harmony Engine gives its four voices, which
lie wider apart so that few singers sound like more.

Timing: no number for the spread of onsets within a choir's section could be read in a primary source.  A standard
deviation of 21 ms, cut at 50, is our own choice: 50 ms is the window within which onsets found by machine and by
hand count as the same in singing (S. D'Amario, H. Daffern and F. Bailes, "A new method of onset and offset detection
in ensemble singing", 2018, abstract), so no singer is ever audibly early or late by more than that.

Level: 1.2 dB, cut at 3, is our own choice too.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from voicekit.errors import UsageError
from voicekit.score import Part, TempoMap

__all__ = ["Humanisation", "HumanisedPart", "humanise"]

Floats = npt.NDArray[np.float64]

SINGERS = 64  # most for one part
AMOUNT = 2.0  # largest amount
ONSET_S, ONSET_LIMIT_S = 0.020, 0.050
HABIT_S = 0.006  # a singer who is always a little early or late
NOTE_SHARE = 0.25  # an onset moves by at most this share of the shorter note beside it
SINGER_CENTS, NOTE_CENTS, DRIFT_CENTS, CENTS_LIMIT = 12.0, 15.0, 6.0, 45.0
LEVEL_DB, LEVEL_LIMIT_DB = 1.2, 3.0
RATES_HZ = (6.2, 5.8, 5.4, 5.0)
RATE_SPREAD_HZ = 0.15
DRIFT_HZ = (0.05, 0.4)  # drift is slower than any vibrato and than most notes


@dataclass(frozen=True)
class Humanisation:
    """How one singer differs from the written part.

    Parameters
    ----------
    onset_s : tuple of float
        For each note of the part: seconds by which it begins later (earlier if negative).  A note ends where the
        next begins if they touched, and as written otherwise.
    cents : tuple of float
        For each note: how much higher it is sung.
    drift_seed : int
        What `drift` is drawn from.
    drift_cents : float
        Standard deviation of the drift.
    vibrato_rate_hz : float
    vibrato_phase : float
        0..1 of a cycle at the beginning of each vibrato.
    level_db : float
    """

    onset_s: tuple[float, ...]
    cents: tuple[float, ...]
    drift_seed: int
    drift_cents: float
    vibrato_rate_hz: float
    vibrato_phase: float
    level_db: float

    def drift(self, seconds: Floats) -> Floats:
        """Slow wandering of the pitch in cents at points in time, the same whenever it is asked for.

        Parameters
        ----------
        seconds : array of float, (N,)
            From the start of the score.

        Returns
        -------
        array of float, (N,)
            Five slow sines with drawn rates and phases; its standard deviation over a long time is `drift_cents`.
        """
        generator = np.random.default_rng(self.drift_seed)
        rates = generator.uniform(*DRIFT_HZ, 5)
        phases = generator.uniform(0.0, 2 * np.pi, 5)
        waves = np.sin(2 * np.pi * rates[:, None] * np.asarray(seconds)[None, :] + phases[:, None])
        return np.asarray(self.drift_cents * np.sqrt(2 / 5) * waves.sum(axis=0), dtype=np.float64)


@dataclass(frozen=True)
class HumanisedPart:
    """One singer of a part.

    Parameters
    ----------
    part : Part
        The part as written, under the singer's name.
    singer : int
        From 0.
    humanisation : Humanisation
    """

    part: Part
    singer: int
    humanisation: Humanisation


def _cut(values: Floats, limit: float) -> Floats:
    return np.asarray(np.clip(values, -limit, limit), dtype=np.float64)


def _onset_limits(part: Part, tempo: TempoMap) -> Floats:
    """Seconds by which each onset may move without a note losing more than its share."""
    lengths = np.array([tempo.seconds(n.end) - tempo.seconds(n.onset) for n in part.notes])
    before = np.concatenate([[np.inf], lengths[:-1]])
    return np.asarray(np.minimum(ONSET_LIMIT_S, NOTE_SHARE * np.minimum(lengths, before)), dtype=np.float64)


def _one(part: Part, singer: int, seed: int, amount: float, tempo: TempoMap) -> Humanisation:
    """The differences of one singer; they do not depend on how many others there are."""
    name = zlib.crc32(part.name.encode())
    generator = np.random.default_rng([seed, name, singer])
    # Singers come in pairs that lean to opposite sides, so that a section stays in tune and in time as a whole.
    pair = np.random.default_rng([seed, name, singer // 2, 1])
    side = 1.0 if singer % 2 == 0 else -1.0
    habit_s, habit_cents, habit_db = side * pair.standard_normal(3)
    count = len(part.notes)
    onset = habit_s * HABIT_S + ONSET_S * generator.standard_normal(count)
    limits = _onset_limits(part, tempo)
    cents = habit_cents * SINGER_CENTS + NOTE_CENTS * generator.standard_normal(count)
    if singer < len(RATES_HZ):
        rate = RATES_HZ[singer] + float(_cut(generator.standard_normal(1), 2.0)[0]) * RATE_SPREAD_HZ / 2
    else:
        rate = float(generator.uniform(RATES_HZ[-1], RATES_HZ[0]))
    phase = float(generator.uniform())
    level = float(_cut(np.array([habit_db * LEVEL_DB]), LEVEL_LIMIT_DB)[0])
    onset_s = np.clip(amount * onset, -limits, limits)
    if count and part.notes[0].onset == 0:
        onset_s[0] = max(0.0, onset_s[0])  # nothing begins before the score
    return Humanisation(
        tuple(float(v) for v in onset_s),
        tuple(float(v) for v in _cut(amount * cents, CENTS_LIMIT)),
        int(generator.integers(2**31)),
        min(amount, AMOUNT) * DRIFT_CENTS,
        rate,
        phase,
        amount * level,
    )


def humanise(
    part: Part, n: int, seed: int, amount: float = 1.0, *, tempo: TempoMap | None = None
) -> tuple[HumanisedPart, ...]:
    """A part for several singers.

    Parameters
    ----------
    part : Part
    n : int
        Singers, 1..64.
    seed : int
        0 or more.  The same seed gives the same values, note for note; a singer's do not change when others join.
    amount : float
        0 (all alike but for vibrato) to 2; 1 is a choir, 0.5 a close double.
    tempo : TempoMap, optional
        To keep onsets within a quarter of the notes around them; 120 quarter notes a minute when left out.

    Returns
    -------
    tuple of HumanisedPart
        Bounds: onsets within 50 ms, tuning within 45 cents, level within 3 dB (6 at an amount of 2).

    Raises
    ------
    UsageError
        A number of singers, a seed or an amount that is out of bounds.
    """
    if not 1 <= n <= SINGERS:
        raise UsageError(f"{n} singers for a part", f"choose 1 to {SINGERS}")
    if seed < 0:
        raise UsageError(f"a seed of {seed}", "choose 0 or more")
    if not 0.0 <= amount <= AMOUNT:
        raise UsageError(f"an amount of {amount:g}", f"choose 0 to {AMOUNT:g}")
    tempo = tempo or TempoMap()
    singers = []
    for singer in range(n):
        name = part.name if n == 1 else f"{part.name} {singer + 1}"
        singers.append(HumanisedPart(replace(part, name=name), singer, _one(part, singer, seed, amount, tempo)))
    return tuple(singers)
