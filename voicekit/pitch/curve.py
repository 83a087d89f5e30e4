"""A pitch contour that can be edited, and its files: Praat's PitchTier and CSV."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from voicekit.audio import io_error, settle_bytes
from voicekit.errors import InputError, UsageError
from voicekit.features.frames import frame_times
from voicekit.pitch.tracking import PitchTrack

__all__ = ["Contour", "read_contour", "write_contour"]

F64 = npt.NDArray[np.float64]

_MAX_BYTES = 64 << 20
_MAX_POINTS = 2_000_000
_LONGEST_S = 86_400.0
_RANGE_HZ = (1.0, 20_000.0)
_GAP_S = 0.025  # points farther apart than two frames and a half have silence between them
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_REMEDY = "Write it anew with `voicekit pitch FILE --out F.PitchTier`, or save it from Praat as a text file."


@dataclass(frozen=True, eq=False)
class Contour:
    """Points of a pitch curve.

    Attributes
    ----------
    times_s : ndarray
        (P,) float64, seconds, rising.
    f0_hz : ndarray
        (P,) float64, Hz; 0 where unvoiced.
    vuv : ndarray
        (P,) bool.
    end_s : float
        Length of what it belongs to, seconds.

    Raises
    ------
    UsageError
        The parts differ in length, times do not rise, or a voiced point has no pitch.
    """

    times_s: F64
    f0_hz: F64
    vuv: npt.NDArray[np.bool_]
    end_s: float

    def __post_init__(self) -> None:
        if not len(self.times_s) == len(self.f0_hz) == len(self.vuv):
            raise UsageError("a contour has one F0 and one voicing for each time")
        if np.any(np.diff(self.times_s) <= 0):
            raise UsageError("the times of a contour must rise")
        if np.any(self.f0_hz[self.vuv] <= 0) or not np.all(np.isfinite(self.f0_hz)):
            raise UsageError("each voiced point of a contour has an F0 above 0 Hz")

    @classmethod
    def from_track(cls, track: PitchTrack) -> Contour:
        """The contour of a track: one point for each frame."""
        count = len(track.f0_hz)
        return cls(frame_times(count), np.where(track.vuv, track.f0_hz, 0.0), track.vuv.copy(), count * 0.01)

    def curve_at(self, times_s: F64) -> F64:
        """F0 at times (T,) by straight lines in Hz between voiced points, constant beyond them, as Praat draws it.

        All zeros where nothing is voiced.
        """
        if not self.vuv.any():
            return np.zeros(len(times_s))
        return np.interp(times_s, self.times_s[self.vuv], self.f0_hz[self.vuv])

    def to_track(self, n_frames: int) -> PitchTrack:
        """The contour on the package's frames: voiced where a voiced point lies within half a gap of 25 ms."""
        times = frame_times(n_frames)
        voiced = self.times_s[self.vuv]
        if not len(voiced):
            return PitchTrack(np.zeros(n_frames), np.zeros(n_frames, dtype=bool))
        right = np.clip(np.searchsorted(voiced, times), 0, len(voiced) - 1)
        left = np.maximum(right - 1, 0)
        nearest = np.minimum(np.abs(voiced[right] - times), np.abs(voiced[left] - times))
        between = (voiced[right] - voiced[left] <= _GAP_S) & (voiced[left] <= times) & (times <= voiced[right])
        vuv = between | (nearest <= 0.0051)
        return PitchTrack(np.where(vuv, self.curve_at(times), 0.0), vuv)

    def transposed(self, semitones: float, start_s: float = 0.0, stop_s: float = float("inf")) -> Contour:
        """The contour with the points from `start_s` up to `stop_s` moved by so many semitones."""
        inside = (self.times_s >= start_s) & (self.times_s < stop_s)
        f0 = np.where(inside, self.f0_hz * 2.0 ** (semitones / 12.0), self.f0_hz)
        return Contour(self.times_s, f0, self.vuv, self.end_s)

    def replaced(self, other: Contour, start_s: float, stop_s: float) -> Contour:
        """The contour with another one's points from `start_s` up to `stop_s` in place of its own."""
        outside = (self.times_s < start_s) | (self.times_s >= stop_s)
        inside = (other.times_s >= start_s) & (other.times_s < stop_s)
        times = np.concatenate([self.times_s[outside], other.times_s[inside]])
        order = np.argsort(times, kind="stable")
        f0 = np.concatenate([self.f0_hz[outside], other.f0_hz[inside]])
        vuv = np.concatenate([self.vuv[outside], other.vuv[inside]])
        return Contour(times[order], f0[order], vuv[order], max(self.end_s, other.end_s))

    def pitch_tier(self) -> str:
        """Praat's long text format: points where something is voiced."""
        lines = [
            'File type = "ooTextFile"',
            'Object class = "PitchTier"',
            "",
            "xmin = 0 ",
            f"xmax = {self.end_s:.6f} ",
            f"points: size = {int(self.vuv.sum())} ",
        ]
        for number, index in enumerate(np.flatnonzero(self.vuv), start=1):
            lines += [
                f"points [{number}]:",
                f"    number = {self.times_s[index]:.6f} ",
                f"    value = {self.f0_hz[index]:.6f} ",
            ]
        return "\n".join(lines) + "\n"

    def csv(self) -> str:
        """Columns ``time_s,f0_hz,voiced``."""
        rows = zip(self.times_s, self.f0_hz, self.vuv, strict=True)
        return "time_s,f0_hz,voiced\n" + "".join(f"{t:.4f},{f0:.3f},{int(voiced)}\n" for t, f0, voiced in rows)


def write_contour(path: str | Path, contour: Contour) -> Path:
    """Write ``.PitchTier`` or ``.csv``, aside and then in one step.

    Raises
    ------
    UsageError
        Another suffix.
    InputError
        The place cannot be written.
    """
    target = Path(path)
    kind = target.suffix.lower()
    if kind not in (".pitchtier", ".csv"):
        raise UsageError(f"{path}: cannot write this kind of contour", "name it .PitchTier or .csv")
    text = contour.pitch_tier() if kind == ".pitchtier" else contour.csv()
    try:
        return settle_bytes(target, text.encode())
    except OSError as problem:
        raise io_error(problem, target) from problem


def read_contour(path: str | Path) -> Contour:
    """Read ``.PitchTier`` (Praat's text formats, long and short) or ``.csv`` (time, F0, and maybe voicing).

    Raises
    ------
    InputError
        Unreadable or damaged; says where.
    """
    source = Path(path)
    try:
        with open(source, "rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as problem:
        raise io_error(problem, source) from problem
    if len(data) > _MAX_BYTES:
        raise InputError(source, "", "too large for a pitch contour", "Give one below 64 MB.")
    text = _decode(source, data)
    contour = _parse_tier(source, text) if source.suffix.lower() == ".pitchtier" else _parse_csv(source, text)
    if not contour.vuv.any():
        raise InputError(source, "", "there is no pitch in it", _REMEDY)
    return contour


def _decode(source: Path, data: bytes) -> str:
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as problem:
        raise InputError(source, f"byte {problem.start}", "this is not a text file", _REMEDY) from problem


def _checked(source: Path, place: str, time_s: float, f0_hz: float) -> tuple[float, float]:
    if not (0.0 <= time_s <= _LONGEST_S):
        raise InputError(source, place, f"{time_s:g} s is no time within a take", _REMEDY)
    if f0_hz and not (_RANGE_HZ[0] <= f0_hz <= _RANGE_HZ[1]):
        raise InputError(source, place, f"{f0_hz:g} Hz is no pitch", _REMEDY)
    return time_s, f0_hz


def _parse_tier(source: Path, text: str) -> Contour:
    head = text[:200]
    if "ooTextFile" not in head or "PitchTier" not in head:
        raise InputError(source, "line 1", "this is not a PitchTier in Praat's text format", _REMEDY)
    body = text.split("PitchTier", 1)[1].lstrip('"')
    # In Praat's text files what counts are the free-standing numbers; all the rest is there for people.
    numbers = [float(word) for word in body.split() if _NUMBER.fullmatch(word)]
    if len(numbers) < 3:
        raise InputError(source, "head", "xmin, xmax and the number of points are not all there", _REMEDY)
    _xmin, xmax, size = numbers[:3]
    points = numbers[3:]
    if size != len(points) / 2 or size > _MAX_POINTS:
        raise InputError(source, "points", f"{size:g} points are announced, {len(points) / 2:g} are there", _REMEDY)
    values = [_checked(source, f"point {i + 1}", points[2 * i], points[2 * i + 1]) for i in range(len(points) // 2)]
    return _built(source, values, [True] * len(values), xmax)


def _parse_csv(source: Path, text: str) -> Contour:
    values, voiced = [], []
    for number, line in enumerate(text.splitlines(), start=1):
        cells = [cell.strip() for cell in re.split(r"[,;\t]", line)]
        if not line.strip() or (number == 1 and not _NUMBER.fullmatch(cells[0])):
            continue
        if len(cells) < 2 or not all(_NUMBER.fullmatch(cell) for cell in cells[:3]):
            raise InputError(source, f"line {number}", "not time, F0 and perhaps 0 or 1", "Write 0.015,220.5,1.")
        if len(values) >= _MAX_POINTS:
            raise InputError(source, f"line {number}", "too many points", _REMEDY)
        time_s, f0 = _checked(source, f"line {number}", float(cells[0]), float(cells[1]))
        values.append((time_s, f0))
        voiced.append(f0 > 0 and (len(cells) < 3 or float(cells[2]) != 0))
    return _built(source, values, voiced, values[-1][0] if values else 0.0)


def _built(source: Path, values: list[tuple[float, float]], voiced: list[bool], end_s: float) -> Contour:
    times = np.array([value[0] for value in values])
    falls = np.flatnonzero(np.diff(times) <= 0)
    if len(falls):
        raise InputError(source, f"point {falls[0] + 2}", "its time is not after the one before", _REMEDY)
    vuv = np.array(voiced, dtype=bool)
    return Contour(times, np.where(vuv, [value[1] for value in values], 0.0) if values else times, vuv, end_s)
