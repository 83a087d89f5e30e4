"""Speed of the vocoder by threads, beside the generator of HiFi-GAN (random weights: its speed is that of any)."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch

from bench.report import Report, Table, rounded
from voicekit.engines.house import resynthesise
from voicekit.features.frames import FRAME_RATE
from voicekit.models.vocoder import Vocoder

SECONDS = 6
ROUNDS = 3
HIFIGAN_V1 = {
    "resblock_type": "1",
    "resblock_dilation_sizes": [[1, 3, 5]] * 3,
    "resblock_kernel_sizes": [3, 7, 11],
    "upsample_kernel_sizes": [16, 16, 4, 4],
    "upsample_initial_channel": 512,
    "upsample_factors": [8, 8, 2, 2],
}  #: at 22.05 kHz with a hop of 256, as published


def fastest(work: Callable[[], object]) -> tuple[float, float]:
    """Least wall and processor seconds of a few rounds, after one that is not counted."""
    work()
    wall, cpu = [], []
    for _ in range(ROUNDS):
        began, spent = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - spent)
    return min(wall), min(cpu)


def networks(report: Report, vocoder: Vocoder) -> str:
    """Add the table of speeds by threads; says what was left out."""
    n_frames = round(SECONDS * FRAME_RATE)
    envelope = np.full((n_frames, 80), -5.0, dtype=np.float32)
    f0 = np.full(n_frames, 140.0)
    systems: list[tuple[str, Callable[[], object]]] = [
        ("voicekit", lambda: resynthesise(vocoder, envelope, f0, 0)),
    ]
    missing = ""
    try:
        from TTS.vocoder.models.hifigan_generator import HifiganGenerator
    except ImportError:
        missing = "HiFi-GAN's generator is coqui-tts' and that is not installed: left out of the table of speeds."
    else:
        generator = HifiganGenerator(80, 1, **HIFIGAN_V1).eval()
        generator.remove_weight_norm()
        mel = torch.zeros(1, 80, round(SECONDS * 22_050 / 256))

        def hifigan() -> object:
            with torch.inference_mode():
                return generator(mel)

        systems.append(("HiFi-GAN V1 (coqui, random weights)", hifigan))
    before = torch.get_num_threads()
    rows: list[tuple[object, ...]] = []
    for name, work in systems:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            wall, cpu = fastest(work)
            rows.append((name, threads, rounded(wall / SECONDS, 4), rounded(cpu / SECONDS, 4)))
            found = {"system": name, "threads": threads, "wall": wall, "cpu": cpu}
            report.data.setdefault("networks", []).append(found)
    torch.set_num_threads(before)
    report.data["network_seconds"] = SECONDS
    heads = ("system", "threads", "wall time, x real time", "processor time, x real time")
    report.tables.append(Table(f"From features to {SECONDS} s of sound, fastest of {ROUNDS}", heads, rows))
    return missing
