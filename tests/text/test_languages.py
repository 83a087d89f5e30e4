"""Words of other languages.  Truth: the IPA that Wiktionary (and, for church Latin, the Liber Usualis) prints for each
word, copied here by hand, and read against what is to become of each sound by the table in `voicekit.text.accent`."""

from __future__ import annotations

import pytest

from voicekit.errors import InputError, UsageError
from voicekit.text import split_sentences
from voicekit.text.accent import FOREIGN, accented
from voicekit.text.kana import kana_ipa
from voicekit.text.languages import LANGUAGES, asked_languages, base_tag, language_of, script_language
from voicekit.text.latin import latin_ipa
from voicekit.text.model import TextContext
from voicekit.text.phonemise import accent_of, phonemise
from voicekit.text.phones import INVENTORY, VOWELS

#: language, word, the dictionary's IPA, our phones for it
WORDS = [
    ("de", "Nacht", "naxt", "N AA HH T"),
    ("de", "schön", "ʃøːn", "SH ER N"),
    ("de", "Liebe", "ˈliːbə", "L IY B AX"),
    ("de", "Freude", "ˈfʁɔʏ̯də", "F R OY D AX"),
    ("de", "Glück", "ɡlʏk", "G L UH K"),
    ("de", "Knie", "kniː", "K N IY"),
    ("de", "Zwei", "t͡svaɪ̯", "T S V AY"),
    ("it", "gloria", "ˈɡlɔːrja", "G L AO DX IY AA"),  # our source says i, not j
    ("it", "pace", "ˈpaːtʃe", "P AA CH EH"),
    ("it", "figlio", "ˈfiʎʎo", "F IY L Y AO"),
    ("it", "amore", "aˈmoːre", "AA M AO DX EH"),
    ("fr", "bonjour", "bɔ̃.ʒuʁ", "B AO N ZH UW R"),
    ("fr", "nuit", "nɥi", "N W IY"),
    ("fr", "feu", "fø", "F ER"),
    ("fr", "vin", "vɛ̃", "V AE N"),
    ("fr", "montagne", "mɔ̃.taɲ", "M AO N T AA N"),
    ("es", "niño", "ˈniɲo", "N IY N Y AO"),
    ("es", "corazón", "koɾaˈθon", "K AO DX AA TH AO N"),
    ("es", "noche", "ˈnotʃe", "N AO CH EH"),
    ("pt", "noite", "ˈnoj.tɨ", "N OY T IH"),
    ("nl", "goed", "ɣut", "G UW T"),
    ("nl", "huis", "ɦœy̯s", "HH AW S"),
    ("sv", "sjö", "ɧøː", "SH ER"),
    ("da", "nat", "næt", "N AA T"),  # our source writes a
    ("fi", "talo", "ˈtɑlo", "T AA L AO"),
    ("pl", "noc", "nɔts", "N AO T S"),
    ("cs", "noc", "nots", "N AO T S"),
    ("hu", "szép", "seːp", "S EY P"),
    ("ro", "bună", "ˈbunə", "B UW N AX"),
    ("ca", "nit", "nit", "N IY T"),
    ("el", "νερό", "neˈro", "N EH DX AO"),
    ("ru", "ночь", "notɕ", "N AO CH"),
    ("ru", "тебя", "tʲɪˈbʲa", "T IY B Y AA"),
    ("la", "gloria", "ˈɡlɔ.ri.a", "G L AO DX IY AA"),
    ("la", "excelsis", "ekˈʃɛl.sis", "EH K SH EH L S IY S"),
    ("la", "Deo", "ˈdɛ.ɔ", "D EH AO"),
    ("la", "caeli", "ˈtʃɛ.li", "CH EH L IY"),
    ("la", "agnus", "ˈa.ɲus", "AA N Y UW S"),
    ("la", "gratia", "ˈɡra.tsi.a", "G R AA T S IY AA"),
    ("la", "scio", "ˈʃi.ɔ", "SH IY AO"),
    ("la", "ecce", "ˈɛt.tʃɛ", "EH T CH EH"),
    ("la", "mihi", "ˈmi.ki", "M IY K IY"),
    ("la", "sanguis", "ˈsan.ɡwis", "S AA N G W IY S"),
    ("la", "hosanna", "ɔˈsan.na", "AO S AA N N AA"),
    ("la", "Jesu", "ˈjɛ.su", "Y EH S UW"),
    ("ja", "さくら", "sakɯ̟ɾa", "S AA K UW DX AA"),
    ("ja", "サクラ", "sakɯ̟ɾa", "S AA K UW DX AA"),
    ("ja", "がっこう", "ɡa̠k̚ko̞ː", "G AA K OW"),
    ("ja", "きょう", "kʲo̞ː", "K Y OW"),
    ("ja", "しんぶん", "ɕimbɯɴ", "SH IY M B UW NG"),
]


@pytest.mark.parametrize(("language", "word", "ipa", "wanted"), WORDS, ids=[f"{a}-{b}" for a, b, _, _ in WORDS])
def test_words_have_the_sounds_of_the_dictionary(language: str, word: str, ipa: str, wanted: str) -> None:
    assert " ".join(p.symbol for p in phonemise(word, language)[1:-1]) == wanted, ipa


def test_every_language_of_the_table_was_looked_up() -> None:
    assert {row[0] for row in WORDS} == set(LANGUAGES) - {"en"}


def test_the_table_speaks_of_our_phones_only() -> None:
    assert {phone for phones in FOREIGN.values() for phone in phones} <= set(INVENTORY)


def test_stress_is_where_the_dictionary_has_it() -> None:
    words = (("de", "Klavier", 1), ("it", "città", 1), ("es", "corazón", 2), ("la", "magister", 1),
             ("la", "Dominus", 0), ("la", "benedictus", 2), ("la", "Allelúia", 2))  # fmt: skip
    for language, word, vowel in words:
        stresses = [p.stress for p in phonemise(word, language) if p.symbol in VOWELS]
        assert stresses.index(1) == vowel, (word, stresses)


def test_the_accent_says_what_it_replaced() -> None:
    said = accent_of(["schöne Nacht, Glück"], "de").words()
    assert "/øː/ as ER" in said and "/x/ as HH" in said and "/ʏ/ as UH" in said and "/n/" not in said
    assert not accent_of(["a beautiful night"], "en")
    assert [p.symbol for p in accented(["ʘ", "a"])] == ["AA"]


def test_what_cannot_be_read_is_refused() -> None:
    with pytest.raises(UsageError, match="no voice can say words of the language 'sw'"):
        phonemise("habari", "sw")
    with pytest.raises(InputError, match="kanji"):
        phonemise("桜が さく", "ja")
    with pytest.raises(InputError, match="pronounced in German"):
        phonemise("你好", "de")
    assert kana_ipa("桜") == [] and latin_ipa("1905") == []


def test_romaji_is_the_same_as_kana() -> None:
    pairs = (("さくら", "sakura"), ("まっちゃ", "matcha"), ("とーきょー", "tōkyō"), ("しんよう", "shin'you"))
    for kana, roman in pairs:
        assert kana_ipa(kana) == kana_ipa(roman)


def test_tags() -> None:
    for tag, base in (("de-AT", "de"), ("ger", "de"), ("Deutsch", "de"), ("eng", "en"), ("en_GB", "en"), ("und", ""),
                      ("", ""), ("sw", "sw"), ("some words!", "und"), ("mul", "")):  # fmt: skip
        assert base_tag(tag) == base, tag
    assert language_of("").tag == "en" and language_of("pt-BR").tag == "pt"
    assert script_language("さくら") == "ja" and script_language("桜") == "" and script_language("sakura") == ""


def test_a_statement_does_not_take_a_mark_away() -> None:
    assert asked_languages((), (), ()) == ("en",)
    assert asked_languages(("en",), ["de-DE"], ["en"]) == ("en", "de")
    assert asked_languages(("en-GB",), ["en"], ["en"]) == ("en-GB",)  # a dialect stands for its language
    assert asked_languages((), ["de"], ["de", "ja"]) == ("de", "ja")
    assert asked_languages((), ["gibberish!"], ["en"]) == ("und", "en")  # a grant for English does not cover that


def test_sentences_of_another_language_keep_their_words_and_offsets() -> None:
    text = "Im Jahr 1.905 kostete es 3,50 € – „schön“, nicht? Ja."
    notices = []
    found = split_sentences(text, TextContext(language="de"))
    assert [s.spoken for s in found] == ["Im Jahr 1905 kostete es 3 Komma 50— schön, nicht?", "Ja."]
    for sentence in found:
        assert all(text[t.start : t.end] == t.text for t in sentence.tokens)
        notices += [(n.code, n.text) for n in sentence.notices]
    assert notices == [("sign-not-read", "€")]
    assert "".join(t.text for s in found for t in s.tokens) == "".join(text.split())
