"""espeak-ng's letter-to-sound rules, called by their C interface.

A general wrapper costs a second at the first word, for packages that this needs nothing of.
"""

from __future__ import annotations

import ctypes
import functools
import re
import threading
from typing import Any

from voicekit.errors import UsageError, VoicekitError

__all__ = ["phonemes"]

_LOCK = threading.RLock()  # espeak-ng keeps one global state, the voice among it
_NO_SOUND = 0x02  # AUDIO_OUTPUT_SYNCHRONOUS: nothing is opened, nothing played
_UTF8 = 1
_IPA = 0x02 | ord("_") << 8  # IPA, phones apart by "_"
# Marks would be read as the ends of clauses, and some by their names.
_MARKS = re.compile(r'(?:\s*[;:,.!?¡¿—…"«»“”(){}\[\]]+\s*)+')
_SWITCH = re.compile(r"\(.+?\)")  # (fr) where espeak-ng takes a word for one of another language


class _Voice(ctypes.Structure):
    """`espeak_VOICE` of speak_lib.h."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_char_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


class _Espeak:
    """The library, begun, and which voice it has."""

    def __init__(self) -> None:
        import espeakng_loader

        try:
            self.library: Any = ctypes.CDLL(espeakng_loader.get_library_path())
            begun = self.library.espeak_Initialize(_NO_SOUND, 0, espeakng_loader.get_data_path().encode(), 0)
        except (OSError, RuntimeError, AttributeError) as problem:
            raise VoicekitError(f"espeak-ng cannot be used ({problem}); install espeakng-loader anew") from problem
        if begun <= 0:
            raise VoicekitError("espeak-ng cannot be used (its data are damaged); install espeakng-loader anew")
        self.library.espeak_ListVoices.argtypes = [ctypes.c_void_p]
        self.library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        self.library.espeak_SetVoiceByName.argtypes = [ctypes.c_char_p]
        say = self.library.espeak_TextToPhonemes
        say.argtypes = [ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, ctypes.c_int]
        say.restype = ctypes.c_char_p
        self.voices = self._voices()
        self.voice = ""

    def _voices(self) -> dict[str, bytes]:
        """Identifier of the first, most fitting voice of each language."""
        found: dict[str, bytes] = {}
        for one in self.library.espeak_ListVoices(None):
            if not one:
                break
            # the first byte of `languages` is a priority
            found.setdefault(one.contents.languages[1:].decode(), one.contents.identifier)
        return found

    def choose(self, voice: str) -> None:
        """Speak this language from now on."""
        if voice != self.voice:
            if voice not in self.voices:
                raise UsageError(f"espeak-ng has no voice {voice!r}", "choose another language")
            if self.library.espeak_SetVoiceByName(self.voices[voice]) != 0:
                raise VoicekitError(f"espeak-ng cannot load its voice {voice!r}; install espeakng-loader anew")
            self.voice = voice

    def say(self, text: str) -> str:
        """IPA of a text, clause by clause."""
        rest = ctypes.pointer(ctypes.c_char_p(text.encode("utf-8")))
        clauses = []
        while rest.contents.value is not None:
            clauses.append((self.library.espeak_TextToPhonemes(rest, _UTF8, _IPA) or b"").decode("utf-8"))
        return " ".join(clause for clause in clauses if clause)


@functools.cache
def _espeak() -> _Espeak:
    return _Espeak()


def phonemes(phrases: list[str], voice: str = "en-us") -> list[str]:
    """IPA of each phrase, with stress.

    Parameters
    ----------
    phrases : list of str
        Punctuation marks count as spaces.
    voice : str
        A language tag of espeak-ng's.

    Returns
    -------
    list of str
        As many as `phrases`; phones apart by ``_``, words by a space. Empty where there was nothing to say.

    Raises
    ------
    voicekit.errors.UsageError
        espeak-ng does not have this language.
    voicekit.errors.VoicekitError
        The library cannot be used.

    Source
    ------
    The interface is that of espeak-ng's speak_lib.h, revision 12.
    """
    with _LOCK:
        espeak = _espeak()
        espeak.choose(voice)
        return [_tidied(espeak.say(_MARKS.sub(" ", phrase).strip())) for phrase in phrases]


def _tidied(line: str) -> str:
    line = line.strip().replace("\n", " ").replace("  ", " ")
    # espeak-ng may leave separators behind a word's last phone
    line = re.sub("_+", "_", line).replace("_ ", " ")
    return " ".join(word.strip() for word in _SWITCH.sub("", line).split(" ")) if line else ""
