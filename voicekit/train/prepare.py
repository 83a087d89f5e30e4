"""From recordings to training examples: alignment, F0, envelope, with the missing top octave filled in.

Most recordings are sampled at 16 kHz.  What lies above is predicted from what lies below by a linear map learnt
from the full-band minutes, so that everything later works at 24 kHz; losses on audio still stop at the band that
was really recorded.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from voicekit.errors import InputError
from voicekit.features.frames import HOP_LENGTH, SAMPLE_RATE, pad_to_frames
from voicekit.features.mel import band_centres
from voicekit.pitch.tracking import SPEECH_RANGE_HZ, SUNG_RANGE_HZ, track_pitch
from voicekit.text.phonemise import phonemise
from voicekit.text.phones import PHONE_ID
from voicekit.train.align import ALIGNER_RATE, AlignedPhone, align
from voicekit.train.corpus import MIN_CONFIDENCE, Utterance

ACTIVE_RMS = 0.08  #: level every utterance is brought to, over its active frames
EDGE_FRAMES = 15  #: silence kept at both ends
NARROW_HZ = 7600.0  #: what 16 kHz recordings really hold
CONTEXT = 2  #: frames on both sides that the band extension looks at

F32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Example:
    """One utterance ready for training.

    Attributes
    ----------
    key, speaker : str
    bandwidth_hz : float
        Up to where the recording holds sound.
    audio : ndarray
        (240 T,) int16 at 24 kHz.
    f0_hz : ndarray
        (T,) float32, 0 where unvoiced.
    envelope : ndarray
        (T, 80) float16, natural log of amplitude.
    phones : ndarray
        (L, 4) int16: id, stress, word start, word end; L = 0 without an alignment.
    durations : ndarray
        (L,) int16 frames, summing to T.
    """

    key: str
    speaker: str
    bandwidth_hz: float
    audio: npt.NDArray[np.int16]
    f0_hz: F32
    envelope: npt.NDArray[np.float16]
    phones: npt.NDArray[np.int16]
    durations: npt.NDArray[np.int16]


def _level(waveform: F32) -> F32:
    frames = pad_to_frames(waveform).reshape(-1, HOP_LENGTH)
    energy = (frames.astype(np.float64) ** 2).mean(1)
    active = energy[energy > energy.max() * 1e-3]
    gain = ACTIVE_RMS / np.sqrt(active.mean()) if len(active) else 1.0
    peak = float(np.abs(waveform).max()) or 1.0
    return waveform * np.float32(min(gain, 0.98 / peak))


def _trim(aligned: list[AlignedPhone], waveform: F32) -> tuple[list[AlignedPhone], F32]:
    """Cut silence beyond `EDGE_FRAMES` at the ends and make the durations sum to the frames."""
    n_frames = len(pad_to_frames(waveform)) // HOP_LENGTH
    total = sum(p.frames for p in aligned)
    aligned = list(aligned)
    last = aligned[-1]
    aligned[-1] = AlignedPhone(last.phone, max(0, last.frames + n_frames - total))
    if sum(p.frames for p in aligned) > n_frames:  # the aligner ran past the end: take it back from the last phones
        over = sum(p.frames for p in aligned) - n_frames
        for index in range(len(aligned) - 1, -1, -1):
            take = min(over, max(0, aligned[index].frames - 1))
            aligned[index] = AlignedPhone(aligned[index].phone, aligned[index].frames - take)
            over -= take
            if not over:
                break
    head = max(0, aligned[0].frames - EDGE_FRAMES)
    tail = max(0, aligned[-1].frames - EDGE_FRAMES)
    aligned[0] = AlignedPhone(aligned[0].phone, aligned[0].frames - head)
    aligned[-1] = AlignedPhone(aligned[-1].phone, aligned[-1].frames - tail)
    padded = pad_to_frames(waveform)
    return aligned, padded[head * HOP_LENGTH : len(padded) - tail * HOP_LENGTH]


def prepare_one(utterance: Utterance) -> Example | None:
    """Make the example of one recording; None where it has a text but no alignment can be found."""
    audio, rate = soundfile.read(utterance.path, dtype="float32", always_2d=True)
    believed = utterance.text if utterance.confidence >= MIN_CONFIDENCE else ""
    range_hz = SPEECH_RANGE_HZ if utterance.text else SUNG_RANGE_HZ
    return make_example(utterance.key, utterance.speaker, audio.mean(1), rate, believed, range_hz)


def make_example(
    key: str,
    speaker: str,
    samples: F32,
    rate: int,
    text: str,
    range_hz: tuple[float, float] = SPEECH_RANGE_HZ,
) -> Example | None:
    """Make an example in memory.

    Parameters
    ----------
    key, speaker : str
    samples : ndarray
        (N,) at `rate` Hz.
    rate : int
    text : str
        What is said; without one there are no phones.
    range_hz : (float, float)
        Where F0 is looked for.

    Returns
    -------
    Example or None
        None where the text was not found in the sound.
    """
    import torch

    from voicekit.features.envelope import envelope

    torch.set_num_threads(1)
    mono = _level(samples)
    phones = np.zeros((0, 4), dtype=np.int16)
    durations = np.zeros(0, dtype=np.int16)
    waveform = mono if rate == SAMPLE_RATE else soxr.resample(mono, rate, SAMPLE_RATE, quality="VHQ")
    if text:
        low = mono if rate == ALIGNER_RATE else soxr.resample(mono, rate, ALIGNER_RATE)
        aligned = align(low, phonemise(text))
        if aligned is None:
            return None
        aligned, waveform = _trim(aligned, waveform)
        phones = np.array(
            [(PHONE_ID[p.phone.symbol], p.phone.stress, p.phone.word_start, p.phone.word_end) for p in aligned],
            dtype=np.int16,
        )
        durations = np.array([p.frames for p in aligned], dtype=np.int16)
    waveform = pad_to_frames(waveform.astype(np.float32))
    track = track_pitch(waveform, SAMPLE_RATE, range_hz=range_hz)
    f0 = track.f0_hz[: len(waveform) // HOP_LENGTH].astype(np.float32)
    env = envelope(torch.from_numpy(waveform), torch.from_numpy(f0)).numpy()
    return Example(
        key=key,
        speaker=speaker,
        bandwidth_hz=NARROW_HZ if rate <= 16_000 else min(rate / 2 * 0.95, 12_000.0),
        audio=(np.clip(waveform, -1, 1) * 32767).astype(np.int16),
        f0_hz=f0,
        envelope=env.astype(np.float16),
        phones=phones,
        durations=durations,
    )


def _stack(env: F32) -> F32:
    """Add `CONTEXT` frames of context on both sides and a constant: (T, B) -> (T, B (2 c + 1) + 1)."""
    padded = np.pad(env, ((CONTEXT, CONTEXT), (0, 0)), mode="edge")
    parts = [padded[i : i + len(env)] for i in range(2 * CONTEXT + 1)]
    return np.concatenate([*parts, np.ones((len(env), 1), dtype=np.float32)], axis=1).astype(np.float32)


def fit_band_extension(examples: list[Example], ridge: float = 30.0) -> tuple[int, F32]:
    """Linear map from the bands below `NARROW_HZ` to those above, learnt from full-band examples.

    Returns
    -------
    low_bands : int
    matrix : ndarray
        (low_bands * 5 + 1, 80 - low_bands)
    """
    low_bands = int((band_centres() < NARROW_HZ).sum())
    full = [e for e in examples if e.bandwidth_hz > 10_000]
    x = np.concatenate([_stack(e.envelope.astype(np.float32)[:, :low_bands]) for e in full]).astype(np.float64)
    y = np.concatenate([e.envelope.astype(np.float32)[:, low_bands:] for e in full]).astype(np.float64)
    solution = np.linalg.solve(x.T @ x + ridge * np.eye(x.shape[1]), x.T @ y)
    return low_bands, solution.astype(np.float32)


def extend_band(env: F32, low_bands: int, matrix: F32) -> F32:
    """Replace the bands from `low_bands` on by their prediction, (T, 80) -> (T, 80)."""
    return np.concatenate([env[:, :low_bands], _stack(env[:, :low_bands]) @ matrix], axis=1)


def save(example: Example, folder: Path) -> None:
    """Write one example as ``.npz``, aside and then under its name."""
    name = example.key.replace("/", "__").rsplit(".", 1)[0]
    aside = folder / f"{name}.partial"
    with aside.open("wb") as handle:
        np.savez(handle, **example.__dict__)
    aside.rename(folder / f"{name}.npz")


def load_all(folder: Path) -> list[Example]:
    """Read every example of a prepared folder, sorted by key."""
    found = []
    for path in sorted(folder.glob("*.npz")):
        try:
            with np.load(path, allow_pickle=False) as data:
                fields = {k: data[k] for k in data.files}
            for text_field in ("key", "speaker"):
                fields[text_field] = str(fields[text_field])
            fields["bandwidth_hz"] = float(fields["bandwidth_hz"])
            found.append(Example(**fields))
        except (OSError, ValueError, TypeError, KeyError, EOFError, AttributeError, zipfile.BadZipFile) as error:
            problem = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(
                path, "", f"this is no prepared example ({problem})", "delete it and prepare anew"
            ) from None
    return sorted(found, key=lambda e: e.key)


def prepare(utterances: list[Utterance], folder: Path, workers: int = 2) -> dict[str, object]:
    """Prepare a whole corpus into ``folder/examples`` (already prepared files are kept) and say what was used.

    Returns
    -------
    dict
        The data manifest: per subset the examples and minutes used, what failed to align, and one digest over
        names and audio of all examples, which the voice cards repeat.
    """
    target = folder / "examples"
    target.mkdir(parents=True, exist_ok=True)
    missing = [u for u in utterances if not (target / f"{u.key.replace('/', '__').rsplit('.', 1)[0]}.npz").exists()]
    failed: list[str] = []
    with ProcessPoolExecutor(workers) as pool:
        for utterance, example in zip(missing, pool.map(prepare_one, missing, chunksize=4), strict=True):
            if example is None:
                failed.append(utterance.key)
            else:
                save(example, target)
    examples = load_all(target)
    low_bands, matrix = fit_band_extension(examples)
    for example in examples:
        if example.bandwidth_hz > 10_000:
            continue
        extended = extend_band(example.envelope.astype(np.float32), low_bands, matrix)
        save(Example(**{**example.__dict__, "envelope": extended.astype(np.float16)}), target)
    np.savez(folder / "band_extension.npz", low_bands=low_bands, matrix=matrix)
    digest = hashlib.sha256()
    subsets: dict[str, dict[str, float]] = {}
    for example in examples:
        digest.update(example.key.encode() + hashlib.sha256(example.audio.tobytes()).digest())
        row = subsets.setdefault(example.key.split("/")[0], {"examples": 0, "minutes": 0.0})
        row["examples"] += 1
        row["minutes"] = round(row["minutes"] + len(example.audio) / SAMPLE_RATE / 60, 3)
    manifest: dict[str, object] = {"subsets": subsets, "failed_to_align": failed, "sha256": digest.hexdigest()}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return manifest
