"""The engine that gives a recorded voice another pitch: by overlap-add of its own periods, or by our vocoder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from consent import Operand, Permit
from voicekit.audio import io_error, sha256_file
from voicekit.engines.voices import CONTENT_FILE, MODEL_FOLDER, WEIGHTS_LICENSE
from voicekit.errors import InputError, UsageError
from voicekit.pitch import Correction
from voicekit.pitch.overlap_add import Lay, LaySettings, lay_periods, moved_pieces

__all__ = ["METHODS", "RetuneEngine", "method_operands"]

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]

METHODS = ("psola", "vocoder")
SETTINGS_FILE = Path(__file__).with_name("retune.json")
_VOCODER = "vocoder.safetensors"


@dataclass(frozen=True)
class _Loaded:
    """What was read, and the operands it gave."""

    settings: dict[str, Any]
    operands: tuple[Operand, ...]
    vocoder: Any


def _load(method: str) -> _Loaded:
    if method not in METHODS:
        raise UsageError(f"unknown method: {method}", f"use one of: {', '.join(METHODS)}")
    try:
        data = SETTINGS_FILE.read_bytes()
        settings = json.loads(data)
    except (OSError, ValueError) as problem:
        what = f"the settings cannot be read ({problem})"
        raise InputError(SETTINGS_FILE, "", what, "Install voicekit anew.") from None
    digest = hashlib.sha256(data).hexdigest()
    # Overlap-add has no weights, and the ledger wants to know the file that shapes the sound: this is it.
    role = "weights" if method == "psola" else "config"
    own = Operand(name=SETTINGS_FILE.name, sha256=digest, role=role, license="GPL-3.0-or-later")
    if method == "psola":
        return _Loaded(settings, (own,), None)
    from voicekit.models.weights import build_vocoder, read_weights  # torch: only for the vocoder

    file = read_weights(MODEL_FOLDER / _VOCODER)
    weights = Operand(name=file.path.name, sha256=file.sha256, role="weights", license=WEIGHTS_LICENSE)
    return _Loaded(settings, (weights, own), build_vocoder(file))


def method_operands() -> tuple[Operand, ...]:
    """The files of every method, and what listens to a take that is converted, each once, as an attestation names
    them; nothing is loaded."""
    found = [_load("psola").operands[0]]
    for path in (MODEL_FOLDER / _VOCODER, MODEL_FOLDER / CONTENT_FILE):
        try:
            digest = sha256_file(path)
        except OSError as problem:
            raise io_error(problem, path) from problem
        found.append(Operand(name=path.name, sha256=digest, role="weights", license=WEIGHTS_LICENSE))
    return tuple(found)


class RetuneEngine:
    """Renders a correction of a recorded take.

    Parameters
    ----------
    method : str
        ``psola`` or ``vocoder``.
    seed : int
        Of the vocoder's noise.

    Attributes
    ----------
    operands : tuple of Operand
        Every file the sound depends on beside the take, hashed from the bytes that were loaded.
    version : str
        Changes whenever the same inputs may give other samples.

    Raises
    ------
    voicekit.errors.UsageError
        Unknown method.
    voicekit.errors.InputError
        A file of the package is missing or damaged.
    """

    def __init__(self, method: str, seed: int = 0) -> None:
        loaded = _load(method)
        self.method = method
        self.operands = loaded.operands
        self.version = str(loaded.settings["engine"])
        self._settings = LaySettings(**loaded.settings["lay"])
        band = loaded.settings["vocoder_band_hz"]
        self._lay: Lay = lay_periods
        if loaded.vocoder is not None:
            from voicekit.engines.vocoder_lay import VERSION, VocoderLay  # torch

            self.version += f" {VERSION}"
            self._lay = VocoderLay(loaded.vocoder, seed, (band[0], band[1]))

    def retune(
        self,
        permit: Permit,
        reference: Operand,
        read: Callable[[int, int], F32],
        size: int,
        sample_rate: int,
        correction: Correction,
    ) -> Iterator[tuple[int, F32]]:
        """What has to be heard in place of the take, piece by piece; see `voicekit.pitch.overlap_add.moved_pieces`.

        Parameters
        ----------
        permit : consent.Permit
            Must be for conversion, with this engine's operands and this very take.
        reference : consent.Operand
            The take, hashed from the bytes that `read` gives.
        read : callable
            Samples (C, b - a) from a up to b.
        size : int
            Samples in the take.
        sample_rate : int
        correction : Correction

        Yields
        ------
        start : int
        piece : ndarray
            (C, n).

        Raises
        ------
        consent.ConsentRefusedError
            The permit does not allow this; asked before each piece.
        """
        operands = (*self.operands, reference)

        def lay(channels: F64, rate: int, measured: F64, commanded: F64) -> F64:
            permit.require(mode="conversion", operands=operands)
            return self._lay(channels, rate, measured, commanded)

        permit.require(mode="conversion", operands=operands)
        yield from moved_pieces(read, size, sample_rate, correction.measured, correction.commanded, lay, self._settings)
