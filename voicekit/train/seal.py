"""Measuring that a voice is nobody's, writing its card, signing its record.

The measure is a speaker verifier that had no part in training (resemblyzer).  It answers two questions about the
training speakers first: how alike a reader and their own nearest stranger are, and how alike a reader and
themselves are.  A voice is *no-donor* if it is less like its nearest training speaker than both.
"""

from __future__ import annotations

import json
import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from consent import UNLIMITED, DataSource, Operand, PublicKey, Scope, SigningKey, sign_record
from voicekit.audio import Audio, resample
from voicekit.engines.house import HouseEngine
from voicekit.engines.voices import WEIGHTS_LICENSE, VoiceInfo
from voicekit.errors import UsageError, VoicekitError
from voicekit.features.frames import SAMPLE_RATE
from voicekit.train.card import Made, card_of, coverage, record_operands, write_card
from voicekit.train.corpus import ATTRIBUTIONS
from voicekit.train.pack import HOUSE, HouseVoice
from voicekit.train.prepare import Example, load_all

VERIFIER_RATE = 16_000
SENTENCES = (
    "The path along the river was dry again by noon.",
    "Nobody in the village could say who had lit the lamps.",
    "She counted nine boats, and then a tenth, far out by the rocks.",
    "Give the old dog some water before you go.",
    "A thin rain was falling when they opened the gate.",
    "There is a good reason why the clock in the hall is always late.",
    "Every window on the north side was painted blue.",
    "They walked home slowly, and talked of other things.",
)
LICENCES = {
    "librispeech_clean": "CC-BY-4.0", "librispeech_other": "CC-BY-4.0", "ljspeech": "LicenseRef-public-domain",
    "vctk": "CC-BY-4.0", "thorsten": "CC0-1.0", "awb": "LicenseRef-CMU-free",
    "vocobox": "MIT", "flite": "LicenseRef-CMU-free",
}  # fmt: skip

F32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class SpeakerMeasure:
    """Similarities by the verifier, cosine from -1 to 1.

    Attributes
    ----------
    stranger_median : float
        Over readers, the similarity to the nearest other reader: its median.
    same_mean, same_p05 : float
        Of two halves of one reader's speech: mean and 5th percentile.
    speakers : dict
        Unit embedding (256,) of each training speaker.
    """

    stranger_median: float
    same_mean: float
    same_p05: float
    speakers: dict[str, F32]


def speaker_encoder() -> Callable[[Audio], F32]:
    """The speaker verifier: unit embeddings (256,) of recordings.

    Raises
    ------
    voicekit.errors.UsageError
        resemblyzer is not installed.
    """
    try:
        from resemblyzer import VoiceEncoder, preprocess_wav  # 16 s to import
    except ImportError as problem:
        raise UsageError(f"the speaker verifier is not installed: {problem}", "pip install 'voicekit[train]'") from None

    encoder = VoiceEncoder("cpu", verbose=False)

    def embed(audio: Audio) -> F32:
        low = resample(audio, VERIFIER_RATE).samples
        found: F32 = encoder.embed_utterance(preprocess_wav(low, source_sr=VERIFIER_RATE))
        return found

    return embed


def recordings_of(examples: list[Example]) -> dict[str, list[F32]]:
    """The aligned recordings of each speaker, at 24 kHz."""
    audio: dict[str, list[F32]] = {}
    for example in examples:
        if len(example.phones) >= 4:
            audio.setdefault(example.speaker, []).append(example.audio.astype(np.float32) / 32768.0)
    return audio


def measure_speakers(
    audio: dict[str, list[F32]], embed: Callable[[Audio], F32], seconds: float = 40.0
) -> SpeakerMeasure:
    """Embed every speaker (at most `seconds` of each, at 24 kHz) and compare them with each other and themselves."""
    whole: dict[str, F32] = {}
    same: list[float] = []
    for name, parts in audio.items():
        wave = np.concatenate(parts)[: int(seconds * SAMPLE_RATE)]
        whole[name] = embed(Audio(wave, SAMPLE_RATE))
        if len(wave) >= 8 * SAMPLE_RATE:
            half = len(wave) // 2
            same.append(float(embed(Audio(wave[:half], SAMPLE_RATE)) @ embed(Audio(wave[half:], SAMPLE_RATE))))
    names = sorted(whole)
    table = np.stack([whole[n] for n in names])
    alike = table @ table.T
    np.fill_diagonal(alike, -1.0)
    return SpeakerMeasure(float(np.median(alike.max(1))), float(np.mean(same)), float(np.quantile(same, 0.05)), whole)


def remembered(work: Path, digest: str, make: Callable[[], SpeakerMeasure]) -> SpeakerMeasure:
    """The speakers' measure for this very data, from ``work/speaker_measure.npz`` if it lies there."""
    path = work / "speaker_measure.npz"
    if path.is_file():
        with np.load(path, allow_pickle=False) as found:
            if str(found["digest"]) == digest:
                return SpeakerMeasure(
                    float(found["stranger_median"]),
                    float(found["same_mean"]),
                    float(found["same_p05"]),
                    dict(zip([str(n) for n in found["names"]], found["table"], strict=True)),
                )
    made = make()
    names = sorted(made.speakers)
    aside = path.with_suffix(".partial")
    with aside.open("wb") as handle:
        np.savez(
            handle,
            digest=digest,
            stranger_median=made.stranger_median,
            same_mean=made.same_mean,
            same_p05=made.same_p05,
            names=np.array(names),
            table=np.stack([made.speakers[n] for n in names]),
        )
    aside.rename(path)
    return made


def _metrics_on_card(folder: Path) -> dict[str, Any]:
    """What a card says already."""
    try:
        return dict(tomllib.loads((folder / "card.toml").read_text(encoding="utf-8")).get("metrics", {}))
    except (OSError, ValueError):
        return {}


def _sign(
    key: SigningKey,
    voice: HouseVoice,
    engine: HouseEngine,
    data: list[DataSource],
    measured: dict[str, Any],
    now: int,
) -> bytes:
    return sign_record(
        key,
        voice=voice.name,
        publisher="voicekit",
        offered=Scope(
            modes=("speech", "singing", "conversion"), purposes=("any",), commercial=True, languages=("any",),
            territories=("001",), content_refused=("impersonation",), titles=("any",),
            max_renders=UNLIMITED, max_seconds=UNLIMITED,
        ),
        weights=[Operand(o.name, o.sha256, o.role, o.license) for o in record_operands(engine)],
        data=data,
        measurement=measured,
        recipe=f"blend of {voice.count} readers, register {voice.register}; see the card and voicekit/train",
        time=now,
    )  # fmt: skip


def provisional(folder: Path, voice: HouseVoice, key: SigningKey, data: list[DataSource], now: int) -> HouseEngine:
    """Sign a record that says no more than what the voice is made of, so that the gate lets it be measured."""
    engine = HouseEngine(VoiceInfo(voice.name, folder, {"weights_license": WEIGHTS_LICENSE}))
    (folder / "record.dsse.json").write_bytes(_sign(key, voice, engine, data, {"state": "provisional"}, now))
    write_card(folder / "card.toml", {"name": voice.name, "weights_license": WEIGHTS_LICENSE})
    return engine


Audition = Callable[[Path, Sequence[str], PublicKey], Audio]
"""Lets the voice of a folder say sentences: `voicekit.studio.audition`, handed down, since sound needs the gate."""


def seal(work: Path, out: Path, metrics: Path | None, audition: Audition, log: Callable[[str], None]) -> None:
    """Measure and sign every voice in `out`, with a new release key whose private half is not kept.

    Parameters
    ----------
    work : Path
        The training's folder.
    out : Path
        Packed voices.
    metrics : Path, optional
        JSON of ``{voice: {metric: number}}`` measured elsewhere, repeated on the cards; without it, what
        the cards say already stays.
    audition : callable
        How a voice is heard.

    Raises
    ------
    voicekit.errors.VoicekitError
        A voice is too like a training speaker; nothing is signed.
    """
    manifest = json.loads((work / "manifest.json").read_text(encoding="utf-8"))
    unknown = set(manifest["subsets"]) - set(ATTRIBUTIONS)
    if unknown:
        raise UsageError(f"no licence is known for {', '.join(sorted(unknown))}", "name it in voicekit/train/corpus.py")
    embed = speaker_encoder()
    examples = load_all(work / "examples")
    speakers = remembered(work, manifest["sha256"], lambda: measure_speakers(recordings_of(examples), embed))
    log(f"nearest stranger {speakers.stranger_median:.3f} (median), same {speakers.same_p05:.3f} (5th percentile)")
    key = SigningKey.generate()
    now = int(time.time())
    data = [
        DataSource(name=name, license=LICENCES[name], attribution=ATTRIBUTIONS[name], sha256="")
        for name in sorted(manifest["subsets"])
    ]
    covered = coverage(examples)
    extra: dict[str, dict[str, Any]] = {voice.name: _metrics_on_card(out / voice.name) for voice in HOUSE}
    if metrics:
        extra |= json.loads(metrics.read_text(encoding="utf-8"))
    for voice in HOUSE:
        folder = out / voice.name
        engine = provisional(folder, voice, key, data, now)
        mine = embed(audition(folder, SENTENCES, key.public))
        alike = {name: float(mine @ other) for name, other in speakers.speakers.items()}
        nearest = max(alike.values())
        log(f"{voice.name}: most like a training speaker {nearest:.3f} ({max(alike, key=lambda n: alike[n])})")
        if nearest >= min(speakers.stranger_median, speakers.same_p05):
            raise VoicekitError(f"{voice.name} is too like a training speaker ({nearest:.3f}); blend more readers")
        measured = {
            "verifier": "resemblyzer 0.1.4",
            "nearest_training_speaker_ppm": round(nearest * 1e6),
            "nearest_stranger_median_ppm": round(speakers.stranger_median * 1e6),
            "same_speaker_p05_ppm": round(speakers.same_p05 * 1e6),
            "same_speaker_mean_ppm": round(speakers.same_mean * 1e6),
            "speakers_compared": len(speakers.speakers),
            "data_manifest_sha256": manifest["sha256"],
        }
        (folder / "record.dsse.json").write_bytes(_sign(key, voice, engine, data, measured, now))
        made = Made(engine, measured, data, manifest, extra.get(voice.name, {}), covered)
        write_card(folder / "card.toml", card_of(voice, made))
        tomllib.loads((folder / "card.toml").read_text(encoding="utf-8"))
    keys = {"keys": [{"key": key.public.did, "since": now, "voices": [v.name for v in HOUSE]}]}
    (out / "release_keys.json").write_text(json.dumps(keys, indent=1) + "\n")
