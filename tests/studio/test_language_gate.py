"""Every way to say words of a language nobody granted, tried; and songs whose words were read before.

The tone voice's record offers English alone.  The judge is what was really rendered and what the ledger recorded.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from fractions import Fraction as F
from pathlib import Path

import pytest

from consent import ConsentRefusedError, Use
from tests.support.tone import ToneHouse, audio_bytes, make_voice, offered, several
from voicekit.engines.base import Engine, SingParams, SpeechParams
from voicekit.errors import UsageError
from voicekit.score import Lyric, Note, Part, Score, Tempo, TempoMap
from voicekit.singing import plan_line
from voicekit.studio import NarrateOptions, SingOptions, Studio

BOTH = {"modes": ("speech", "singing")}
WAV = NarrateOptions(formats=("wav",))
QUIET = SingOptions(guide=False)


def song(words: str, language: str = "") -> Score:
    notes = [Note(F(k), F(1), 60.0, Lyric(text)) for k, text in enumerate(words.split())]
    return Score((Part("solo", tuple(notes), language=language),), TempoMap([Tempo(F(0), 120)]), title="Lied")


def studio_with(folder: Path, *languages: str) -> tuple[Studio, ToneHouse]:
    house = ToneHouse(make_voice(folder / "voice", scope=offered(languages=languages, **BOTH)))
    studio = Studio.create(folder / "studio", voices=several(house))
    studio.adopt_house_voice("tone")
    return studio, house


@pytest.fixture
def english(tmp_path: Path) -> Iterator[tuple[Studio, ToneHouse]]:
    studio, house = studio_with(tmp_path, "en")
    with studio:
        yield studio, house


@pytest.fixture
def german(tmp_path: Path) -> Iterator[tuple[Studio, ToneHouse]]:
    studio, house = studio_with(tmp_path, "de")
    with studio:
        yield studio, house


def last_use(studio: Studio) -> dict[str, object]:
    """From the database itself, read by Python's own sqlite3."""
    with sqlite3.connect(f"file:{studio.folder / 'ledger' / 'ledger.db'}?mode=ro", uri=True) as db:
        columns = [row[1] for row in db.execute("pragma table_info(entry)")]
        blob = db.execute("select * from entry where kind = 'render-intent' order by seq desc limit 1").fetchone()
    envelope = json.loads(bytes(blob[columns.index("envelope")]))
    import base64

    return json.loads(base64.b64decode(envelope["payload"]))["use"]


@pytest.mark.parametrize(
    ("score", "stated"),
    [
        (song("Stil le Nacht", "de"), None),  # the score says so
        (song("Stil le Nacht", "de-AT"), None),
        (song("Stil le Nacht", "Deutsch"), None),
        (song("Stil le Nacht", "de"), ("en",)),  # stating English does not make it English
        (song("Stil le Nacht"), ("de",)),  # stated
        (song("Stil le Nacht"), ("en", "de")),
        (song("さ く ら"), None),  # nobody says so, but kana are Japanese
        (song("さ く ら", "en"), ("en",)),
        (song("ni hao", "zh"), None),  # sung on a vowel, and still Chinese
        (song("ni hao", "what is this"), None),
    ],
)
def test_a_grant_for_english_sings_nothing_else(
    english: tuple[Studio, ToneHouse], tmp_path: Path, score: Score, stated: tuple[str, ...] | None
) -> None:
    studio, house = english
    with pytest.raises(ConsentRefusedError) as caught:
        studio.sing(score, voice="tone", out=tmp_path / "out", options=SingOptions(languages=stated, guide=False))
    assert caught.value.reason == "language-not-granted"
    assert house.spoken == [] and (not (tmp_path / "out").exists() or audio_bytes(tmp_path / "out") == {})


def test_a_harmony_has_its_melodys_language(english: tuple[Studio, ToneHouse], tmp_path: Path) -> None:
    studio, house = english
    with pytest.raises(ConsentRefusedError) as caught:
        studio.sing(song("a b c d", "de"), voice="tone", out=tmp_path / "out", harmony="third-above", options=QUIET)
    assert caught.value.reason == "language-not-granted" and house.spoken == []


def test_a_grant_for_german_sings_german_and_says_in_what_accent(
    german: tuple[Studio, ToneHouse], tmp_path: Path
) -> None:
    studio, house = german
    made = studio.sing(song("schö ne Nacht", "de"), voice="tone", out=tmp_path / "out", options=QUIET)
    assert last_use(studio)["languages"] == ["de"]
    said = [one for one in made.notices if "sung in German with English sounds" in one]
    assert len(said) == 1 and "/x/ as HH" in said[0] and "/øː/ as ER" in said[0]
    assert json.loads((tmp_path / "out" / "report.json").read_text())["notices"] == list(made.notices)
    with pytest.raises(ConsentRefusedError) as caught:
        studio.sing(song("a la la"), voice="tone", out=tmp_path / "english", options=QUIET)  # English, by default
    assert caught.value.reason == "language-not-granted" and house.spoken == ["solo"]


def test_a_grant_for_english_reads_nothing_else(english: tuple[Studio, ToneHouse], tmp_path: Path) -> None:
    studio, house = english
    book = tmp_path / "buch.html"
    book.write_text("<html lang='de'><title>Nacht</title><body><p>Es war Nacht.</p></body></html>")
    with pytest.raises(ConsentRefusedError) as caught:
        studio.narrate("Es war Nacht.", voice="tone", out=tmp_path / "a", options=NarrateOptions(languages=("de",)))
    assert caught.value.reason == "language-not-granted" and house.spoken == []
    with pytest.raises(UsageError, match="whose words no voice can say"):
        studio.narrate("Habari.", voice="tone", out=tmp_path / "b", options=NarrateOptions(languages=("sw",)))


def test_a_german_book_under_an_english_statement_is_still_german(
    english: tuple[Studio, ToneHouse], tmp_path: Path
) -> None:
    from voicekit.book import book_from_text

    book = book_from_text("Es war Nacht.", title="Nacht")
    from dataclasses import replace

    studio, house = english
    with pytest.raises(ConsentRefusedError) as caught:
        options = NarrateOptions(languages=("en",), formats=("wav",))
        studio.narrate(replace(book, language="de"), voice="tone", out=tmp_path / "a", options=options)
    assert caught.value.reason == "language-not-granted" and house.spoken == []


def test_a_german_text_is_read_by_german_rules_and_the_receipt_says_with_which_sounds(
    german: tuple[Studio, ToneHouse], tmp_path: Path
) -> None:
    studio, house = german
    options = NarrateOptions(languages=("de",), formats=("wav",))
    take = studio.narrate("Es war 1905 Nacht.", voice="tone", out=tmp_path / "out", options=options)
    assert house.spoken == ["Es war 1905 Nacht."]  # the number goes to the German phonemiser, not to English words
    assert take.receipt is not None
    measured = dict(take.receipt.measured)
    assert measured["words"] == "de" and measured["sounds"] == "en"
    assert any("read in German with English sounds" in one and "/x/ as HH" in one for one in take.notices)
    assert last_use(studio)["languages"] == ["de"]


def test_an_engine_refuses_words_its_permit_does_not_name(english: tuple[Studio, ToneHouse]) -> None:
    studio, house = english
    tone = house.open_engine("tone")

    class Real(Engine):
        name, voice, version, sample_rate, operands = "real", "tone", "1", 24_000, tone.operands

        def _speak(self, spoken: str, params: SpeechParams) -> object:  # type: ignore[override]
            raise AssertionError("it spoke")

        def _sing(self, line: object, params: SingParams) -> object:  # type: ignore[override]
            raise AssertionError("it sang")

    def permit(mode: str) -> object:
        return studio.ledger.request(
            Use(mode=mode, purpose="music"), voice="tone", operands=tone.operands, params_sha256="0" * 64,
            text_commit="1" * 64,
        )  # fmt: skip

    with pytest.raises(ConsentRefusedError) as caught:
        Real().speak(permit("speech"), "Nacht", SpeechParams(language="de"))  # type: ignore[arg-type]
    assert caught.value.reason == "language-not-granted"
    with pytest.raises(ConsentRefusedError) as caught:
        next(Real().stream(permit("speech"), "Nacht", SpeechParams(language="de")))  # type: ignore[arg-type]
    assert caught.value.reason == "language-not-granted"
    score = song("Nacht", "de")
    line = plan_line(score.parts[0], score.tempo, language="de")
    with pytest.raises(ConsentRefusedError) as caught:
        Real().sing(permit("singing"), line, SingParams())  # type: ignore[arg-type]
    assert caught.value.reason == "language-not-granted"
    with pytest.raises(AssertionError, match="it spoke"):  # or the rest shows nothing
        Real().speak(permit("speech"), "night", SpeechParams())  # type: ignore[arg-type]


THREAT = "I am go ing to kill you and your fam i ly"


def threat() -> Score:
    """The words cut into syllables, as a score has them."""
    kinds = ["single", "single", "begin", "end", *["single"] * 5, "begin", "middle", "end"]
    words = [Lyric(text, kind) for text, kind in zip(THREAT.split(), kinds, strict=True)]
    notes = [Note(F(k), F(1), 60.0, lyric) for k, lyric in enumerate(words)]
    return Score((Part("solo", tuple(notes)),), TempoMap([Tempo(F(0), 120)]), title="Ballad")


def test_the_language_reaches_the_house_engines_phonemiser() -> None:
    from voicekit.pipelines import SpeechChoice
    from voicekit.studio.voices import house_voices

    assert house_voices().make_params(SpeechChoice(language="de")).language == "de"


def test_reviewed_words_are_sung_and_the_declaration_is_signed(tmp_path: Path) -> None:
    scope = offered(content_refused=("violence",), **BOTH)
    house = ToneHouse(make_voice(tmp_path / "voice", scope=scope))
    with Studio.create(tmp_path / "studio", voices=several(house)) as studio:
        studio.adopt_house_voice("tone")
        with pytest.raises(ConsentRefusedError) as caught:
            studio.sing(threat(), voice="tone", out=tmp_path / "no", options=QUIET)
        assert caught.value.reason == "content-refused" and house.spoken == []
        with pytest.raises(ConsentRefusedError):  # another class does not help
            other = SingOptions(guide=False, reviewed_content=("political",))
            studio.sing(threat(), voice="tone", out=tmp_path / "no", options=other)
        assert house.spoken == []
        reviewed = SingOptions(guide=False, reviewed_content=("violence",))
        made = studio.sing(threat(), voice="tone", out=tmp_path / "yes", options=reviewed)
        assert made.receipts[0].as_obj()["use"]["reviewed_content"] == ["violence"]
        assert last_use(studio)["reviewed_content"] == ["violence"]


PAGE = "<h1>One</h1><p>He said <i lang='fr'>bonjour</i> to her.</p>"


def narrated(studio: Studio, folder: Path, *languages: str) -> tuple[dict[str, object], str]:
    """What the ledger was asked, and the report."""
    page = folder / "page.html"
    page.write_text(PAGE, encoding="utf-8")
    options = NarrateOptions(formats=("wav",), languages=languages or None)
    take = studio.narrate(page, voice="tone", out=folder / "out", options=options)
    return last_use(studio), take.report.read_text(encoding="utf-8")


def test_a_part_in_another_language_is_said_in_it_only_under_a_grant_for_it(
    english: tuple[Studio, ToneHouse], tmp_path: Path
) -> None:
    studio, _ = english
    with pytest.raises(ConsentRefusedError, match="language"):
        narrated(studio, tmp_path, "en", "fr")
    use, report = narrated(studio, tmp_path)
    assert use.get("languages", ["en"]) == ["en"]  # English alone is left unsaid
    assert "language-not-used" in report


def test_a_part_that_is_said_in_its_language_is_asked_for(tmp_path: Path) -> None:
    studio, _ = studio_with(tmp_path, "en", "fr")
    with studio:
        use, report = narrated(studio, tmp_path, "en", "fr")
    assert sorted(use["languages"]) == ["en", "fr"]  # type: ignore[call-overload]
    assert "language-not-used" not in report
