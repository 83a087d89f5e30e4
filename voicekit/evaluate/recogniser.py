"""What an independent recogniser understands (pocketsphinx with the US English model of its wheel)."""

from __future__ import annotations

import numpy as np

from voicekit.audio import Audio, resample, to_int16
from voicekit.errors import UsageError

SAMPLE_RATE = 16_000


class Recogniser:
    """A pocketsphinx decoder with its default acoustic model, dictionary and trigram language model.

    It knows nothing of voicekit, and it is weak by today's measure (20 to 25 % word error on clean read
    speech): use it to compare systems in one run, never as an absolute figure.

    Raises
    ------
    voicekit.errors.UsageError
        pocketsphinx is not installed.

    Source
    ------
    D. Huggins-Daines et al., "PocketSphinx: a free, real-time continuous speech recognition system for
    hand-held devices", ICASSP 2006.
    """

    def __init__(self) -> None:
        try:
            from pocketsphinx import Decoder  # only for measurements
        except ImportError:
            raise UsageError("pocketsphinx is not installed", "pip install 'voicekit[bench]'") from None
        self._decoder = Decoder(samprate=SAMPLE_RATE, loglevel="FATAL")

    def hear(self, audio: Audio) -> str:
        """Words understood, in lower case, separated by spaces; empty where nothing was.

        The whole utterance is given at once, so that its mean is taken from itself and what was heard before
        has no influence.
        """
        pcm = to_int16(resample(audio, SAMPLE_RATE).samples)
        self._decoder.start_utt()
        self._decoder.process_raw(np.ascontiguousarray(pcm).tobytes(), no_search=False, full_utt=True)
        self._decoder.end_utt()
        found = self._decoder.hyp()
        return found.hypstr if found is not None else ""
