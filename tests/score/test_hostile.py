"""Damaged and hostile files end in one error that names file, place and remedy; nothing else escapes."""

from __future__ import annotations

import io
import json
import random
import time
import zipfile
from pathlib import Path

import pytest

from voicekit.errors import InputError, UsageError, VoicekitError
from voicekit.score import read_score

DATA = Path(__file__).parent / "data"
HEAD = '<score-partwise><part-list><score-part id="P1"><part-name>x</part-name></score-part></part-list><part id="P1">'
NOTE = "<note><pitch><step>C</step><octave>4</octave></pitch><duration>1</duration></note>"


def measure(body: str) -> str:
    """A score of one measure."""
    return f'{HEAD}<measure number="7">{body}</measure></part></score-partwise>'


def zipped(**members: bytes) -> bytes:
    """A zip file."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members.items():
            archive.writestr(name.replace("__", "/"), body)
    return stream.getvalue()


CONTAINER = b'<container><rootfiles><rootfile full-path="../../etc/passwd"/></rootfiles></container>'
LAUGHS = '<!DOCTYPE s [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><score-partwise><x>&b;</x></score-partwise>'
OUTSIDE = '<!DOCTYPE s [<!ENTITY a SYSTEM "file:///etc/passwd">]><score-partwise><x>&a;</x></score-partwise>'
USTX = "ustx_version: '0.6'\nvoice_parts:\n- notes:\n  - {position: 0, duration: 480, tone: %s, lyric: a}\n"
BAD = [
    ("empty.musicxml", b"", "is empty"),
    ("text.txt", b"Dear all, no score here.", "no score of a known format"),
    ("cut.musicxml", b"<score-partwise><part-list>", "not well-formed XML"),
    ("page.xml", b"<html><body/></html>", "no MusicXML score"),
    ("laughs.xml", LAUGHS.encode(), "declares XML entities"),
    ("outside.xml", OUTSIDE.encode(), "declares XML entities"),
    ("deep.xml", b"<score-partwise>" + b"<a>" * 100_000, "not well-formed XML"),
    ("none.xml", b"<score-partwise><part-list/></score-partwise>", "no part with a measure"),
    ("stray.xml", b'<score-partwise><part id="Z"><measure/></part></score-partwise>', "part 'Z': is not in"),
    ("step.xml", measure(NOTE.replace("C<", "H<")).encode(), "part P1, measure 7: <step> is 'H'"),
    ("octave.xml", measure(NOTE.replace("4", "99")).encode(), "<octave> is 99, outside"),
    ("huge.xml", measure(NOTE.replace(">1<", ">1e999999999<")).encode(), "<duration> is '1e999999999', not a number"),
    ("nan.xml", measure(NOTE.replace(">1<", ">nan<")).encode(), "<duration> is 'nan'"),
    ("long.xml", measure(NOTE.replace(">1<", ">999999999<")).encode(), "a duration of"),
    ("back.xml", measure("<backup><duration>9</duration></backup>").encode(), "back beyond the start"),
    ("zero.xml", measure("<attributes><divisions>0</divisions></attributes>").encode(), "<divisions> is not above 0"),
    ("time.xml", measure("<attributes><time><beats>4</beats></time></attributes>").encode(), "as many beats"),
    ("no.mxl", zipped(readme=b"nothing"), "without a MusicXML score"),
    ("path.mxl", zipped(**{"META-INF__container.xml": CONTAINER}), "named in the container but not in it"),
    ("bomb.mxl", zipped(**{"score.xml": b" " * 60_000_000}), "zip bomb"),
    ("cut.mxl", zipped(**{"score.xml": b"x"})[:40], "damaged zip file"),
    ("cut.mid", (DATA / "format0.mid").read_bytes()[:60], "track 1: is cut short"),
    ("two.mid", b"MThd\0\0\0\6\0\2\0\1\0\x60MTrk\0\0\0\0", "is of format 2"),
    ("none.mid", b"MThd\0\0\0\6\0\1\0\0\0\x60", "has no track"),
    ("ticks.mid", b"MThd\0\0\0\6\0\1\0\1\0\0MTrk\0\0\0\0", "0 ticks a quarter note"),
    ("status.mid", b"MThd\0\0\0\6\0\1\0\1\0\x60MTrk\0\0\0\3\0\x40\x40", "event 1: has no known kind"),
    ("long.mid", b"MThd\0\0\0\6\0\1\0\1\0\x60MTrk\0\0\0\x07\0\xff\x05\xff\xff\xff\x7f", "longer than its track"),
    ("nan.svp", b'{"tracks": [], "time": {"tempo": [{"position": 0, "bpm": NaN}]}}', "NaN is not allowed"),
    ("deep.svp", b"[" * 200_000, "nested too deeply"),
    ("bpm.svp", b'{"tracks": [], "time": {"tempo": [{"position": 0, "bpm": -5}]}}', "bpm is -5, outside"),
    ("kind.svp", b'{"tracks": 5, "time": {}}', "tracks: is not a list"),
    ("other.json", b'{"a": 1}', "neither a Synthesizer V nor a DiffSinger"),
    ("note.ds", b'[{"note_seq": "H4", "note_dur": "1"}]', "segment 1: the note 'H4'"),
    ("count.ds", b'[{"note_seq": "C4 D4", "note_dur": "1"}]', "2 notes and note_dur 1"),
    ("words.ds", b'[{"note_seq": "C4", "note_dur": "1", "ph_seq": "a b", "ph_num": "1"}]', "ph_num counts 1"),
    ("alias.ustx", b"ustx_version: '1'\na: &a [x]\nvoice_parts: [*a, *a]\n", "line 3: uses a YAML alias"),
    ("object.ustx", b"ustx_version: '1'\nvoice_parts: !!python/object/apply:os.system [ls]\n", "is not YAML"),
    ("deep.ustx", b"ustx_version: '1'\nvoice_parts: " + b"[" * 5000 + b"]" * 5000, "nested too deeply"),
    ("tone.ustx", (USTX % 300).encode(), "note 1: tone is 300, outside"),
    ("inf.ustx", (USTX % ".inf").encode(), "tone is 'inf', not a number"),
    ("shape.ustx", b"ustx_version: '1'\nvoice_parts: 7\n", "voice_parts: is not a list"),
    ("none.ust", b"[#VERSION]\r\nUST Version1.2\r\n[#SETTING]\r\nTempo=120\r\n", "has no note"),
    ("length.ust", b"[#0000]\nLength=abc\nLyric=a\nNoteNum=60\n", "line 1, [#0000]: Length is 'abc'"),
    ("num.ust", b"[#0000]\nLength=480\nLyric=a\nNoteNum=999\n", "NoteNum is 999, outside"),
    ("bytes.ust", b"[#0000]\nLength=480\nLyric=\x82\xff\nNoteNum=60\n", "neither UTF-8 nor Shift-JIS"),
]


@pytest.mark.parametrize(("name", "data", "problem"), BAD, ids=[name for name, _, _ in BAD])
def test_bad_file(tmp_path: Path, name: str, data: bytes, problem: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    start = time.process_time()
    with pytest.raises(InputError) as caught:
        read_score(path)
    message = str(caught.value)
    assert problem in message and str(path) in message and caught.value.remedy and "\n" not in message
    assert time.process_time() - start < 3


def test_no_file_a_folder_and_a_format_of_an_extra(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_score(tmp_path / "none.mid")
    with pytest.raises(InputError, match="is a folder"):
        read_score(tmp_path)


def test_other_formats_name_the_extra(tmp_path: Path) -> None:
    (tmp_path / "a.vsqx").write_bytes(b"<vsq4/>")
    with pytest.raises(VoicekitError, match=r"LibreSVIP"):
        read_score(tmp_path / "a.vsqx")
    with pytest.raises(UsageError, match="one verse"):
        read_score(tmp_path / "a.vsqx", verse=2)


def test_endless_repeats_end(tmp_path: Path) -> None:
    repeat = '<barline><repeat direction="backward" times="1000"/></barline>'
    body = "".join(f'<measure number="{n}">{NOTE}{repeat}</measure>' for n in range(60))
    (tmp_path / "a.xml").write_text(f"{HEAD}{body}</part></score-partwise>")
    with pytest.raises(InputError, match="more than 50000 measures"):
        read_score(tmp_path / "a.xml")


@pytest.mark.parametrize("name", sorted(p.name for p in DATA.iterdir() if p.suffix != ".md"))
def test_bytes_changed_at_random_never_raise_anything_else(tmp_path: Path, name: str) -> None:
    """A hundred damaged copies of every file: read, or refused with one error."""
    whole = (DATA / name).read_bytes()
    generator = random.Random(name)
    path = tmp_path / name
    for _ in range(100):
        data = bytearray(whole)
        for _ in range(generator.choice([1, 2, 8])):
            likely = [*b"0159-<>{}[]:,\"\n", 255, generator.randrange(256)]
            data[generator.randrange(len(data))] = generator.choice(likely)
        if generator.random() < 0.2:
            del data[generator.randrange(len(data)) :]
        path.write_bytes(bytes(data))
        try:
            read_score(path)
        except VoicekitError as error:
            assert str(path) in str(error)


def test_json_with_wrong_kinds_everywhere(tmp_path: Path) -> None:
    """Each value of the JSON files in turn becomes a number, a text, a list, an empty section, and null."""

    def places(value: object, at: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
        rows = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        return [at, *(place for key, each in rows for place in places(each, (*at, key)))]

    for name in ("groups.svp", "star.ds"):
        whole = json.loads((DATA / name).read_bytes().rstrip(b"\0"))
        for place in places(whole)[1:]:
            for wrong in (7, "x", [], {}, None, -1e300, True):
                copy = json.loads(json.dumps(whole))
                inner = copy
                for key in place[:-1]:
                    inner = inner[key]
                inner[place[-1]] = wrong
                (tmp_path / name).write_text(json.dumps(copy))
                try:
                    read_score(tmp_path / name)
                except VoicekitError as error:
                    assert name in str(error)
