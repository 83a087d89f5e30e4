"""Words on notes: which phones each note sings, split into what stands before the vowel, the vowel, and after.

The phonemiser sees whole words, so that ``begin``/``end`` syllables sound as in the word; the phones are then cut
into as many syllables as the score has notes for.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

from voicekit.errors import InputError
from voicekit.score.model import Note
from voicekit.text.accent import accented
from voicekit.text.kana import kana_ipa
from voicekit.text.languages import ENGLISH, LANGUAGES, script_language
from voicekit.text.phonemise import foreign_words, phonemise
from voicekit.text.phones import PHONE_ID, VOWELS, Phone

__all__ = ["Syllable", "languages_in", "syllables_of", "word_phones", "words_of"]

ELISION = "\u203f"
_HUM = re.compile(r"(h?)(m+|n+|ng)", re.IGNORECASE)
#: Words that a phonemiser reads as letters or in their citation form when they stand alone.
_SPOKEN = {
    "a": (Phone("AX"),),
    "o": (Phone("OW", 1),),
    "oh": (Phone("OW", 1),),
    "ooh": (Phone("UW", 1),),
    "oo": (Phone("UW", 1),),
    "ah": (Phone("AA", 1),),
    "aah": (Phone("AA", 1),),
    "la": (Phone("L"), Phone("AA", 1)),
}
_POETIC = {"o'er": "oar", "e'er": "air", "ne'er": "nare", "whate'er": "whatair", "ta'en": "tane"}
#: Consonant clusters that may open an English syllable (longest first when a cluster is divided).
_ONSETS = frozenset(
    tuple(one.split())
    for one in (  # noqa: SIM905 - reads better as words
        "P L|P R|P Y|B L|B R|B Y|T R|T W|D R|D W|K L|K R|K W|K Y|G L|G R|G W|F L|F R|F Y|TH R|TH W|SH R|S P|S T|S K|"
        "S M|S N|S L|S W|S F|V Y|M Y|HH Y|HH W|S P L|S P R|S P Y|S T R|S K R|S K W|S K L|S K Y|L Y|N Y"
    ).split("|")
)
#: Those of other languages: German, Slavic, Romance; a cluster between vowels is theirs as well.
_FOREIGN_ONSETS = _ONSETS | frozenset(
    tuple(one.split())
    for one in (  # noqa: SIM905 - reads better as words
        "SH T|SH P|SH L|SH M|SH N|SH V|SH T R|SH P R|SH P L|K N|G N|P N|P S|K S|T S|T S V|P F|P F L|P F R|K V|V R|V L|"
        "D V|T V|S V|Z V|Z B|Z D|Z G|Z L|Z M|Z N|S B|S D|S G|S R|T L|D L|G V|G W|L W|N W|D ZH|K Y|G Y|R Y|D Y|T Y|"
        "S Y|Z Y|TH Y|DX Y|D Z"
    ).split("|")
)


@dataclass(frozen=True)
class Syllable:
    """What is sung from one note on.

    Parameters
    ----------
    note : int
        Index of its first note in the part.
    notes : int
        How many notes its vowel is held over (melisma).
    onset, nucleus, coda : tuple of Phone
        Consonants before, vowel(s), consonants after.
    text : str
    """

    note: int
    notes: int
    onset: tuple[Phone, ...]
    nucleus: tuple[Phone, ...]
    coda: tuple[Phone, ...]
    text: str = ""


@functools.lru_cache(maxsize=4096)
def word_phones(word: str, language: str = ENGLISH) -> tuple[Phone, ...]:
    """Phones of one sung word; empty when nothing in it can be pronounced.

    Parameters
    ----------
    word : str
    language : str
        Its language; words in kana are Japanese whatever is said here.
    """
    language = script_language(word) or language
    if language != ENGLISH:
        return _foreign_phones(unicodedata.normalize("NFKC", word), language)
    plain = "".join(c for c in unicodedata.normalize("NFKC", word) if _is_latin(c) or c in "'’-").strip("'’-")
    plain = plain.replace("’", "'")
    if not plain:
        return ()
    plain = _written_out(plain)
    known = _SPOKEN.get(plain.lower())
    if known:
        return _marked(known)
    hum = _HUM.fullmatch(plain)
    if hum:
        symbol = "NG" if hum[2].lower() == "ng" else hum[2][0].upper()
        return _marked(((Phone("HH"),) if hum[1] else ()) + (Phone(symbol, 1),))
    try:
        return tuple(phone for phone in phonemise(plain) if not phone.is_pause)
    except InputError:
        return ()


def _foreign_phones(word: str, language: str) -> tuple[Phone, ...]:
    if language not in LANGUAGES:
        return ()
    plain = "".join(c for c in word if c.isalpha() or c in "'’-ー" or unicodedata.combining(c)).strip("'’-")
    hum = _HUM.fullmatch(plain)
    if hum:
        return word_phones(plain)
    return tuple(phone for tokens in foreign_words([plain], language)[0] for phone in accented(tokens))


def _is_latin(letter: str) -> bool:
    # The phonemiser spells letters of other scripts out by their English names.
    return letter.isalpha() and unicodedata.name(letter, "").startswith("LATIN")


def _written_out(word: str) -> str:
    """Poetic contractions with their vowel again (heav'n, pow'r, wand'ring, walk'd): the phonemiser knows the word."""
    low = word.lower()
    if low in _POETIC:
        return _POETIC[low]
    if low.endswith(("n't", "'s", "'ll", "'ve", "'re", "'m")):
        return word
    return re.sub(r"(?<=[bcdfghjklmnpqrstvwxz])'(?=[bcdfghjklmnpqrstvwxz])", "e", word, flags=re.IGNORECASE)


def _marked(phones: Sequence[Phone]) -> tuple[Phone, ...]:
    last = len(phones) - 1
    return tuple(replace(p, word_start=i == 0, word_end=i == last) for i, p in enumerate(phones))


def _word_groups(notes: Sequence[Note]) -> list[list[int]]:
    """Indices of the notes that begin the syllables of each word."""
    groups: list[list[int]] = []
    open_word = False
    for index, note in enumerate(notes):
        lyric = note.lyric
        if lyric is None:
            continue
        if open_word and lyric.syllabic not in ("single", "begin"):
            groups[-1].append(index)
        else:
            groups.append([index])
        open_word = lyric.syllabic not in ("single", "end")
    return groups


def words_of(notes: Sequence[Note]) -> list[str]:
    """The words of a part, whole."""
    texts = []
    for group in _word_groups(notes):
        found = [lyric for i in group if (lyric := notes[i].lyric) is not None and lyric.style != "humming"]
        text = "".join(lyric.text for lyric in found).replace(ELISION, " ").strip()
        if text:
            texts.append(text)
    return texts


def languages_in(notes: Sequence[Note], language: str) -> tuple[str, ...]:
    """The languages in which these notes' words are said when they are told to be in one: kana are Japanese."""
    words = words_of(notes)
    said = [script_language(word) or language for word in words]
    return tuple(dict.fromkeys(said)) or (language,)


def syllables_of(
    notes: Sequence[Note], vowel: str = "AA", language: str = ENGLISH
) -> tuple[list[Syllable], list[tuple[int, str]]]:
    """Give every note its share of the words.

    Parameters
    ----------
    notes : sequence of Note
        Of one part, in order.
    vowel : str
        Sung where there is no word to go on with.
    language : str
        Of the words.

    Returns
    -------
    syllables : list of Syllable
        Their notes cover all notes, in order.
    problems : list of (int, str)
        Note index and what could not be sung as written.
    """
    problems: list[tuple[int, str]] = []
    found: list[Syllable] = []
    index = 0
    while index < len(notes):
        if notes[index].lyric is None:
            # Words that begin later, or a part without any: the vowel alone.
            found.append(Syllable(index, 1, (), (Phone(vowel, 1, True, True),), ()))
            index = _held(notes, found, index)
            continue
        word: list[tuple[int, str]] = []
        first = index
        while index < len(notes):
            lyric = notes[index].lyric
            if lyric is not None:
                if word and lyric.syllabic in ("single", "begin"):
                    break
                word.append((index, lyric.text))
                if lyric.syllabic in ("single", "end"):
                    index += 1
                    break
            index += 1
        hummed = all(lyric is not None and lyric.style == "humming" for lyric in (notes[i].lyric for i, _ in word))
        if hummed:
            word = [(i, "mm") for i, _ in word]
        pieces = _prescribed(notes, word) or _cut(word, problems, vowel, language)
        for (start, text), piece in zip(word, pieces, strict=True):
            onset, nucleus, coda = piece
            found.append(Syllable(start, 1, onset, nucleus, coda, text))
            _held(notes, found, start)
        index = max(found[-1].note + found[-1].notes, first + 1)
    return found, problems


def _held(notes: Sequence[Note], found: list[Syllable], start: int) -> int:
    """Let the last syllable hold over the notes without words that follow its own without a rest."""
    stop = start + 1
    while stop < len(notes) and notes[stop].lyric is None and notes[stop].onset == notes[stop - 1].end:
        stop += 1
    found[-1] = replace(found[-1], notes=stop - start)
    return stop


Piece = tuple[tuple[Phone, ...], tuple[Phone, ...], tuple[Phone, ...]]


def _prescribed(notes: Sequence[Note], word: list[tuple[int, str]]) -> list[Piece] | None:
    """Phones that the file itself gives, where they are of our inventory."""
    pieces = []
    for start, _text in word:
        lyric = notes[start].lyric
        symbols = [one.upper().rstrip("012") for one in lyric.phonemes] if lyric else []
        if not symbols or any(symbol not in PHONE_ID for symbol in symbols):
            return None
        phones = [Phone(symbol, 1 if symbol in VOWELS else 0) for symbol in symbols]
        pieces.append(_around_nucleus(list(_marked(phones))))
    return pieces


def _cut(
    word: list[tuple[int, str]], problems: list[tuple[int, str]], vowel: str, language: str
) -> list[Piece]:
    """Phones of a whole word, cut into its syllables."""
    texts = [text for _, text in word]
    language = script_language("".join(texts)) or language
    if language == "ja":
        return _morae(word, problems, vowel)
    phones: list[Phone] = []
    for part in "".join(texts).split(ELISION):
        for one in re.split(r"[\s_]+", part):
            phones.extend(word_phones(one, language))
    if not phones:
        if any(c.isalnum() for c in "".join(texts)):
            problems.append((word[0][0], _unsaid("".join(texts), vowel, language)))
        return [((), (Phone(vowel, 1, True, True),), ()) for _ in word]
    nuclei = _nuclei(phones)
    if len(nuclei) < len(word):
        if language == "fr":
            phones, nuclei = _sounded_e(phones, texts, len(word) - len(nuclei))
        phones, nuclei = _more_nuclei(phones, nuclei, len(word))
    if len(nuclei) < len(word):
        problems.append((word[0][0], f"{'-'.join(texts)!r} has fewer vowels than notes: the last is held"))
    groups = _share(nuclei, texts)
    return _divide(phones, groups, len(word), _ONSETS if language == ENGLISH else _FOREIGN_ONSETS)


def _unsaid(word: str, vowel: str, language: str) -> str:
    known = LANGUAGES.get(language)
    name = known.name if known else language
    why = f"cannot be pronounced in {name}" if known else f"is {name}, whose sounds are not known"
    return f"{word!r} {why}; sung on {vowel}"


def _morae(word: list[tuple[int, str]], problems: list[tuple[int, str]], vowel: str) -> list[Piece]:
    """Japanese: each note has its own kana; a mark of length, a small tsu, or nothing holds the vowel before it."""
    pieces: list[Piece] = []
    for start, text in word:
        phones = accented(kana_ipa(text))
        if not phones:
            readable = all(not c.isalpha() or c in "ーっッ" for c in text)
            if not readable:
                problems.append((start, _unsaid(text, vowel, "ja")))
            held = pieces[-1][1][-1:] if pieces and readable else (Phone(vowel, 1),)
            pieces.append(((), held, ()))
            continue
        pieces.append(_around_nucleus(list(_marked(phones))))
    return pieces


def _sounded_e(phones: list[Phone], texts: list[str], missing: int) -> tuple[list[Phone], list[int]]:
    """French: the e that speech leaves out at the end of a word is sung where it has a note (bel-le)."""
    last = re.sub(r"[^a-zà-ÿœ]", "", texts[-1].lower())
    if missing > 0 and re.search(r"(?:[^aeiouyà-ÿœ]|qu|gu)e(?:s|nt)?$", last) and phones[-1].symbol not in VOWELS:
        phones = [*phones[:-1], replace(phones[-1], word_end=False), Phone("AX", 0, False, True)]
    return phones, _nuclei(phones)


def _nuclei(phones: Sequence[Phone]) -> list[int]:
    vowels = [i for i, phone in enumerate(phones) if phone.symbol in VOWELS]
    if vowels:
        return vowels
    # A hum, or a word without a vowel: its most sonorous consonant carries the note.
    order = ("ER", "M", "N", "NG", "L", "R", "Z", "V", "ZH", "DH")
    ranked = sorted(range(len(phones)), key=lambda i: order.index(s) if (s := phones[i].symbol) in order else 99)
    return ranked[:1]


def _more_nuclei(phones: list[Phone], nuclei: list[int], wanted: int) -> tuple[list[Phone], list[int]]:
    """Open a cluster with a schwa where the score has a syllable that speech leaves out (ev-e-ry, heav-en)."""
    phones = list(phones)
    while len(nuclei) < wanted:
        place = next(
            (
                i
                for i in range(len(phones) - 1, 0, -1)
                if phones[i].symbol in ("R", "L", "N", "M")
                and phones[i - 1].symbol not in VOWELS
                and any(n < i - 1 for n in nuclei)
            ),
            None,
        )
        if place is None:
            break
        phones.insert(place, Phone("AX"))
        nuclei = _nuclei(phones)
    return phones, nuclei


def _share(nuclei: list[int], texts: list[str]) -> list[list[int]]:
    """Deal the nuclei out to the syllables: one each, the surplus where the letters have the most vowels."""
    count = len(texts)
    if len(nuclei) <= count:
        return [[n] for n in nuclei]
    groups_of = [1] * count
    letters = [len(re.findall(r"[aeiouy]+", text.lower())) + 0.01 * len(text) for text in texts]
    for _ in range(len(nuclei) - count):
        best = max(range(count), key=lambda k: letters[k] - groups_of[k])
        groups_of[best] += 1
    groups, at = [], 0
    for size in groups_of:
        groups.append(nuclei[at : at + size])
        at += size
    return groups


def _divide(
    phones: list[Phone], groups: list[list[int]], wanted: int, onsets: frozenset[tuple[str, ...]]
) -> list[Piece]:
    pieces: list[Piece] = []
    start = 0
    for k, group in enumerate(groups):
        first, last = group[0], group[-1]
        stop = len(phones) if k + 1 == len(groups) else _border(phones, last, groups[k + 1][0], onsets)
        nucleus = tuple(phones[first : last + 1])
        pieces.append((tuple(phones[start:first]), nucleus, tuple(phones[last + 1 : stop])))
        start = stop
    while len(pieces) < wanted:  # fewer vowels than notes: the coda waits for the last of them
        onset, nucleus, coda = pieces[-1]
        pieces[-1] = (onset, nucleus, ())
        pieces.append(((), nucleus[-1:], coda))
    return pieces


def _border(phones: list[Phone], nucleus: int, following: int, onsets: frozenset[tuple[str, ...]]) -> int:
    """Where the cluster between two vowels is divided: as much to the right as may open a syllable."""
    for cut in range(nucleus + 1, following + 1):
        cluster = tuple(phone.symbol for phone in phones[cut:following])
        if any(phones[i].word_start for i in range(nucleus + 1, following + 1)):
            # Words are never divided elsewhere than between them (elisions).
            return next(i for i in range(nucleus + 1, following + 1) if phones[i].word_start)
        if len(cluster) <= 1 and cluster != ("NG",):
            return cut
        if cluster in onsets:
            return cut
    return following


def _around_nucleus(phones: list[Phone]) -> Piece:
    nuclei = _nuclei(phones)
    first, last = nuclei[0], nuclei[-1]
    return tuple(phones[:first]), tuple(phones[first : last + 1]), tuple(phones[last + 1 :])
