"""Pitch: trackers built on Praat (through Parselmouth), contours, notes and scales, and pitch correction."""

from voicekit.pitch.align import TargetNote, notes_of_part
from voicekit.pitch.contour import tidy
from voicekit.pitch.correct import CorrectedNote, Correction, CorrectionOptions, correct_contour
from voicekit.pitch.curve import Contour, read_contour, write_contour
from voicekit.pitch.notes import SungNote, sung_notes
from voicekit.pitch.scales import Scale, infer_key, infer_tuning, note_name, parse_scale
from voicekit.pitch.sung import SungTracker, track_sung_blocks, track_sung_pitch
from voicekit.pitch.tracking import PitchTrack, track_pitch

__all__ = [
    "Contour",
    "CorrectedNote",
    "Correction",
    "CorrectionOptions",
    "PitchTrack",
    "Scale",
    "SungNote",
    "SungTracker",
    "TargetNote",
    "correct_contour",
    "infer_key",
    "infer_tuning",
    "note_name",
    "notes_of_part",
    "parse_scale",
    "read_contour",
    "sung_notes",
    "tidy",
    "track_pitch",
    "track_sung_blocks",
    "track_sung_pitch",
    "write_contour",
]
