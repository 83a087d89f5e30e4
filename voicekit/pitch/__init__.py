"""Pitch: Praat's trackers (through Parselmouth), contours, and what was measured against what was asked."""

from voicekit.pitch.contour import tidy
from voicekit.pitch.tracking import PitchTrack, track_pitch

__all__ = ["PitchTrack", "tidy", "track_pitch"]
