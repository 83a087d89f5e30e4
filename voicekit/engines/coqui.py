"""The coqui engine: models of coqui-tts 0.28, under the same gate, calls and pitch layer as the house voices.

The one file that imports ``TTS``.  What is loaded is a private copy whose bytes were hashed (see `coqui_files`); what
is made is brought to 24 kHz, and told its pitch, and where the model cannot, its pace, by overlap-add.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import random
import re
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from consent import Operand
from voicekit.audio import Audio, resample
from voicekit.engines.coqui_files import SUFFIXES, VOCODER, WAVLM, ModelFolder, copy_model, read_folder
from voicekit.engines.coqui_table import Terms, terms_of
from voicekit.errors import InputError, UsageError
from voicekit.features.frames import SAMPLE_RATE

__all__ = ["CoquiModel", "find_model"]

F32 = npt.NDArray[np.float32]
VERSION = "coqui-1"
PLACE = "tts"  # coqui's own folder for what it downloads, under $TTS_HOME or the user's data folder
WAVLM_FILE, ENCODER_FILE = "WavLM-Large.pt", "speaker_encoder.pt"
_ADDRESS = "https://github.com/coqui-ai/TTS/releases/download/v0.13.0_models/"
_PAD = 10_000  # samples of silence that coqui puts behind each sentence
_QUIET_DB = -55.0
_MARGIN_S = 0.03
_XTTS_REFERENCE_S = 30
_loading = threading.RLock()  # coqui reads the environment and torch's one generator


def require_coqui() -> None:
    """Say what is missing where coqui-tts is not installed."""
    if importlib.util.find_spec("TTS") is None:
        raise UsageError("coqui-tts is not installed", "pip install 'voicekit[coqui]'")


def _home() -> Path:
    from trainer.io import get_user_data_dir  # comes with coqui-tts

    return Path(get_user_data_dir(PLACE))


def find_model(place: str, *, fetch: bool = False, told: Callable[[str], None] = lambda text: None) -> ModelFolder:
    """A model by coqui's name or by its folder; nothing of it is loaded.

    Parameters
    ----------
    place : str
        ``tts_models/en/vctk/vits``, ``voice_conversion_models/multilingual/vctk/freevc24`` or a folder.
    fetch : bool
        Download a model asked for by its name which is not here yet.
    told : callable
        Told in one line what is being fetched.

    Raises
    ------
    voicekit.errors.UsageError
        No such model; not here and not to be fetched; no network; coqui-tts is not installed.
    voicekit.errors.InputError
        Files that are no model.
    """
    terms = terms_of(place)
    if terms is None:
        folder = Path(place).expanduser()
        if not folder.is_dir():
            raise UsageError(f"there is no model {place}", "give a coqui name (tts_models/en/vctk/vits) or a folder")
        return read_folder(folder.resolve(), str(folder.resolve()))
    require_coqui()
    return _named(place, terms, fetch, told)


def _named(place: str, terms: Terms, fetch: bool, told: Callable[[str], None]) -> ModelFolder:
    from TTS.utils.manage import ModelManager

    # Its progress goes to the terminal's error stream by tqdm.
    manager = ModelManager(progress_bar=True)
    kind, language, corpus, name = place.split("/")
    try:
        item = manager.models_dict[kind][language][corpus][name]
    except KeyError:
        raise UsageError(f"coqui-tts knows no model {place}", "see `tts --list_models`") from None
    folder = _home() / place.replace("/", "--")
    vocoder = item.get("default_vocoder")
    needs = [(place, folder)] + ([(vocoder, _home() / vocoder.replace("/", "--"))] if vocoder else [])
    extra: dict[str, Path] = {}
    for wanted, where in needs:
        root = _present(where)
        if root is None and "repo_id" in manager._set_model_item(wanted)[0]:
            root = _snapshot(manager._set_model_item(wanted)[0])
        if root is None:
            root = _fetch(manager, wanted, where, fetch, told)
        if wanted == place:
            folder = root
        else:
            extra |= {f"{VOCODER}/{n}": p for n, p in read_folder_files(root)}
    family = "freevc" if "freevc" in name else "knnvc" if name == "knnvc" else ""
    for file, inside, families in ((WAVLM_FILE, WAVLM, "freevc knnvc"), (ENCODER_FILE, "", "freevc")):
        if family and family in families:
            path = _home() / "wavlm" / file if inside else folder / file
            if not path.is_file():
                _fetch_file(_ADDRESS + file, path, fetch, told, place)
            extra[f"{inside}/{file}" if inside else file] = path
    return read_folder(folder, place, terms, extra)


def read_folder_files(folder: Path) -> list[tuple[str, Path]]:
    """Files of a vocoder that lies in a folder of its own."""
    return [(path.name, path) for path in sorted(folder.iterdir()) if path.is_file() and path.name.endswith(SUFFIXES)]


def _present(folder: Path) -> Path | None:
    """Where the configuration lies in a folder that was downloaded before."""
    found = sorted(folder.rglob("config.json"), key=lambda path: len(path.parts)) if folder.is_dir() else []
    return found[0].parent if found else None


def _snapshot(item: Mapping[str, Any]) -> Path | None:
    """Where the Hugging Face hub keeps a model, if it is here; the network is not asked."""
    try:
        from huggingface_hub import snapshot_download

        return _present(Path(snapshot_download(item["repo_id"], local_files_only=True)))
    except (OSError, ValueError, ImportError):
        return None


def _fetch(manager: Any, name: str, folder: Path, fetch: bool, told: Callable[[str], None]) -> Path:
    item = manager._set_model_item(name)[0]
    source = item.get("github_rls_url") or item.get("repo_id") or "coqui's model list"
    address = ", ".join(source) if isinstance(source, list) else str(source)
    where = f"fetch {address} on a machine with a network and unpack it into {folder}"
    if not fetch:
        raise UsageError(f"the model {name} is not on this machine", f"name it with --engine coqui:{name}, or {where}")
    if item.get("tos_required") and os.environ.get("COQUI_TOS_AGREED") != "1":
        raise UsageError(
            f"{name} is under {item.get('license')}, which asks for your agreement before it is fetched",
            "read https://tts-hub.github.io/cpml (no commercial use), then set COQUI_TOS_AGREED=1",
        )
    told(f"fetching {name} ({address})")
    try:
        manager.download_model(name)
    except Exception as problem:  # requests, zip, the hub and coqui itself each have their own
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
        why = " ".join(str(problem).split())[:160] or type(problem).__name__
        raise UsageError(f"the model {name} could not be fetched ({why})", where) from None
    root = _present(folder) or _snapshot(item)
    if root is None:
        raise UsageError(f"what was fetched for {name} holds no config.json", where)
    return root


def _fetch_file(address: str, path: Path, fetch: bool, told: Callable[[str], None], name: str) -> None:
    where = f"fetch {address} on a machine with a network and put it at {path}"
    if not fetch:
        raise UsageError(f"{path.name} of the model {name} is not on this machine", where)
    told(f"fetching {address}")
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(address, str(part), progress=True)
        part.replace(path)
    except OSError as problem:
        part.unlink(missing_ok=True)
        raise UsageError(f"{path.name} could not be fetched ({problem})", where) from None


class CoquiModel:
    """A loaded model, that anybody may load and nobody may let speak but an engine that was shown a permit.

    Parameters
    ----------
    model : ModelFolder

    Attributes
    ----------
    operands : tuple of Operand
        Every file, hashed from the very bytes that were loaded.
    speakers, languages : tuple of str
        Whom and what it can speak; empty where it has one speaker only.

    Raises
    ------
    voicekit.errors.InputError
        Coqui's own loading code cannot make a model of these files.
    voicekit.errors.UsageError
        coqui-tts is not installed.
    """

    def __init__(self, model: ModelFolder) -> None:
        require_coqui()
        from importlib.metadata import version

        self.folder = model
        self.version = f"{VERSION} {version('coqui-tts')}"
        logging.getLogger("TTS").setLevel(logging.ERROR)
        with _loading, tempfile.TemporaryDirectory(prefix="voicekit-coqui-") as private:
            # coqui takes the kind of a converter from its path
            place = Path(private) / ("OpenVoice" if model.family == "openvoice" else "model")
            place.mkdir(mode=0o700)
            self.operands: tuple[Operand, ...] = copy_model(model, place)
            try:
                self._synthesizer: Any = self._load(place)
            except (InputError, UsageError):
                raise
            except Exception as problem:  # whatever a damaged or hostile file makes of it
                why = " ".join(str(problem).split())[:200] or type(problem).__name__
                raise InputError(model.place, "", f"coqui cannot load it: {why}", "Fetch the model anew.") from None
        self._engine: Any = self._synthesizer.vc_model if model.converts else self._synthesizer.tts_model
        self._engine.eval()
        speakers = getattr(self._engine, "speaker_manager", None)
        self.speakers: tuple[str, ...] = tuple(sorted(map(str, _names(speakers))))
        self.languages: tuple[str, ...] = self._languages()

    def _languages(self) -> tuple[str, ...]:
        if self.folder.converts:
            return ()
        if self.folder.family == "xtts":
            return tuple(self._engine.config.languages)
        named = tuple(self._engine.language_manager.language_names)
        if named:
            return named
        told = self.folder.config.get("phoneme_language") or _language_of(self.folder.place)
        return (str(told),) if told else ("en",)

    def _load(self, place: Path) -> Any:
        from TTS.utils.synthesizer import Synthesizer

        model = self.folder
        for name in {"freevc": (f"{WAVLM}/{WAVLM_FILE}",), "knnvc": (f"{WAVLM}/{WAVLM_FILE}",)}.get(model.family, ()):
            if not (place / name).is_file():
                raise InputError(model.place, name, "is missing", f"Put it there; it is {_ADDRESS}{WAVLM_FILE}.")
        weights, vocoder = model.weights, model.vocoder
        chosen: dict[str, Any] = {}
        if vocoder:
            chosen = {"vocoder_checkpoint": place / vocoder, "vocoder_config": place / VOCODER / "config.json"}
        _refuse_program(place / WAVLM / WAVLM_FILE)
        with _own_files(place):
            if model.converts:
                return Synthesizer(
                    vc_checkpoint=str(place / (weights or "none.pth")), vc_config=place / "config.json", **chosen
                )
            at = place if model.family == "xtts" else place / weights
            return Synthesizer(tts_checkpoint=at, tts_config_path=place / "config.json", **chosen)

    # -- what engines call under a permit -----------------------------------------------------

    def say(self, text: str, *, speaker: str, language: str, rate: float, seed: int, voice: Mapping[str, Any]) -> F32:
        """Samples (N,) at 24 kHz of one sentence, no silence around it; its pace is as asked."""
        from voicekit.pitch.told import stretch

        own_pace = self._pace(rate)
        with _seeded(seed), torch.inference_mode():
            if self.folder.family == "xtts":
                made = self._say_xtts(text, speaker, language, rate, voice)
                own_pace = True
            else:
                made = self._synthesizer.tts(
                    text,
                    speaker_name=speaker or None,
                    language_name=language if len(self.languages) > 1 else None,
                    split_sentences=False,
                )
                made = np.asarray(made, dtype=np.float32)[:-_PAD]
        sound = self._at_rate(np.asarray(made, dtype=np.float32).reshape(-1))
        return trim(sound if own_pace else stretch(sound, 1.0 / rate))

    def _pace(self, rate: float) -> bool:
        """Tell the model its pace, if it has one to be told."""
        if not isinstance(getattr(self._engine, "length_scale", None), (int, float)):
            return rate == 1.0
        if not hasattr(self, "_length"):
            self._length = float(self._engine.length_scale)
        self._engine.length_scale = self._length / rate
        return True

    def _say_xtts(self, text: str, speaker: str, language: str, rate: float, voice: Mapping[str, Any]) -> Any:
        config = self._engine.config
        if voice:
            latents, embedding = voice["gpt_conditioning_latents"], voice["speaker_embedding"]
        else:
            latents, embedding = self._engine.speaker_manager.speakers[speaker].values()
        made = self._engine.inference(
            text,
            language,
            latents,
            embedding,
            temperature=config.temperature,
            length_penalty=config.length_penalty,
            repetition_penalty=config.repetition_penalty,
            top_k=config.top_k,
            top_p=config.top_p,
            speed=rate,
            enable_text_splitting=True,
        )
        return made["wav"]

    def learn(self, recordings: Sequence[Audio]) -> dict[str, torch.Tensor]:
        """What the model remembers of a speaker: tensors, from recordings that never touch the disk.

        Raises
        ------
        voicekit.errors.UsageError
            This model learns nobody's voice.
        """
        family, engine = self.folder.family, self._engine
        with _seeded(0), torch.inference_mode():
            if family == "xtts":
                return self._learn_xtts(recordings)
            if family in ("freevc", "openvoice"):
                rate = int(engine.config.audio.input_sample_rate)
                return {"speaker_embedding": engine._extract_target_se([_tensor(one, rate) for one in recordings])}
            if family == "knnvc":
                rate = int(engine.config.audio.sample_rate)
                return {"matching_set": engine.get_matching_set([_tensor(one, rate) for one in recordings], 0)}
        what = f"{self.folder.place} ({family}) learns nobody's voice"
        raise UsageError(what, "use XTTS, FreeVC, kNN-VC or OpenVoice")

    def _learn_xtts(self, recordings: Sequence[Audio]) -> dict[str, torch.Tensor]:
        engine, config, rate = self._engine, self._engine.config, 22_050
        sounds = [_tensor(one, rate)[:, : rate * _XTTS_REFERENCE_S] for one in recordings]
        embeddings = [engine.get_speaker_embedding(sound, rate) for sound in sounds]
        latents = engine.get_gpt_cond_latents(
            torch.cat(sounds, dim=-1), rate, length=config.gpt_cond_len, chunk_length=config.gpt_cond_chunk_len
        )
        return {"gpt_conditioning_latents": latents, "speaker_embedding": torch.stack(embeddings).mean(dim=0)}

    def turn(self, waveform: F32, voice: Mapping[str, torch.Tensor], seed: int) -> F32:
        """A piece of a take (N,) at 24 kHz in the voice that was learnt, (N,): the model's own pitch."""
        family, engine = self.folder.family, self._engine
        source = Audio(waveform, SAMPLE_RATE)
        with _seeded(seed), torch.inference_mode():
            if family == "knnvc":
                heard = engine.get_features(_tensor(source, int(engine.config.audio.sample_rate)))
                pool = voice["matching_set"]
                found = engine.match(heard, pool, topk=min(engine.config.topk, len(pool)))
                made = self._synthesizer.vocoder_model.inference(found)
            elif family == "openvoice":
                own, spectrum = engine.extract_se(_tensor(source, int(engine.config.audio.input_sample_rate)))
                made = engine.inference(spectrum, {"g_src": own, "g_tgt": voice["speaker_embedding"]})["model_outputs"]
            else:
                heard = engine.load_audio(_tensor(source, int(engine.config.audio.input_sample_rate)))
                made = engine.inference(engine.extract_wavlm_features(heard), g=voice["speaker_embedding"])
        sound = self._at_rate(made.reshape(-1).float().cpu().numpy())
        return np.pad(sound[: len(waveform)], (0, max(0, len(waveform) - len(sound))))

    def _at_rate(self, samples: F32) -> F32:
        clean = np.nan_to_num(np.ascontiguousarray(samples, dtype=np.float32))
        made: F32 = resample(Audio(clean, int(self._synthesizer.output_sample_rate)), SAMPLE_RATE).samples
        return made


def _language_of(place: str) -> str:
    parts = place.split("/")
    return parts[1] if len(parts) == 4 and parts[0] == "tts_models" else ""


def _names(speakers: Any) -> Sequence[Any]:
    if speakers is None:
        return ()
    for attribute in ("speakers", "name_to_id"):
        found = getattr(speakers, attribute, None)
        if found:
            return tuple(found)
    return tuple(getattr(speakers, "embedding_names", None) or ())


def _tensor(sound: Audio, sample_rate: int) -> torch.Tensor:
    """(1, N) at a model's rate."""
    return torch.from_numpy(np.array(resample(sound, sample_rate).samples, dtype=np.float32))[None]


def trim(sound: F32) -> F32:
    """Without the silence before and behind it."""
    loud = np.flatnonzero(np.abs(sound) > 10.0 ** (_QUIET_DB / 20.0) * max(1e-9, float(np.abs(sound).max(initial=0.0))))
    if not len(loud):
        return sound
    margin = round(_MARGIN_S * SAMPLE_RATE)
    return sound[max(0, loud[0] - margin) : loud[-1] + 1 + margin]


def _refuse_program(path: Path) -> None:
    """Coqui evaluates the text that describes WavLM's convolutions: nothing but numbers may stand in it."""
    if not path.is_file():
        return
    try:
        config = torch.load(path, map_location="cpu", weights_only=True, mmap=True)["cfg"]
        told = [str(value) for key, value in dict(config).items() if key == "conv_feature_layers"]
    except Exception as problem:  # whatever a damaged or hostile file makes of it
        why = " ".join(str(problem).split())[:160]
        raise InputError(path.name, "", f"this is no WavLM: {why}", "Fetch it anew.") from None
    if not all(re.fullmatch(r"[\d\s()\[\],+*]{1,400}", text) for text in told):
        raise InputError(path.name, "conv_feature_layers", "a program stands where numbers belong", "Fetch it anew.")


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Torch's and Python's one generator, seeded and put back."""
    with _loading:
        kept, other = random.getstate(), np.random.get_state()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            random.seed(seed)
            np.random.seed(seed)
            try:
                yield
            finally:
                random.setstate(kept)
                np.random.set_state(other)


@contextlib.contextmanager
def _own_files(place: Path) -> Iterator[None]:
    """Let coqui find WavLM and FreeVC's speaker encoder among the files that were hashed, not where it looks itself."""
    from TTS.vc.models import freevc

    encoder = place / ENCODER_FILE

    def load_encoder(self: Any) -> None:
        if not encoder.is_file():
            where = f"Put it beside config.json; it is {_ADDRESS}{ENCODER_FILE}."
            raise InputError(ENCODER_FILE, "", "is missing", where)
        self.enc_spk_ex = freevc.SpeakerEncoderEx(str(encoder))

    kept = {name: os.environ.get(name) for name in ("TTS_HOME", "HF_HUB_OFFLINE")}
    original = freevc.FreeVC.load_pretrained_speaker_encoder
    home = place / "home"
    if (place / WAVLM).is_dir():
        (home / PLACE).mkdir(parents=True)
        (home / PLACE / "wavlm").symlink_to(place / WAVLM, target_is_directory=True)
    os.environ |= {"TTS_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    freevc.FreeVC.load_pretrained_speaker_encoder = load_encoder
    try:
        yield
    finally:
        freevc.FreeVC.load_pretrained_speaker_encoder = original
        for name, value in kept.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
