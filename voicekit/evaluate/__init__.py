"""Measures of what was made: words understood, quality, spectra, F0 against what was commanded.

Each function is pure: arrays and texts in, numbers out.  Packages that only a measurement needs
(pocketsphinx, speechmos, pesq, pystoi, pyworld, torchcrepe) are imported where they are used; they come with
the ``bench`` extra.
"""

from voicekit.evaluate.f0 import PitchAgreement, compare_pitch
from voicekit.evaluate.level import active_rms, set_level, trim_silence
from voicekit.evaluate.spectra import SpectralDistance, cepstral_distortion, periodicity, spectral_distance
from voicekit.evaluate.statistics import Interval, bootstrap_mean, bootstrap_ratio
from voicekit.evaluate.words import WordErrors, count_word_errors, plain_words

__all__ = [
    "Interval",
    "PitchAgreement",
    "SpectralDistance",
    "WordErrors",
    "active_rms",
    "bootstrap_mean",
    "bootstrap_ratio",
    "cepstral_distortion",
    "compare_pitch",
    "count_word_errors",
    "periodicity",
    "plain_words",
    "set_level",
    "spectral_distance",
    "trim_silence",
]
