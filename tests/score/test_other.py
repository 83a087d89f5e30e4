"""Formats read through LibreSVIP: written by LibreSVIP itself, so only where the extra `scores` is installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from voicekit.score import read_score

SONG = """[#VERSION]
UST Version1.2
[#SETTING]
Tempo=100
[#0000]
Length=480
Lyric=R
NoteNum=60
[#0001]
Length=240
Lyric=la
NoteNum=60
[#0002]
Length=480
Lyric=lo
NoteNum=62
[#TRACKEND]
"""


@pytest.mark.parametrize("suffix", ["vpr", "ccs", "dspx", "tssln", "aisp"])
def test_notes_words_and_tempo_come_through(tmp_path: Path, suffix: str) -> None:
    manager = pytest.importorskip("libresvip.extension.manager", reason="pip install 'voicekit[scores]'")
    source, target = (manager.get_svs_plugin_by_suffix(name) for name in ("ust", suffix))
    song = tmp_path / "a.ust"
    song.write_text(SONG)
    project = source.load(song, source.input_option_cls().model_dump())
    path = tmp_path / f"a.{suffix}"
    target.dump(path, project, target.output_option_cls().model_dump())
    ours, theirs = read_score(song), read_score(path)
    assert theirs.tempo.points == ours.tempo.points and theirs.format == suffix
    assert [(n.onset, n.duration, n.pitch_midi, n.lyric and n.lyric.text) for n in theirs.parts[0].notes] == [
        (n.onset, n.duration, n.pitch_midi, n.lyric and n.lyric.text) for n in ours.parts[0].notes
    ]
