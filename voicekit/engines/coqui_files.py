# ruff: noqa: SIM905 - a list of words
"""The files of a coqui model: which they are, under what terms, and a private copy whose very bytes were hashed.

Coqui's loading code opens paths by itself, some of them named in ``config.json``, some at addresses of its own.  So
that nothing is loaded which was not hashed, every file is copied into a private folder while its hash is taken, the
paths in the configuration are made to point there, and the model is loaded from there alone.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from consent import Operand
from voicekit.engines.coqui_table import Terms
from voicekit.errors import InputError, UsageError

__all__ = [
    "FAMILIES",
    "ModelFolder",
    "copy_model",
    "hash_model",
    "make_terms",
    "read_folder",
    "read_voice_file",
    "voice_file",
]

VOICE_FORMAT = "voicekit-coqui-voice/1"
TERMS_FILE = "license.toml"
VOCODER, WAVLM = "vocoder", "wavlm"  #: folders inside a model's
SUFFIXES = (".json", ".pth", ".pt", ".pth.tar", ".npy")
_WEIGHTS = ("model_file.pth", "model_file.pth.tar", "model.pth", "best_model.pth", "checkpoint.pth")
_NO_WEIGHTS = ("speaker", "language", "dvae", "mel_stats", "model_se", "config_se", "hubert")
_LARGEST_CONFIG = 64 << 20

FAMILIES = {
    "vits": "tts", "fast_pitch": "tts", "fastspeech2": "tts", "fast_speech": "tts", "speedy_speech": "tts",
    "forward_tts": "tts", "glow_tts": "tts", "tacotron": "tts", "tacotron2": "tts", "overflow": "tts",
    "neuralhmm_tts": "tts", "xtts": "tts", "freevc": "convert", "knnvc": "convert", "openvoice": "convert",
}  # fmt: skip
"""What ``model`` in a configuration may be, and what such a model does."""

# Places that only training reads: whatever they name is not looked for.
_TRAINING = frozenset(
    """output_path log_path phoneme_cache_path f0_cache_path energy_cache_path attn_prior_cache_path test_sentences_file
    meta_file_train meta_file_val meta_file_attn_mask restore_path continue_path pretrained_model_path
    gpt_checkpoint clvp_checkpoint decoder_checkpoint dvae_checkpoint xtts_checkpoint path""".split()
)


@dataclass(frozen=True)
class ModelFolder:
    """A model that lies on the disk.

    Attributes
    ----------
    place : str
        As it was asked for: a coqui name or a folder.
    files : tuple of (str, Path)
        Name inside the model (``config.json``, ``vocoder/config.json``), and where it lies.
    config : dict
        ``config.json``.
    family : str
        Of `FAMILIES`.
    terms : Terms
    """

    place: str
    files: tuple[tuple[str, Path], ...]
    config: Mapping[str, Any]
    family: str
    terms: Terms

    @property
    def converts(self) -> bool:
        """Whether it turns one voice into another instead of speaking text."""
        return FAMILIES[self.family] == "convert"

    @property
    def weights(self) -> str:
        """Name of the weights among `files`; empty where the family has none of its own (kNN-VC)."""
        return _pick([name for name, _ in self.files if "/" not in name], self.place, self.family == "knnvc")

    @property
    def vocoder(self) -> str:
        """Name of the vocoder's weights; empty where it has none."""
        inside = [name for name, _ in self.files if name.startswith(f"{VOCODER}/")]
        if not inside:
            return ""
        return f"{VOCODER}/" + _pick([name.removeprefix(f"{VOCODER}/") for name in inside], f"{self.place}/vocoder")

    def under(self, terms: Terms) -> ModelFolder:
        """The same under other terms."""
        return replace(self, terms=terms)


def _pick(names: list[str], place: str, optional: bool = False) -> str:
    found = [n for n in names if n.endswith((".pth", ".pt", ".pth.tar")) and not n.startswith(_NO_WEIGHTS)]
    for wanted in _WEIGHTS:
        if wanted in found:
            return wanted
    if len(found) == 1:
        return found[0]
    if not found and optional:
        return ""
    what = f"{len(found)} files could be the weights" if found else "no weights are in it"
    raise InputError(place, "", what, "Name them model_file.pth, beside config.json.")


def read_folder(
    folder: Path, place: str = "", terms: Terms | None = None, extra: Mapping[str, Path] | None = None
) -> ModelFolder:
    """Look at a model's folder; nothing of it is loaded.

    Parameters
    ----------
    folder : Path
        ``config.json`` and weights, speaker files beside them, the vocoder in ``vocoder/``, WavLM in ``wavlm/``.
    place : str
        What the model is called; the folder's path when empty.
    terms : Terms, optional
        Else those of ``license.toml`` in the folder, else unstated.
    extra : mapping, optional
        Name inside the model -> file that lies elsewhere.

    Raises
    ------
    voicekit.errors.InputError
        Not a model, or of a family that cannot be used.
    """
    place = place or str(folder)
    files = dict(_claimed(folder)) | dict(extra or {})
    if "config.json" not in files:
        raise InputError(folder, "", "there is no coqui model here", "Give a folder with config.json and weights.")
    config = read_config(files["config.json"])
    family = _family(config, files["config.json"])
    return ModelFolder(place, tuple(sorted(files.items())), config, family, terms or read_terms(folder))


def _claimed(folder: Path) -> Iterator[tuple[str, Path]]:
    for inside in ("", VOCODER, WAVLM):
        base = folder / inside
        for path in sorted(base.iterdir()) if base.is_dir() else ():
            if path.is_file() and path.name.endswith(SUFFIXES):
                yield (f"{inside}/{path.name}" if inside else path.name), path


def read_config(path: Path) -> dict[str, Any]:
    """A model's configuration."""
    try:
        if path.stat().st_size > _LARGEST_CONFIG:
            raise InputError(path, "", "too large for a configuration", "Give the model's own config.json.")
        config = json.loads(path.read_bytes())
    except OSError as problem:
        raise InputError(path, "", f"cannot be read ({problem.strerror})", "Check the path.") from None
    except (ValueError, RecursionError):
        raise InputError(path, "", "is not JSON", "Give the model's own config.json.") from None
    if not isinstance(config, dict):
        raise InputError(path, "", "is not a configuration", "Give the model's own config.json.")
    return config


def _family(config: Mapping[str, Any], path: Path) -> str:
    data = config.get("data")
    if "model" not in config and isinstance(data, dict) and "sampling_rate" in data:
        return "openvoice"  # which comes with a configuration of its own form
    family = str(config.get("model", "")).lower()
    if family in FAMILIES and str(config.get("base_model") or family).lower() in FAMILIES:
        return family
    known = ", ".join(FAMILIES)
    why = "its files are programs" if family == "bark" else "this family cannot be used here"
    raise InputError(path, "model", f"{family or 'nothing'}: {why}", f"Families: {known}.")


def read_terms(folder: Path) -> Terms:
    """What ``license.toml`` in a folder says; all unstated where there is none."""
    path = folder / TERMS_FILE
    if not path.is_file():
        return Terms()
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise InputError(path, "", f"cannot be read: {problem}", 'Write license = "CC-BY-4.0" into it.') from None
    return make_terms(found, str(path))


def make_terms(found: Mapping[str, Any], source: str, base: Terms | None = None) -> Terms:
    """Terms from what is written or typed; what is not given stays as in `base`."""
    base = base or Terms()
    for name, value in found.items():
        if name not in ("license", "recordings", "recordings_license"):
            raise UsageError(f"{source}: {name} is not among the terms", "license, recordings, recordings_license")
        if not isinstance(value, str) or not value.strip() or len(value) > (400 if name == "recordings" else 100):
            raise UsageError(f"{source}: {name} must be a short text", 'for example license = "CC-BY-4.0"')
    return replace(base, **{name: " ".join(value.split()) for name, value in found.items()})


def copy_model(model: ModelFolder, private: Path) -> tuple[Operand, ...]:
    """Copy a model into a private folder, hash the very bytes, and bend its paths there.

    Parameters
    ----------
    model : ModelFolder
    private : Path
        Exists, and is nobody else's.

    Returns
    -------
    tuple of Operand
        One for each file, by name.

    Raises
    ------
    voicekit.errors.InputError
        A file cannot be read, or the configuration names one that is not among the model's.
    """
    operands = []
    for name, path in model.files:
        target = private / name
        target.parent.mkdir(mode=0o700, exist_ok=True)
        digest = hashlib.sha256()
        try:
            with open(path, "rb") as source, open(target, "xb") as sink:
                while block := source.read(1 << 20):
                    digest.update(block)
                    sink.write(block)
        except OSError as problem:
            raise InputError(path, "", f"cannot be copied ({problem.strerror})", "Check file and free space.") from None
        operands.append(Operand(name.replace("/", "--"), digest.hexdigest(), "weights", model.terms.license))
    names = {name for name, _ in model.files}
    for name in ("config.json", f"{VOCODER}/config.json"):
        if name in names:
            # what was copied, not what lies there now
            config = read_config(private / name)
            _bend(config, private / name, Path(name).parent.as_posix(), names, private)
            (private / name).write_text(json.dumps(config), encoding="utf-8")
    return tuple(operands)


def hash_model(model: ModelFolder) -> tuple[Operand, ...]:
    """The operands of a model as it lies there, by name; nothing is loaded."""
    found = []
    for name, path in model.files:
        try:
            with open(path, "rb") as source:
                digest = hashlib.file_digest(source, "sha256").hexdigest()
        except OSError as problem:
            raise InputError(path, "", f"cannot be read ({problem.strerror})", "Check the file.") from None
        found.append(Operand(name.replace("/", "--"), digest, "weights", model.terms.license))
    return tuple(found)


def _bend(node: Any, source: Path, inside: str, names: set[str], private: Path, key: str = "") -> None:
    """Point every path of a configuration into the private folder; `inside` is where the configuration lies."""
    if isinstance(node, list):
        for item in node:
            _bend(item, source, inside, names, private, key)
        return
    if not isinstance(node, dict):
        return
    for name, value in list(node.items()):
        if name == "characters_class" and isinstance(value, str) and value and not value.startswith("TTS."):
            raise InputError(source.name, name, f"{value} is no part of coqui", "Use a model of coqui's own classes.")
        if isinstance(value, (dict, list)) and not _is_place(name):
            _bend(value, source, inside, names, private, name)
        elif _is_place(name) and value:
            node[name] = _bent(value, source, name, inside, names, private)


def _is_place(key: str) -> bool:
    named = key.endswith(("_file", "_files", "_path", "_checkpoint")) or key in _TRAINING
    return named and not key.startswith("use_")


def _bent(value: Any, source: Path, key: str, inside: str, names: set[str], private: Path) -> Any:
    if key in _TRAINING:
        return [] if isinstance(value, list) else ""
    if isinstance(value, list):
        return [_bent(item, source, key, inside, names, private) for item in value]
    base = str(value).replace("\\", "/").rsplit("/", 1)[-1]
    inner = base if inside == "." else f"{inside}/{base}"
    if inner in names:
        return str(private / inner)
    raise InputError(source.name, key, f"{base} is not among the model's files", f"Put {base} beside config.json.")


def voice_file(
    speaker: str, language: str, license_name: str, recordings: tuple[str, str], files: Sequence[Operand]
) -> bytes:
    """What makes one of a model's speakers a voice, in bytes that a grant can name by their hash.

    Parameters
    ----------
    speaker : str
        Empty where the model has one only.
    language : str
    license_name : str
        Of the weights.
    recordings : (str, str)
        Whose recordings it was learnt from, in words, and their licence.
    files : sequence of Operand
        The model's.
    """
    value = {
        "format": VOICE_FORMAT,
        "speaker": speaker,
        "language": language,
        "license": license_name,
        "recordings": recordings[0],
        "recordings_license": recordings[1],
        "files": {one.name: one.sha256 for one in files},
    }
    return (json.dumps(value, sort_keys=True, ensure_ascii=False, indent=1) + "\n").encode()


def read_voice_file(data: bytes, name: str) -> dict[str, Any]:
    """What `voice_file` gave.

    Raises
    ------
    voicekit.errors.InputError
        It is something else.
    """
    wanted = ("speaker", "language", "license", "recordings", "recordings_license")
    try:
        value = json.loads(data)
        fits = value["format"] == VOICE_FORMAT and all(isinstance(value[key], str) for key in wanted)
    except (ValueError, KeyError, TypeError, RecursionError):
        fits = False
    if not fits:
        raise InputError(name, "", "this is not a voice", "adopt it anew")
    return dict(value)
