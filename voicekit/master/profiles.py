"""What a delivered file has to measure."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PROFILES", "MasterProfile"]


@dataclass(frozen=True)
class MasterProfile:
    """Targets of one delivery.

    Parameters
    ----------
    name : str
    target_rms_dbfs : float
        Unweighted RMS over the whole file, head and tail included.
    ceiling_dbtp : float
        True-peak ceiling before encoding; below the delivery limit because an
        MP3 overshoots.
    room_tone_dbfs : float
        RMS of the noise under everything.
    head_s, tail_s : float
        Room tone before the first and after the last sound, seconds.
    sample_rate : int
        Of the delivered files, Hz.
    max_gain_db : float
        Louder than this nothing is made: a near-silent input is a fault, not a
        quiet reader.

    Source
    ------
    ACX audio submission requirements (RMS -23 to -18 dB, peak at most -3 dB,
    noise floor at most -60 dB RMS, 192 kbit/s CBR MP3 at 44.1 kHz; room tone of
    0.5-1 s at the head and 1-5 s at the tail).  RMS is not LUFS.
    """

    name: str
    target_rms_dbfs: float = -20.5
    ceiling_dbtp: float = -3.5
    room_tone_dbfs: float = -70.0
    head_s: float = 1.0
    tail_s: float = 2.5
    sample_rate: int = 44100
    max_gain_db: float = 30.0


PROFILES: dict[str, MasterProfile] = {
    "acx": MasterProfile("acx"),
    "clip": MasterProfile("clip", head_s=0.1, tail_s=0.4),
}
"""Profiles by name: ``acx`` for chapters, ``clip`` for a paragraph on a page."""
