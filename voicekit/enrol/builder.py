"""The steps of building a voice, each of which can be kept and taken up again."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from consent import Operand
from voicekit.engines.enrolled import VoiceFile, merge_low_rank, pack_voice
from voicekit.engines.voices import MODEL_FOLDER, list_voices
from voicekit.enrol.adapt import STEPS, Adapted, Embedder, LowRank, measure_settings, rank_plan
from voicekit.enrol.checks import Check, check_variety
from voicekit.enrol.examples import ALIGN_S, Prepared, make_examples
from voicekit.enrol.recording import Recording
from voicekit.errors import InputError
from voicekit.models.weights import build_acoustic, read_weights
from voicekit.train.prepare import Example

__all__ = ["Builder", "Built"]

LICENSE = "CC-BY-4.0"

#: Told after each step: stage, share done, seconds left, and what is to be kept (in plain: encrypt it).
Keeper = Callable[[str, float, float | None, bytes], None]


@dataclass(frozen=True)
class Built:
    """A voice, in memory.

    Attributes
    ----------
    data : bytes
        A safetensors file.
    sha256 : str
        Of `data`.
    method : str
        ``embedding`` or ``low-rank``.
    base : tuple of Operand
        Models it was built on.
    measured : dict
        Integers for the ledger.
    """

    data: bytes = field(repr=False)
    sha256: str
    method: str
    base: tuple[Operand, ...]
    measured: dict[str, int | str]


class Builder:
    """Builds a voice step by step.

    Parameters
    ----------
    recordings : sequence of Recording
        Already checked.
    texts : mapping
        What is said, by file name.
    method : str
        ``auto``, ``embedding`` or ``low-rank``.
    steps : int, optional
        Of the low-rank part; as many as the speech is good for by default.
    kept : bytes, optional
        What a stopped building has kept.
    """

    def __init__(
        self,
        recordings: Sequence[Recording],
        texts: Mapping[str, str],
        method: str,
        steps: int | None = None,
        kept: bytes | None = None,
    ) -> None:
        torch.set_num_threads(1)
        self._recordings, self._texts, self._method, self._steps = tuple(recordings), texts, method, steps
        self.notices: list[str] = []
        self._prepared: Prepared | None = None
        self._state: Adapted | None = None
        if kept is not None:
            self._prepared, self._state = _unpack(kept)
            self.notices.append("went on from what was kept")
        self._file = read_weights(MODEL_FOLDER / "acoustic.safetensors")
        self._search: Embedder | None = None

    @property
    def worth_low_rank(self) -> bool:
        """Whether a low-rank part is wanted; with little speech it is a small one, see `rank_plan`."""
        return self._method != "embedding"

    def align(self, tell: Callable[[float], None], keep: Keeper) -> Check:
        """Find the words in the sound, and see whether they are of enough kinds."""
        if self._prepared is None:
            most = 3_600.0 if self.worth_low_rank and self._texts else ALIGN_S
            self._prepared = make_examples(self._recordings, self._texts, most_s=most, tell=tell)
            if self._prepared.failed:
                self.notices.append(f"{self._prepared.failed} parts were left out: the words were not found in them")
        if self._prepared.heard:
            self.notices.append("there is no transcript: the words are what a recogniser understood")
        variety = check_variety(self._prepared.symbols)
        keep("align", 1.0, None, self._pack())
        return variety

    def embed(self, keep: Keeper) -> None:
        """Find the speaker's embedding."""
        if self._prepared is None:
            raise InputError("enrolment", "", "nothing was aligned yet", "align first")
        starts = [read_weights(one.weights[2]).tensors["embedding"] for one in list_voices()]
        starts.append(torch.stack(starts).mean(0))
        self._search = Embedder(build_acoustic(self._file), self._prepared.examples, starts)
        if self._state is None:
            self._state = self._search.begin()
        if self._state.step < STEPS:
            self._search.run(self._state, lambda state, share: keep("embedding", share, None, self._pack()))
        self._search.apply(self._state)  # also where the state was kept by an earlier run

    def low_rank(self, keep: Keeper) -> None:
        """Learn a low-rank part of the decoder."""
        search, state = self._searched()
        rank, steps = rank_plan(self._prepared.seconds if self._prepared else 0.0)
        steps = steps if self._steps is None else self._steps
        if state.rank_step >= steps:
            return
        part = LowRank(search, state.embedding, rank)
        try:
            part.run(state, lambda _s, share, left: keep("low-rank", share, left, self._pack()), steps=steps)
        finally:
            part.close()

    def finish(self) -> Built:
        """The voice as one file in memory, and what was measured; the last step of a builder."""
        search, state = self._searched()
        merge_low_rank(search.model, state.low_rank, "low-rank part")  # what is measured is what will speak
        settings, colour, measured = measure_settings(search, state.embedding)
        data = pack_voice(VoiceFile(state.embedding, settings, state.low_rank, state.offsets, colour))
        low, high = settings.range_octaves
        measured |= {
            "aligned_milli": round(self._prepared.seconds * 1000) if self._prepared else 0,
            "level_ppm": round(settings.pitch_level * 1_000_000),
            "low_ppm": round(low * 1_000_000),
            "high_ppm": round(high * 1_000_000),
        }
        method = "low-rank" if state.low_rank else "embedding"
        return Built(data, hashlib.sha256(data).hexdigest(), method, _base(), dict(measured))

    def _searched(self) -> tuple[Embedder, Adapted]:
        if self._search is None or self._state is None:
            raise InputError("enrolment", "", "no embedding was found yet", "embed first")
        return self._search, self._state

    def _pack(self) -> bytes:
        sink = io.BytesIO()
        arrays: dict[str, np.ndarray] = {}
        prepared = self._prepared or Prepared((), False, 0)
        for number, one in enumerate(prepared.examples):
            arrays |= {f"{number}/{name}": getattr(one, name) for name in ("f0_hz", "envelope", "phones", "durations")}
            arrays[f"{number}/bandwidth_hz"] = np.array(one.bandwidth_hz)
        state = self._state.to_bytes() if self._state is not None else b""
        arrays["heard"], arrays["failed"] = np.array(prepared.heard), np.array(prepared.failed)
        arrays["state"] = np.frombuffer(state, dtype=np.uint8)
        np.savez(sink, **arrays)
        return sink.getvalue()


def _unpack(data: bytes) -> tuple[Prepared, Adapted | None]:
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = {name: np.array(file[name]) for name in file.files}
        numbers = sorted({int(name.split("/")[0]) for name in arrays if "/" in name})
        examples = tuple(
            Example(
                key=f"kept#{n}",
                speaker="speaker",
                bandwidth_hz=float(arrays[f"{n}/bandwidth_hz"]),
                audio=np.zeros(0, dtype=np.int16),
                f0_hz=arrays[f"{n}/f0_hz"],
                envelope=arrays[f"{n}/envelope"],
                phones=arrays[f"{n}/phones"],
                durations=arrays[f"{n}/durations"],
            )
            for n in numbers
        )
        state = arrays["state"].tobytes()
        prepared = Prepared(examples, bool(arrays["heard"]), int(arrays["failed"]))
    except (KeyError, ValueError, OSError, EOFError) as problem:
        raise InputError("state", "", "the kept state cannot be read", "enrol without --resume") from problem
    return prepared, Adapted.from_bytes(state) if state else None


def _base() -> tuple[Operand, ...]:
    """Every general model that lies here: those that speak, and what listens to a take for a conversion."""
    files = [read_weights(path) for path in sorted(MODEL_FOLDER.glob("*.safetensors"))]
    return tuple(Operand(file.path.name, file.sha256, "weights", LICENSE) for file in files)
