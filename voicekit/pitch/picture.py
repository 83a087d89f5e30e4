"""A picture of a take's pitch: spectrogram, the measured contour, and the commanded one where there is one."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from voicekit.audio import StreamResampler, reblock
from voicekit.features.frames import FRAME_RATE
from voicekit.pitch.contour import voiced_stretches
from voicekit.pitch.notes import SungNote
from voicekit.pitch.scales import note_name
from voicekit.pitch.tracking import PitchTrack
from voicekit.units import hz_to_midi, midi_to_hz

if TYPE_CHECKING:
    from PIL import ImageDraw

__all__ = ["PitchPicture", "draw_pitch"]

F64 = npt.NDArray[np.float64]
U8 = npt.NDArray[np.uint8]

_RATE = 8_000
_FFT = 1_024
_HOP = 80
_LEFT, _RIGHT, _TOP, _BOTTOM = 74, 24, 64, 56
_BACK, _INK, _FAINT = (16, 18, 26), (232, 234, 240), (120, 126, 142)
_MEASURED, _COMMANDED, _NOTE = (255, 196, 64), (80, 220, 255), (190, 255, 200)
_MOST_WIDTH = 6_000


@dataclass(frozen=True)
class PitchPicture:
    """What is drawn beside the spectrogram.

    Attributes
    ----------
    measured : PitchTrack
    commanded : PitchTrack or None
    notes : sequence of SungNote
        Drawn as bars with their names.
    title : str
    """

    measured: PitchTrack
    commanded: PitchTrack | None = None
    notes: Sequence[SungNote] = ()
    title: str = ""


def draw_pitch(blocks: Iterable[npt.NDArray[np.float32]], sample_rate: int, picture: PitchPicture) -> bytes:
    """A PNG: time in seconds across, pitch in note names up (one octave is the same height everywhere).

    Parameters
    ----------
    blocks : iterable of ndarray
        The recording, mono, in blocks (n,).
    sample_rate : int
    picture : PitchPicture

    Returns
    -------
    bytes
        PNG.
    """
    from PIL import Image, ImageDraw  # with its fonts: only for a picture

    seconds = len(picture.measured.f0_hz) / FRAME_RATE
    low, high = _range(picture)
    width = int(np.clip(seconds * 60, 760, _MOST_WIDTH))
    height = int(np.clip((high - low) * 22, 420, 860))
    levels = _spectrogram(blocks, sample_rate, width, height, low, high, seconds)
    image = Image.new("RGB", (width + _LEFT + _RIGHT, height + _TOP + _BOTTOM), _BACK)
    image.paste(Image.fromarray(_coloured(levels)), (_LEFT, _TOP))
    draw = ImageDraw.Draw(image)
    _axes(draw, width, height, low, high, seconds)

    def place(frame: float, midi: float) -> tuple[float, float]:
        return _LEFT + frame / FRAME_RATE / seconds * width, _TOP + (high - midi) / (high - low) * height

    # What was measured is a wide band, what is commanded a thin line upon it: both are seen where they agree.
    _draw_track(draw, place, picture.measured, _MEASURED, 5 if picture.commanded else 3)
    if picture.commanded is not None:
        _draw_track(draw, place, picture.commanded, _COMMANDED, 2)
    for note in picture.notes:
        _draw_note(draw, place, note)
    _legend(draw, picture, width)
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def _range(picture: PitchPicture) -> tuple[float, float]:
    """Lowest and highest pitch drawn, MIDI, an octave and a half at least."""
    tracks = [picture.measured] + ([picture.commanded] if picture.commanded else [])
    voiced = np.concatenate([track.f0_hz[track.vuv] for track in tracks])
    if not len(voiced):
        return 45.0, 69.0
    low, high = (float(hz_to_midi(x)) for x in np.quantile(voiced, [0.002, 0.998]))
    missing = max(0.0, 18.0 - (high - low + 5.0))
    return low - 2.5 - missing / 2, high + 2.5 + missing / 2


def _spectrogram(
    blocks: Iterable[npt.NDArray[np.float32]],
    sample_rate: int,
    width: int,
    height: int,
    low: float,
    high: float,
    seconds: float,
) -> F64:
    """Levels in dB (height, width), rows from high to low pitch; the loudest moment of each column."""
    hz = midi_to_hz(np.linspace(high, low, height))
    bins = np.clip(hz / _RATE * _FFT, 0, _FFT // 2 - 1.001)
    base = bins.astype(int)
    fraction = bins - base
    window = np.hanning(_FFT)
    levels = np.full((height, width), -120.0)
    held = np.zeros(_FFT // 2, dtype=np.float32)
    start = -(_FFT // 2)
    chunk = 400 * _HOP
    for block in reblock(StreamResampler(sample_rate, _RATE).run(blocks), chunk):
        data = np.concatenate([held, block])
        count = max(0, (len(data) - _FFT) // _HOP + 1)
        if count:
            frames = np.lib.stride_tricks.sliding_window_view(data, _FFT)[::_HOP][:count]
            power = np.abs(np.fft.rfft(frames * window)) ** 2 + 1e-9
            db = 10 * np.log10(power)
            rows = db[:, base] * (1 - fraction) + db[:, base + 1] * fraction  # (T, height)
            centre = (start + np.arange(count) * _HOP + _FFT // 2) / _RATE
            columns = np.clip((centre / seconds * width).astype(int), 0, width - 1)
            np.maximum.at(levels.T, columns, rows)
        held = data[count * _HOP :]
        start += count * _HOP
    # Narrow hops leave no column empty except at the very ends; there the neighbour stands in.
    empty = np.flatnonzero(levels.max(0) <= -119.0)
    filled = np.flatnonzero(levels.max(0) > -119.0)
    if len(filled):
        levels[:, empty] = levels[:, filled[np.clip(np.searchsorted(filled, empty), 0, len(filled) - 1)]]
    return levels


def _coloured(levels: F64) -> U8:
    """Dark blue to violet to rose, the loudest 55 dB; light enough at the top, dark enough for lines upon it."""
    top = float(np.quantile(levels, 0.998))
    share = np.clip((levels - top + 55.0) / 55.0, 0.0, 1.0)
    stops = np.array([0.0, 0.35, 0.7, 1.0])
    table = np.array([(16, 18, 34), (44, 38, 92), (122, 56, 122), (214, 112, 122)], dtype=np.float64)
    return np.stack([np.interp(share, stops, table[:, c]) for c in range(3)], axis=2).astype(np.uint8)


def _font(size: int) -> Any:
    from PIL import ImageFont  # see draw_pitch

    return ImageFont.load_default(size)


def _axes(draw: ImageDraw.ImageDraw, width: int, height: int, low: float, high: float, seconds: float) -> None:
    room = height / (high - low)
    small = _font(13)
    for midi in range(int(np.ceil(low)), int(np.floor(high)) + 1):
        y = _TOP + (high - midi) * room
        tonic = midi % 12 == 0
        white = midi % 12 in (0, 2, 4, 5, 7, 9, 11)
        if white:
            draw.line([(_LEFT, y), (_LEFT + width, y)], fill=(96, 102, 120) if tonic else (46, 50, 68), width=1)
            if tonic or room >= 11:
                draw.text((_LEFT - 10, y), note_name(midi), fill=_INK if tonic else _FAINT, font=small, anchor="rm")
    step = next((s for s in (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300) if seconds / s * 70 <= width), 600)
    for number in range(int(seconds / step) + 1):
        at = number * step
        x = _LEFT + at / seconds * width
        draw.line([(x, _TOP + height), (x, _TOP + height + 6)], fill=_FAINT, width=1)
        label = f"{at:.1f}" if step < 1 else f"{at:.0f}"
        draw.text((x, _TOP + height + 9), label, fill=_INK, font=small, anchor="ma")
    draw.text((_LEFT + width / 2, _TOP + height + 30), "seconds", fill=_FAINT, font=small, anchor="ma")
    draw.rectangle([_LEFT, _TOP, _LEFT + width, _TOP + height], outline=(70, 76, 94))


def _draw_note(draw: ImageDraw.ImageDraw, place: Any, note: SungNote) -> None:
    (x0, y), (x1, _) = place(note.start, note.pitch_midi), place(note.stop, note.pitch_midi)
    draw.line([(x0, y), (x1, y)], fill=_NOTE, width=1)
    name = note_name(round(note.pitch_midi))
    if x1 - x0 >= 9 * len(name):
        draw.text((x0 + 2, y - 17), name, fill=_NOTE, font=_font(13), anchor="ls")


def _draw_track(
    draw: ImageDraw.ImageDraw, place: Any, track: PitchTrack, colour: tuple[int, int, int], width: int
) -> None:
    for start, stop in voiced_stretches(track.vuv):
        midi = hz_to_midi(track.f0_hz[start:stop])
        points = [place(start + i + 0.5, float(pitch)) for i, pitch in enumerate(midi)]
        if len(points) == 1:
            x, y = points[0]
            points = [(x - 1, y), (x + 1, y)]
        draw.line(points, fill=colour, width=width, joint="curve")


def _legend(draw: ImageDraw.ImageDraw, picture: PitchPicture, width: int) -> None:
    draw.text((_LEFT, 14), picture.title, fill=_INK, font=_font(17))
    x = float(_LEFT)
    entries = [("measured", _MEASURED)]
    entries += [("commanded", _COMMANDED)] if picture.commanded is not None else []
    entries += [("notes", _NOTE)] if picture.notes else []
    for label, colour in entries:
        draw.line([(x, 48), (x + 22, 48)], fill=colour, width=3)
        draw.text((x + 28, 48), label, fill=_INK, font=_font(13), anchor="lm")
        x += 44 + draw.textlength(label, font=_font(13))
