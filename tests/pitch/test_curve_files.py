"""Contours in and out; Praat itself reads what we write and writes what we read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import parselmouth
import pytest
from parselmouth.praat import call

from voicekit.errors import InputError, UsageError
from voicekit.pitch import Contour, PitchTrack, read_contour, write_contour

HZ_TOL = 1e-3


@pytest.fixture
def contour() -> Contour:
    f0 = 220 * 2 ** (np.sin(np.arange(200) / 20) / 12)
    vuv = np.ones(200, dtype=bool)
    vuv[60:90] = False
    return Contour.from_track(PitchTrack(np.where(vuv, f0, 0.0), vuv))


@pytest.mark.parametrize("name", ["a.PitchTier", "a.csv"])
def test_round_trip(contour: Contour, tmp_path: Path, name: str) -> None:
    write_contour(tmp_path / name, contour)
    track = read_contour(tmp_path / name).to_track(200)
    assert (track.vuv == contour.vuv).all()
    assert np.abs(track.f0_hz - contour.f0_hz).max() < HZ_TOL


def test_praat_reads_what_we_write(contour: Contour, tmp_path: Path) -> None:
    write_contour(tmp_path / "a.PitchTier", contour)
    tier = parselmouth.read(str(tmp_path / "a.PitchTier"))
    assert call(tier, "Get number of points") == contour.vuv.sum()
    for t in (0.1, 0.5, 0.75, 1.5, 5.0):  # also between and beyond the points
        assert abs(call(tier, "Get value at time", t) - contour.curve_at(np.array([t]))[0]) < HZ_TOL


@pytest.mark.parametrize("save", ["Save as text file", "Save as short text file"])
def test_we_read_what_praat_writes(tmp_path: Path, save: str) -> None:
    tier = call("Create PitchTier", "drawn", 0.0, 3.0)
    for t, hz in ((0.5, 200.0), (1.25, 330.5), (2.0, 180.0)):
        call(tier, "Add point", t, hz)
    path = tmp_path / "p.PitchTier"
    call(tier, save, str(path))
    read = read_contour(path)
    assert np.allclose(read.times_s, [0.5, 1.25, 2.0]) and np.allclose(read.f0_hz, [200, 330.5, 180])
    assert read.end_s == 3.0
    path.write_bytes(b"\xff\xfe" + path.read_text().encode("utf-16-le"))
    assert np.allclose(read_contour(path).f0_hz, [200, 330.5, 180])


HEAD = 'File type = "ooTextFile"\nObject class = "PitchTier"\n\n'


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.PitchTier", b"hello", "not a PitchTier"),
        ("a.PitchTier", b"\xff\xff\x00\x01" * 20, "not a text file"),
        ("a.PitchTier", (HEAD + "0 1").encode(), "not all there"),
        ("a.PitchTier", (HEAD + "0 1 2 0.5 200").encode(), "2 points are announced, 1 are there"),
        ("a.PitchTier", (HEAD + "0 1 1e300 0.5 200").encode(), "announced"),
        ("a.PitchTier", (HEAD + "0 1 2 0.5 200 0.4 210").encode(), "point 2: its time is not after"),
        ("a.PitchTier", (HEAD + "0 1 1 0.5 -20").encode(), "point 1: -20 Hz is no pitch"),
        ("a.PitchTier", (HEAD + "0 1 1 1e9 20").encode(), "point 1: .* no time"),
        ("a.PitchTier", (HEAD + "0 1 0").encode(), "no pitch in it"),
        ("a.csv", b"time,f0\n0.1,abc\n", "line 2: not time"),
        ("a.csv", b"0.1\n", "line 1: not time"),
        ("a.csv", b"", "no pitch in it"),
        ("a.csv", b"0.1,1e999\n", "no pitch"),
    ],
)
def test_damaged_files_say_where(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=message):
        read_contour(tmp_path / name)


def test_missing_file_and_unknown_kind(contour: Contour, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_contour(tmp_path / "none.csv")
    with pytest.raises(UsageError, match=r"PitchTier or \.csv"):
        write_contour(tmp_path / "a.txt", contour)
    with pytest.raises(InputError):
        write_contour(tmp_path / "none" / "a.csv", contour)


def test_editing(contour: Contour) -> None:
    higher = contour.transposed(12, 0.2, 0.4)
    inside = (contour.times_s >= 0.2) & (contour.times_s < 0.4)
    assert np.allclose(higher.f0_hz[inside], 2 * contour.f0_hz[inside])
    assert (higher.f0_hz[~inside] == contour.f0_hz[~inside]).all()
    back = higher.replaced(contour, 0.2, 0.4)
    assert np.allclose(back.f0_hz, contour.f0_hz) and (back.times_s == contour.times_s).all()
    with pytest.raises(UsageError, match="rise"):
        Contour(np.array([1.0, 0.5]), np.array([100.0, 100.0]), np.array([True, True]), 2.0)
