"""Sung notes against the command: pitch from C3 to C6, vibrato, onsets, rests, vowels, and the time a song takes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from scipy.signal import butter, sosfiltfilt

from bench.report import Options, Report, Table, command, parse, rounded, say
from voicekit.audio import Audio, read_audio, resample
from voicekit.engines import list_voices
from voicekit.evaluate.trackers import track_crepe, track_harvest
from voicekit.harmony import harmonise
from voicekit.score import Key, Lyric, Meter, Note, Part, Score, Tempo, TempoMap, Vibrato
from voicekit.singing import SingStyle, SungLine, plan_line
from voicekit.studio import SingOptions, Song, Studio
from voicekit.studio.chorus import lead_in

SYLLABLES = ("la", "no", "day", "me", "roo", "song", "love", "far")
PLAIN = SingStyle(vibrato_cents=0.0)
VIBRATOS = ((5.5, 40.0), (6.2, 60.0), (4.8, 25.0), (5.0, 80.0))
ONSETS = ("pa", "ta", "ka", "so", "see", "fee", "show", "tea")
SLOW = (
    "light", "moon", "day", "sea", "more", "stone", "hand", "road", "night", "dream", "far", "home", "bread", "wood",
)  # fmt: skip
#: Vowels that a recogniser of speech cannot be asked to tell apart when they are sung count as one.
CLASSES = {
    **dict.fromkeys(("IY", "IH"), "i"),
    **dict.fromkeys(("EY", "EH", "AE"), "e"),
    **dict.fromkeys(("AA", "AH", "AO", "AY", "AW"), "a"),
    **dict.fromkeys(("OW", "UH", "UW", "OY"), "o"),
    "ER": "r",
}


def scale(low: int, high: int, *, beats: float = 2.0) -> Part:
    """Every semitone of a range, a rest after each fourth."""
    notes, beat = [], Fraction(1)
    for k, pitch in enumerate(range(low, high + 1)):
        notes.append(Note(beat, Fraction(beats), float(pitch), Lyric(SYLLABLES[k % len(SYLLABLES)])))
        beat += Fraction(beats) + (1 if k % 4 == 3 else 0)
    return Part("scale", tuple(notes))


def one_part(part: Part, bpm: float = 90.0) -> Score:
    """A score of one part."""
    return Score((part,), TempoMap([Tempo(Fraction(0), bpm)]), title=part.name, meters=(Meter(Fraction(0), 4, 4),))


def sing(studio: Studio, score: Score, voice: str, style: SingStyle, folder: Path) -> tuple[Song, SungLine, Audio]:
    """A stem through the gate, with the line that was commanded."""
    options = SingOptions(style=style, seed=1, guide=False, purpose="test")
    song = studio.sing(score, voice=voice, out=folder, options=options)
    line = plan_line(score.parts[0], score.tempo, style, seed=1, lead_in_s=lead_in(score))
    return song, line, read_audio(song.parts[0].file)


def steady(line: SungLine, audio: Audio, name: str) -> list[tuple[float, float, float]]:
    """(pitch, median error, 95th percentile of the error's size) of each note's middle, cents."""
    track = (track_harvest if name == "harvest" else track_crepe)(audio)
    cents = np.full(len(track.f0_hz), np.nan)
    cents[track.vuv] = 1200 * np.log2(track.f0_hz[track.vuv] / 440) + 6900
    rows = []
    for note in line.notes:
        length = note.end_s - note.start_s
        middle = cents[round((note.start_s + 0.35 * length) * 100) : round((note.start_s + 0.8 * length) * 100)]
        heard = middle[~np.isnan(middle)] - 100 * note.pitch_midi
        if len(heard) < 5:
            rows.append((note.pitch_midi, float("nan"), float("nan")))
            continue
        rows.append((note.pitch_midi, float(np.median(heard)), float(np.percentile(np.abs(heard), 95))))
    return rows


def vibrato(studio: Studio, voice: str, folder: Path) -> list[dict[str, float]]:
    """Rate and extent asked for and heard (harvest, a sine fitted by least squares over a grid of rates)."""
    notes, beat = [], Fraction(1)
    for k, (rate, extent) in enumerate(VIBRATOS * 3):
        asked = Vibrato(0.5, rate, extent, fade_in_s=0.2, fade_out_s=0.1)
        notes.append(Note(beat, Fraction(4), 52.0 + 2.0 * k, Lyric("la"), vibrato=asked))
        beat += 5
    score = one_part(Part("vibrato", tuple(notes)))
    _, line, audio = sing(studio, score, voice, SingStyle(fluctuation_cents=0.0, scoop_cents=0.0), folder)
    track = track_harvest(audio)
    found = []
    for note, planned in zip(notes, line.notes, strict=True):
        low, high = round((planned.start_s + 0.9) * 100), round((planned.end_s - 0.3) * 100)
        good = track.vuv[low:high]
        if good.sum() < 60 or note.vibrato is None:
            continue
        at = np.arange(low, high)[good] / 100
        cents = 1200 * np.log2(track.f0_hz[low:high][good] / 440)
        best = (np.inf, 0.0, 0.0)
        for rate in np.arange(3.5, 8.0, 0.01):
            basis = np.stack([np.sin(2 * np.pi * rate * at), np.cos(2 * np.pi * rate * at), np.ones_like(at)], 1)
            weights, *_ = np.linalg.lstsq(basis, cents, rcond=None)
            error = float(np.sum((basis @ weights - cents) ** 2))
            best = min(best, (error, float(rate), float(np.hypot(weights[0], weights[1]))))
        asked = {"rate": note.vibrato.rate_hz, "extent": note.vibrato.extent_cents}
        found.append({**asked, "heard_rate": best[1], "heard_extent": best[2]})
    return found


def onsets(studio: Studio, voice: str, folder: Path) -> list[float]:
    """Seconds from the beat to the vowel's onset, for words that begin unvoiced.

    The onset is where the energy below 500 Hz comes within 12 dB of the held vowel's (10 ms windows every
    millisecond): unvoiced consonants have next to none there.  A tracker's voicing would smear it by its window.
    """
    notes = [
        Note(Fraction(2 * k + 1), Fraction(3, 2), 55.0 + k, Lyric(word)) for k, word in enumerate(ONSETS)
    ]  # fmt: skip
    _, line, audio = sing(studio, one_part(Part("onsets", tuple(notes)), 60.0), voice, PLAIN, folder)
    low = sosfiltfilt(butter(4, 500.0, fs=audio.sample_rate, output="sos"), audio.samples.astype(np.float64))
    width, step = audio.sample_rate // 100, audio.sample_rate // 1000
    energy = np.convolve(low**2, np.ones(width) / width, mode="same")[::step]
    found = []
    for note in line.notes:
        held = float(np.median(energy[round((note.start_s + 0.3) * 1000) : round((note.start_s + 0.8) * 1000)]))
        near = energy[round((note.start_s - 0.2) * 1000) : round((note.start_s + 0.3) * 1000)] > held * 10**-1.2
        found.append(int(np.argmax(near)) / 1000 - 0.2 if near.any() else float("nan"))
    return found


def vowels(studio: Studio, voice: str, folder: Path) -> dict[str, int]:
    """Sung vowels of a slow song that pocketsphinx finds.

    The held vowels are shortened to 200 ms before by cutting their middle out (50 ms cross-fade): a recogniser of
    speech takes a two-second vowel for noise.  ``aligned``: its aligner, told the words and no times, puts a vowel's
    middle into the very nucleus that was commanded.  ``shuffled``: the same for the words in another order, which
    must fail.  ``recognised``: its phone recogniser, told nothing, hears a vowel of that class in order.
    """
    notes = [Note(Fraction(3 * k + 1), Fraction(2), 52.0 + (k * 5) % 7, Lyric(word)) for k, word in enumerate(SLOW)]
    score = one_part(Part("slow", tuple(notes)), 80.0)
    _, line, audio = sing(studio, score, voice, SingStyle(breaths=False), folder)
    audio, nuclei = _shortened(line, audio)
    heard = [CLASSES[p] for p in _phones(audio) if p in CLASSES]
    wanted = [CLASSES.get(p.symbol, "") for p in line.phones if p.role == "nucleus"]
    return {
        "wanted": len(wanted),
        "aligned": _aligned(audio, SLOW, nuclei),
        "shuffled": _aligned(audio, SLOW[7:] + SLOW[:7], nuclei),
        "recognised": _in_order(wanted, heard),
    }


def _aligned(audio: Audio, words: Sequence[str], nuclei: Sequence[tuple[float, float]]) -> int:
    import pocketsphinx

    models = Path(pocketsphinx.get_model_path()) / "en-us"
    decoder = pocketsphinx.Decoder(
        hmm=str(models / "en-us"), dict=str(models / "cmudict-en-us.dict"), lm=None, beam=1e-80, pbeam=1e-60,
        wbeam=1e-40, loglevel="FATAL",
    )  # fmt: skip
    pcm = _pcm(audio)
    decoder.set_align_text(" ".join(words))
    for again in (False, True):
        if again:
            if decoder.hyp() is None:
                return 0
            decoder.set_alignment()
        decoder.start_utt()
        decoder.process_raw(pcm, full_utt=True)
        decoder.end_utt()
    middles = [
        (phone.start + phone.duration / 2) / 100
        for word in decoder.get_alignment()
        for phone in word
        if phone.name in CLASSES
    ]
    return sum(any(low <= middle <= high for middle in middles) for low, high in nuclei)


def _shortened(line: SungLine, audio: Audio) -> tuple[Audio, list[tuple[float, float]]]:
    """The stem with its held vowels cut to 200 ms, and where the vowels lie in it, seconds."""
    rate, fade = audio.sample_rate, round(0.05 * audio.sample_rate)
    pieces: list[np.ndarray] = []
    nuclei: list[tuple[float, float]] = []
    at, length = 0, 0
    for phone in line.phones:
        if phone.role != "nucleus":
            continue
        begin = length + round(phone.start_s * rate) - at
        extra = phone.end_s - phone.start_s - 0.2
        if extra < 0.1:
            nuclei.append((begin / rate, begin / rate + phone.end_s - phone.start_s))
            continue
        cut = round((phone.start_s + 0.1) * rate)
        go_on = round((phone.start_s + 0.1 + extra) * rate)
        ramp = np.linspace(1.0, 0.0, fade, dtype=np.float32)
        pieces.append(audio.samples[at:cut])
        pieces.append(audio.samples[cut : cut + fade] * ramp + audio.samples[go_on - fade : go_on] * ramp[::-1])
        length += cut - at + fade
        at = go_on
        nuclei.append((begin / rate, begin / rate + 0.25))
    pieces.append(audio.samples[at:])
    return Audio(np.concatenate(pieces), rate), nuclei


def _phones(audio: Audio) -> list[str]:
    import pocketsphinx

    models = Path(pocketsphinx.get_model_path()) / "en-us"
    decoder = pocketsphinx.Decoder(
        hmm=str(models / "en-us"), allphone=str(models / "en-us-phone.lm.bin"), lw=2.0, pip=0.3, beam=1e-20,
        pbeam=1e-20, loglevel="FATAL",
    )  # fmt: skip
    decoder.start_utt()
    decoder.process_raw(_pcm(audio), full_utt=True)
    decoder.end_utt()
    return [segment.word for segment in decoder.seg()]


def _pcm(audio: Audio) -> bytes:
    """16-bit samples at 16 kHz, as pocketsphinx wants them."""
    samples = resample(audio, 16_000).samples
    return (samples / np.abs(samples).max() * 16_000).astype(np.int16).tobytes()


def _in_order(wanted: Sequence[str], heard: Sequence[str]) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(heard) + 1)
    for one in wanted:
        before = row[:]
        for k, other in enumerate(heard, 1):
            row[k] = before[k - 1] + 1 if one == other else max(row[k - 1], before[k])
    return row[-1]


def rests(song: Song, line: SungLine) -> float:
    """The loudest sample of a rest, dBFS (60 ms after its beginning, 20 ms before its end)."""
    samples, rate = soundfile.read(str(song.parts[0].file), dtype="float64")
    loudest = 0.0
    for phone in line.phones:
        if phone.role == "rest" and phone.end_s - phone.start_s > 0.12:
            piece = samples[round((phone.start_s + 0.06) * rate) : round((phone.end_s - 0.02) * rate)]
            loudest = max(loudest, float(np.abs(piece).max(initial=0.0)))
    return 20 * float(np.log10(max(loudest, 1e-10)))


def long_song(studio: Studio, voices: Sequence[str], folder: Path, minutes: float) -> dict[str, float]:
    """Time for a song in four parts."""
    tune = (60, 62, 64, 65, 67, 65, 64, 62, 60, 64, 67, 72, 71, 67, 65, 62)
    count = round(minutes * 60 * 100 / 60)
    notes = [Note(Fraction(k), Fraction(1), float(tune[k % 16]) + 2, Lyric(SYLLABLES[k % 8])) for k in range(count)]
    score = Score(
        (Part("soprano", tuple(notes)),), TempoMap([Tempo(Fraction(0), 100.0)]), keys=(Key(Fraction(0), 2, "major"),),
        meters=(Meter(Fraction(0), 4, 4),), title="long",
    )  # fmt: skip
    begin = time.monotonic()
    harmonise(score, score.parts[0], "satb")
    harmony_s = time.monotonic() - begin
    begin = time.monotonic()
    song = studio.sing(score, voice=tuple(voices), harmony="satb", out=folder, options=SingOptions(purpose="test"))
    return {
        "duration_s": song.measured["duration_s"],
        "wall_s": time.monotonic() - begin,
        "harmony_s": harmony_s,
    }


def measure(options: Options) -> dict[str, Any]:
    """Everything, for every shipped voice."""
    found: dict[str, Any] = {}
    names = [voice.name for voice in list_voices()]
    with tempfile.TemporaryDirectory(prefix="voicekit-bench-") as scratch:
        folder = Path(scratch)
        with Studio.create(folder / "studio", "bench") as studio:
            for name in names:
                studio.adopt_house_voice(name)
            for name in names:
                say(name)
                part = scale(48, 60 if options.quick else 84)
                song, line, audio = sing(studio, one_part(part), name, PLAIN, folder / f"{name}-scale")
                found[name] = {
                    "steady": {tracker: steady(line, audio, tracker) for tracker in ("harvest", "crepe")},
                    "rest_dbfs": rests(song, line),
                    "vibrato": vibrato(studio, name, folder / f"{name}-vibrato"),
                    "onset_s": onsets(studio, name, folder / f"{name}-onsets"),
                    "vowels": vowels(studio, name, folder / f"{name}-slow"),
                }
            minutes = 0.5 if options.quick else 3.0
            voices = [names[-1], names[-1], names[0], names[0]]
            found["song"] = long_song(studio, voices, folder / "long", minutes)
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    options = parse(__doc__ or "", argv)
    report = Report("singing", "Singing: what was commanded and what is heard")
    found = measure(options)
    report.data = found
    song = found.pop("song")
    rows: list[tuple[object, ...]] = []
    for name, one in found.items():
        for tracker, notes in one["steady"].items():
            errors = np.abs([error for _, error, _ in notes])
            spread = np.array([p95 for _, _, p95 in notes])
            rows.append(
                (name, tracker, len(notes), int(np.isnan(errors).sum()), rounded(float(np.nanmedian(errors)), 1),
                 rounded(float(np.nanmax(errors)), 1), rounded(float(np.nanmedian(spread)), 1),
                 rounded(float(np.nanmax(spread)), 1))
            )  # fmt: skip
    columns = (
        "voice", "tracker", "notes", "not heard", "median error, cents", "worst note", "p95 within a note", "worst",
    )  # fmt: skip
    report.tables.append(Table("Held notes, C3 to C6, every semitone", columns, rows))
    rows = []
    for name, one in found.items():
        rate = [abs(v["heard_rate"] - v["rate"]) for v in one["vibrato"]]
        extent = [abs(v["heard_extent"] - v["extent"]) for v in one["vibrato"]]
        onset = np.abs([x for x in one["onset_s"] if x == x]) * 1000
        vowel = one["vowels"]
        rows.append(
            (name, rounded(max(rate), 2), rounded(max(extent), 1), rounded(float(np.median(onset)), 0),
             rounded(float(onset.max()), 0), f"{vowel['aligned']} of {vowel['wanted']}", vowel["shuffled"],
             vowel["recognised"], rounded(one["rest_dbfs"], 0))
        )  # fmt: skip
    columns = (
        "voice", "vibrato rate off by, Hz (worst)", "extent off by, cents (worst)", "onset to beat, ms (median)",
        "worst", "vowels aligned", "words shuffled", "recognised", "loudest in a rest, dBFS",
    )  # fmt: skip
    report.tables.append(Table("Vibrato, onsets, vowels, rests", columns, rows))
    columns = ("song in four parts, s", "rendered in, s", "of that harmony, s")
    row = (rounded(song["duration_s"], 0), rounded(song["wall_s"], 1), rounded(song["harmony_s"], 1))
    report.tables.append(Table("Time, engines loaded in it", columns, [row]))
    report.notes.append(
        "Vowels, after cutting held ones to 0.2 s. Aligned: pocketsphinx is told the words, no times, and puts a vowel "
        "into the commanded nucleus. Words shuffled: the same with the words in another order. Recognised: free "
        "phones, nothing told, vowels of one class count as one, longest common subsequence."
    )
    report.write(options)
    return 0


if __name__ == "__main__":
    command(main)
