"""Read the frame headers of an MP3: is it what it is said to be, frame by frame?"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from voicekit.errors import InputError

__all__ = ["Mp3Frames", "read_mp3_frames"]

_BIT_RATES = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_RATES = (44100, 48000, 32000)


@dataclass(frozen=True)
class Mp3Frames:
    """What the frame headers of one file say.

    Parameters
    ----------
    frames : int
        Audio frames, the Info header's frame included.
    bit_rates : tuple of int
        All that occur, bit/s, ascending; one alone means constant bit rate.
    sample_rates : tuple of int
        All that occur, Hz.
    mono : bool
        Every frame has one channel.
    """

    frames: int
    bit_rates: tuple[int, ...]
    sample_rates: tuple[int, ...]
    mono: bool


def read_mp3_frames(path: Path) -> Mp3Frames:
    """Walk through all frames of an MPEG-1 layer III file.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    Mp3Frames

    Raises
    ------
    InputError
        A byte where a frame should begin is no frame header.

    Source
    ------
    ISO/IEC 11172-3, 2.4.2.3 (header fields); ID3v2.3, 3.1 (tag size).
    """
    data = path.read_bytes()
    place = 0
    if data[:3] == b"ID3":
        size = (data[6] << 21) | (data[7] << 14) | (data[8] << 7) | data[9]
        place = 10 + size
    bit_rates: Counter[int] = Counter()
    rates: Counter[int] = Counter()
    mono = True
    while place + 4 <= len(data):
        if data[place : place + 3] == b"TAG":  # ID3v1 at the end
            break
        header = int.from_bytes(data[place : place + 4], "big")
        bit_index, rate_index = (header >> 12) & 15, (header >> 10) & 3
        if header >> 17 != 0x7FFD or bit_index in (0, 15) or rate_index == 3:
            raise InputError(path, f"byte {place}", "no MPEG-1 layer III frame where one must begin", "")
        bit_rate, rate = _BIT_RATES[bit_index] * 1000, _RATES[rate_index]
        bit_rates[bit_rate] += 1
        rates[rate] += 1
        mono = mono and (header >> 6) & 3 == 3
        place += 144 * bit_rate // rate + ((header >> 9) & 1)
    return Mp3Frames(bit_rates.total(), tuple(sorted(bit_rates)), tuple(sorted(rates)), mono)
