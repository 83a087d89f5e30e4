"""A picture of a sound: waveform, spectrogram, and the measured pitch drawn over it.

The spectrogram is a PNG written here (zlib, nothing else), the lines are SVG and
the labels are text, so that it stays sharp and readable at every width.
"""

from __future__ import annotations

import base64
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from demos.words import clock, esc
from voicekit.audio import AudioReader
from voicekit.pitch import track_pitch

__all__ = ["WINDOW_S", "draw", "png"]

WINDOW_S = 20.0
"""At most this much of a sound is drawn."""

_LOW_HZ, _HIGH_HZ = 70.0, 8000.0
_COLUMNS, _ROWS = 900, 180
_WINDOW = 0.046  # seconds: resolves the harmonics of a low voice, still follows speech
_RANGE_DB = 62.0
_SHARE = 0.27  # of the height, for the waveform
_PALETTE = np.array(
    [(13, 18, 30), (24, 38, 66), (26, 78, 110), (24, 128, 132), (96, 178, 120), (226, 200, 104), (255, 244, 214)],
    dtype=np.float64,
)  # dark to light, even in lightness: readable without telling hues apart
_GRID_HZ = (100, 200, 500, 1000, 2000, 5000)


def png(rgb: NDArray[np.uint8]) -> bytes:
    """Write a PNG.

    Parameters
    ----------
    rgb : ndarray, shape (height, width, 3), uint8

    Returns
    -------
    bytes
    """
    height, width, _ = rgb.shape

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = np.concatenate([np.zeros((height, 1), np.uint8), rgb.reshape(height, width * 3)], axis=1)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows.tobytes(), 9))
        + chunk(b"IEND", b"")
    )


def draw(path: Path) -> str:
    """Draw the beginning of a sound file.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    str
        An HTML figure with a text alternative.
    """
    wave, rate, more = _beginning(path)
    seconds = len(wave) / rate
    track = track_pitch(wave, rate)
    f0 = np.where(track.vuv, track.f0_hz, 0.0)
    voiced = f0[f0 > 0]
    image = base64.b64encode(png(_spectrogram(wave, rate))).decode()
    part = f"the first {seconds:.0f} seconds" if more else f"all {seconds:.1f} seconds"
    if len(voiced):
        low, middle, high = np.percentile(voiced, [5, 50, 95])
        pitch = f"Measured pitch: median {middle:.0f} Hz, mostly between {low:.0f} and {high:.0f} Hz"
    else:
        pitch = "No pitch was measured"
    alt = (
        f"Picture of {part} of the sound: the waveform above, the spectrogram from {_LOW_HZ:.0f} Hz to "
        f"{_HIGH_HZ / 1000:.0f} kHz below it, and over it the measured pitch as a line. {pitch}."
    )
    labels = "".join(f'<span class="vk-hz" style="top:{_y(hz) * 100:.2f}%">{_hertz(hz)}</span>' for hz in _GRID_HZ)
    step = next(s for s in (0.5, 1, 2, 5) if seconds / s <= 8 or s == 5)
    ticks = "".join(
        f'<span class="vk-s" style="left:{t / seconds * 100:.2f}%">{t:g} s</span>'
        for t in np.arange(step, seconds - step / 3, step)
    )
    return (
        '<figure class="vk-picture">'
        f'<div class="vk-plot" role="img" aria-label="{esc(alt)}" data-seconds="{seconds:.3f}">'
        f'<img alt="" src="data:image/png;base64,{image}" style="top:{_SHARE * 100:.1f}%">'
        f'<svg viewBox="0 0 1000 1000" preserveAspectRatio="none" aria-hidden="true">{_wave_path(wave)}'
        f"{_grid()}{_pitch_paths(f0)}</svg>"
        f'{labels}{ticks}<div class="vk-head"></div></div>'
        f'<figcaption><span class="vk-key">measured pitch</span> {esc(pitch)}. '
        f"{esc(f'Shown: {part}.')}</figcaption></figure>"
    )


def _beginning(path: Path) -> tuple[NDArray[np.float32], int, bool]:
    """Samples of the first seconds, and whether there are more."""
    with AudioReader(path) as reader:
        wanted = round(WINDOW_S * reader.sample_rate)
        parts, have = [], 0
        for block in reader.blocks():
            parts.append(block)
            have += len(block)
            if have > wanted:
                break
        wave = np.concatenate(parts) if parts else np.zeros(1, np.float32)
        return wave[:wanted], reader.sample_rate, have > wanted


def _spectrogram(wave: NDArray[np.float32], rate: int) -> NDArray[np.uint8]:
    """Colours (rows, columns, 3), high frequencies first, frequency in equal musical steps."""
    size = round(_WINDOW * rate)
    n_fft = 1 << (size * 2 - 1).bit_length()
    padded = np.pad(wave, (size // 2, size))
    starts = np.linspace(0, max(len(wave) - 1, 0), _COLUMNS).astype(int)
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[starts]  # (columns, size)
    power = np.abs(np.fft.rfft(frames * np.hanning(size).astype(np.float32), n_fft)).T  # (bins, columns)
    hz = np.geomspace(_HIGH_HZ, _LOW_HZ, _ROWS)
    place = np.clip(hz * n_fft / rate, 0, power.shape[0] - 2)
    below = place.astype(int)
    share = (place - below)[:, None]
    level = 20 * np.log10(power[below] * (1 - share) + power[below + 1] * share + 1e-9)
    # High speech sounds are weak: lift them as the ear does, by 3 dB an octave above 500 Hz.
    level += 3.0 * np.log2(np.maximum(hz / 500.0, 1.0))[:, None]
    top = np.percentile(level, 99.7)
    shade = np.clip((level - top + _RANGE_DB) / _RANGE_DB, 0, 1) * (len(_PALETTE) - 1)
    low = np.minimum(shade.astype(int), len(_PALETTE) - 2)
    mix = (shade - low)[..., None]
    return (_PALETTE[low] * (1 - mix) + _PALETTE[low + 1] * mix).astype(np.uint8)


def _y(hz: float) -> float:
    """Height of a frequency in the whole picture, 0 at the top."""
    place = np.log(_HIGH_HZ / hz) / np.log(_HIGH_HZ / _LOW_HZ)
    return float(_SHARE + (1 - _SHARE) * place)


def _hertz(hz: int) -> str:
    return f"{hz // 1000} kHz" if hz >= 1000 else f"{hz} Hz"


def _wave_path(wave: NDArray[np.float32]) -> str:
    """Outline of the loudest and lowest samples in each of 700 columns."""
    columns = min(700, len(wave))
    edges = np.linspace(0, len(wave), columns + 1).astype(int)[:-1]
    high, low = np.maximum.reduceat(wave, edges), np.minimum.reduceat(wave, edges)
    scale = max(float(np.max(np.abs(wave))), 1e-4)
    middle, reach = _SHARE * 500, _SHARE * 460
    xs = np.linspace(0, 1000, columns)
    points = [f"{x:.1f},{middle - h / scale * reach - 0.8:.1f}" for x, h in zip(xs, high, strict=True)]
    points += [f"{x:.1f},{middle - v / scale * reach + 0.8:.1f}" for x, v in zip(xs[::-1], low[::-1], strict=True)]
    return f'<polygon class="vk-wave" points="{" ".join(points)}"/>'


def _grid() -> str:
    return "".join(f'<path class="vk-grid" d="M0 {_y(hz) * 1000:.1f}H1000"/>' for hz in _GRID_HZ)


def _pitch_paths(f0: NDArray[np.float64]) -> str:
    """A line for each voiced stretch, dark below and bright above so that it shows on every shade."""
    xs = np.linspace(0, 1000, len(f0)) if len(f0) > 1 else np.zeros(len(f0))
    runs = np.split(np.arange(len(f0)), np.flatnonzero(np.diff(f0 > 0)) + 1)
    lines = [
        "M" + "L".join(f"{xs[i]:.1f} {_y(f0[i]) * 1000:.1f}" for i in run)
        for run in runs
        if len(run) > 1 and f0[run[0]] > 0
    ]
    whole = "".join(lines)
    return f'<path class="vk-f0-under" d="{whole}"/><path class="vk-f0" d="{whole}"/>' if whole else ""


def sentence_list(sentences: list[dict[str, object]], *, limit: int = 400) -> str:
    """The sentences as buttons that jump to their sound."""
    if not sentences:
        return ""
    items = "".join(
        f'<li><button type="button" class="vk-line" data-start="{float(str(one["start_s"])):.3f}" '
        f'data-end="{float(str(one["end_s"])):.3f}"><span class="vk-time">{clock(float(str(one["start_s"])))}</span> '
        f"{esc(one['text'])}</button></li>"
        for one in sentences[:limit]
    )
    rest = len(sentences) - limit
    more = f'<p class="vk-quiet">… and {rest} more; report.json has them all.</p>' if rest > 0 else ""
    return f'<nav class="vk-lines" aria-label="Sentences: choose one to hear it"><ol>{items}</ol>{more}</nav>'
