"""Weights on disk: safetensors with the configuration in the header, hashed from the bytes that are loaded."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import stat
import struct
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from voicekit.errors import InputError
from voicekit.models.acoustic import Acoustic, AcousticConfig
from voicekit.models.content import Content, ContentConfig
from voicekit.models.vocoder import Vocoder, VocoderConfig

_REMEDY = "install voicekit anew, or train the voice again"
_MAX_BYTES = 512 * 1024 * 1024


@dataclasses.dataclass(frozen=True)
class WeightFile:
    """A weight file in memory.

    Attributes
    ----------
    path : Path
    sha256 : str
        Hex digest of the bytes.
    tensors : dict
        float32 tensors by name.
    config : dict
        Parsed from the header.
    """

    path: Path
    sha256: str
    tensors: dict[str, Tensor]
    config: dict[str, Any]


def read_weights(path: Path) -> WeightFile:
    """Read a safetensors file once; the digest is of the very bytes the tensors come from.

    Raises
    ------
    voicekit.errors.InputError
        Missing, not a regular file, too large, or not safetensors.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except OSError as error:
        raise InputError(path, "", f"the weights cannot be read: {error.strerror}", _REMEDY) from None
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_BYTES:
        os.close(fd)  # before fdopen, which answers a folder with an exception of its own
        raise InputError(path, "", "this is not a weight file of ours", _REMEDY)
    with os.fdopen(fd, "rb") as handle:
        data = handle.read()
    try:
        tensors = {name: tensor.float() for name, tensor in load(data).items()}
        (size,) = struct.unpack("<Q", data[:8])
        header = json.loads(data[8 : 8 + size])
        config = json.loads(header.get("__metadata__", {}).get("config", "{}"))
    except (SafetensorError, ValueError, struct.error) as error:
        raise InputError(path, "", f"this is not a safetensors file ({error})", _REMEDY) from None
    return WeightFile(path, hashlib.sha256(data).hexdigest(), tensors, config)


def write_weights(path: Path, tensors: dict[str, Tensor], config: dict[str, Any]) -> None:
    """Write tensors as float16 safetensors, aside and then under their name."""
    from safetensors.torch import save

    halves = {name: tensor.detach().to(torch.float16).contiguous() for name, tensor in tensors.items()}
    aside = path.with_suffix(".partial")
    aside.write_bytes(save(halves, metadata={"config": json.dumps(config, sort_keys=True)}))
    aside.rename(path)


def _fill(model: nn.Module, file: WeightFile) -> None:
    try:
        model.load_state_dict(file.tensors)
    except RuntimeError as error:
        raise InputError(file.path, "", f"these weights do not fit the model: {error}", _REMEDY) from None
    model.eval()
    model.requires_grad_(False)


def _configured(file: WeightFile, kind: type[Any]) -> Any:
    try:
        values = {k: tuple(v) if isinstance(v, list) else v for k, v in file.config.items()}
        return kind(**values)
    except TypeError as error:
        raise InputError(file.path, "header", f"the configuration does not fit: {error}", _REMEDY) from None


def build_vocoder(file: WeightFile) -> Vocoder:
    """The vocoder of a weight file, ready to run."""
    model = Vocoder(_configured(file, VocoderConfig))
    _fill(model, file)
    return model


def build_acoustic(file: WeightFile) -> Acoustic:
    """The acoustic model of a weight file, ready to run."""
    model = Acoustic(_configured(file, AcousticConfig))
    _fill(model, file)
    return model


def build_content(file: WeightFile) -> Content:
    """The content encoder of a weight file, ready to run."""
    model = Content(_configured(file, ContentConfig))
    _fill(model, file)
    return model
