"""Our call of espeak-ng's C interface.  Truth: phonemizer, another wrapper of the same library."""

from __future__ import annotations

import threading

import pytest

from voicekit.errors import UsageError
from voicekit.text import espeak
from voicekit.text.languages import LANGUAGES

LINES = [
    "When Dorothy stood in the doorway and looked around, she could see nothing but the great gray prairie.",
    "I like déjà vu, le football & c'est la vie!",
    "A [b] (c) {d} “e” — f; g: h? i... ¿j?",
    "1984 x 3.5",
    "Straße und weekend",
    "the eigh, the; read\nread",
    "",
    " ",
    "...",
]


def test_the_same_as_another_wrapper_gives_whatever_was_said_before():
    backend = pytest.importorskip("phonemizer.backend")
    from phonemizer.backend.espeak.wrapper import EspeakWrapper
    from phonemizer.separator import Separator

    loader = pytest.importorskip("espeakng_loader")
    EspeakWrapper.set_library(loader.get_library_path())
    EspeakWrapper.set_data_path(loader.get_data_path())
    voices = [one.espeak for one in LANGUAGES.values() if one.espeak]
    for voice in voices:
        other = backend.EspeakBackend(voice, with_stress=True, language_switch="remove-flags")
        # an empty line is left out there
        want = other.phonemize([line or " " for line in LINES], separator=Separator(phone="_", word=" "), strip=True)
        espeak.phonemes(["qu'est-ce que c'est"], "fr-fr")  # one library serves all languages
        assert espeak.phonemes(LINES, voice) == want, voice


def test_one_phrase_for_each_that_was_given():
    assert espeak.phonemes(["", "two", "..."]) == ["", "t_ˈuː", ""]
    assert espeak.phonemes([]) == []


def test_threads_with_different_languages_do_not_mix():
    want = {voice: espeak.phonemes(LINES, voice) for voice in ("en-us", "fr-fr", "de")}
    assert len({tuple(said) for said in want.values()}) == 3
    wrong = []

    def say(voice: str) -> None:
        wrong.extend(voice for _ in range(20) if espeak.phonemes(LINES, voice) != want[voice])

    threads = [threading.Thread(target=say, args=(voice,)) for voice in want]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_language_that_espeak_has_not_is_said_so():
    with pytest.raises(UsageError, match="no voice 'xx-none'"):
        espeak.phonemes(["a"], "xx-none")
