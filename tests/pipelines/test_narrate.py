"""Narration as a whole: order, times, resume, retakes, the same bytes."""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from threading import Event

import numpy as np
import pytest
import soundfile

from consent import verify_file
from tests.support.tone import ToneHouse, audio_bytes, loose_ends, worker_environment
from voicekit.audio import read_mp3_frames, sha256_file
from voicekit.errors import InputError, UsageError
from voicekit.pipelines import Cancelled, Progress, ProgressMeter
from voicekit.studio import NarrateOptions, Studio

WAV = NarrateOptions(formats=("wav",))

BOOK = """# The First Chapter

It was a dark night. The rain fell in torrents. The rain fell in torrents.

A second paragraph, with a comma. And an end!

# The Second Chapter

Here it goes on. Nothing else happened that night.
"""


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "story.md"
    path.write_text(BOOK, encoding="utf-8")
    return path


def report(folder: Path) -> dict[str, object]:
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def test_chapters_sentences_and_their_times(studio: Studio, house: ToneHouse, book: Path, tmp_path: Path) -> None:
    take = studio.narrate(book, voice="tone", out=tmp_path / "out", options=NarrateOptions(formats=("mp3", "wav")))
    assert [path.name for path in take.files] == [
        "01-the-first-chapter.mp3",
        "01-the-first-chapter.wav",
        "02-the-second-chapter.mp3",
        "02-the-second-chapter.wav",
    ]
    for chapter, part in zip(take.chapters, report(tmp_path / "out")["chapters"], strict=True):  # type: ignore[call-overload]
        wave, rate = soundfile.read(str(chapter.files[1]), dtype="float64")
        assert rate == 44100 and len(wave) / rate == pytest.approx(chapter.duration_s, abs=1e-3)
        sentences = part["sentences"]
        assert (
            " ".join(s["text"] for s in sentences).split() == " ".join(BOOK.split("# ")[chapter.index].split()).split()
        )
        # the sound is where the report says, and between sentences there is only room tone
        tone_rms = 10 ** (-66 / 20)
        for one, following in itertools.pairwise([*sentences, None]):
            inside = wave[int((one["start_s"] + 0.01) * rate) : int((one["end_s"] - 0.01) * rate)]
            assert np.sqrt(np.mean(inside**2)) > 0.02
            end = following["start_s"] if following else chapter.duration_s
            pause = wave[int((one["end_s"] + 0.01) * rate) : int((end - 0.01) * rate)]
            assert np.sqrt(np.mean(pause**2)) < tone_rms
            if following:
                assert following["start_s"] - one["end_s"] == pytest.approx(one["pause_s"], abs=1e-3)
        assert sentences[0]["start_s"] == 1.0
        assert read_mp3_frames(chapter.files[0]).bit_rates == (192_000,)
        levels = chapter.measured[chapter.files[0].name]
        assert -23.0 < levels["rms_dbfs"] < -18.0 and levels["peak_dbfs"] < -3.0
        assert levels["floor_dbfs"] < -60.0


def test_a_repeated_sentence_is_another_take_and_headings_are_known(
    studio: Studio, house: ToneHouse, book: Path, tmp_path: Path
) -> None:
    studio.narrate(book, voice="tone", out=tmp_path / "out", options=WAV)
    sentences = report(tmp_path / "out")["chapters"][0]["sentences"]  # type: ignore[index]
    twins = [s for s in sentences if "torrents" in s["text"]]
    assert len(twins) == 2 and twins[0]["seed"] != twins[1]["seed"]
    assert sentences[0]["kind"] == "heading"


def test_two_runs_give_the_same_bytes_and_seeds_matter(
    studio: Studio, house: ToneHouse, book: Path, tmp_path: Path
) -> None:
    every = NarrateOptions(formats=("mp3", "flac", "wav"))
    studio.narrate(book, voice="tone", out=tmp_path / "a", options=every)
    shutil.rmtree(studio.takes_folder)
    studio.narrate(book, voice="tone", out=tmp_path / "b", options=every)
    studio.narrate(book, voice="tone", out=tmp_path / "c", options=replace(every, seed=1))
    one, two, three = (audio_bytes(tmp_path / name) for name in "abc")
    assert one == two and len(one) == 6
    assert not set(one.values()) & set(three.values())


def test_a_second_run_makes_nothing_and_asks_nothing(
    studio: Studio, house: ToneHouse, book: Path, tmp_path: Path
) -> None:
    studio.narrate(book, voice="tone", out=tmp_path / "out", options=WAV)
    said, size, stamp = len(house.spoken), studio.ledger.size(), (tmp_path / "out").glob("*.wav")
    before = {path: path.stat().st_mtime_ns for path in stamp}
    take = studio.narrate(book, voice="tone", out=tmp_path / "out", options=WAV)
    assert all(chapter.skipped for chapter in take.chapters)
    assert len(house.spoken) == said and studio.ledger.size() == size
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert take.measured["rtf"] is None and take.measured["duration_s"] > 5


def test_damaged_output_is_made_again_and_only_that(
    studio: Studio, house: ToneHouse, book: Path, tmp_path: Path
) -> None:
    first = studio.narrate(book, voice="tone", out=tmp_path / "out", options=WAV)
    good = audio_bytes(tmp_path / "out")
    broken = first.files[1]
    broken.write_bytes(broken.read_bytes()[:-1] + b"\x7f")
    said = len(house.spoken)
    take = studio.narrate(book, voice="tone", out=tmp_path / "out", options=WAV)
    assert [chapter.skipped for chapter in take.chapters] == [True, False]
    assert audio_bytes(tmp_path / "out") == good and len(house.spoken) == said  # from takes


def test_a_damaged_take_is_rendered_again(studio: Studio, house: ToneHouse, book: Path, tmp_path: Path) -> None:
    studio.narrate(book, voice="tone", out=tmp_path / "a", options=WAV)
    good = audio_bytes(tmp_path / "a")
    victim = sorted(studio.takes_folder.rglob("*.flac"))[3]
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 0xFF
    victim.write_bytes(data)
    said = len(house.spoken)
    take = studio.narrate(book, voice="tone", out=tmp_path / "b", options=WAV)
    assert audio_bytes(tmp_path / "b") == good
    assert len(house.spoken) == said + 1
    assert take.measured["takes_damaged"] == 1 and "damaged" in take.notices[0]


def test_changed_text_renders_only_what_changed(studio: Studio, house: ToneHouse, book: Path, tmp_path: Path) -> None:
    studio.narrate(book, voice="tone", out=tmp_path / "out", options=WAV)
    said = len(house.spoken)
    book.write_text(BOOK.replace("It was a dark", "A new one. It was a bright"), encoding="utf-8")
    take = studio.narrate(book, voice="tone", out=tmp_path / "out", options=WAV)
    # Two sentences are spoken at a time; which of them ends first is not promised.
    assert sorted(house.spoken[said:]) == ["It was a bright night.", "a new one."]
    assert [chapter.skipped for chapter in take.chapters] == [False, True]


def test_one_sentence_is_redone_and_stays_redone(studio: Studio, house: ToneHouse, book: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    studio.narrate(book, voice="tone", out=out, options=WAV)
    before = report(out)["chapters"]
    files = audio_bytes(out)
    said = len(house.spoken)
    take = studio.narrate(book, voice="tone", out=out, options=replace(WAV, redo=(1, 3), redo_seed=42))
    assert house.spoken[said:] == ["The rain fell in torrents."]
    after = report(out)["chapters"]
    changed = [
        (c, n)
        for c, (one, two) in enumerate(zip(before, after, strict=True), 1)  # type: ignore[call-overload]
        for n, (a, b) in enumerate(zip(one["sentences"], two["sentences"], strict=True), 1)
        if a["take"] != b["take"]
    ]
    assert changed == [(1, 3)]
    assert after[0]["sentences"][2]["seed"] == 42  # type: ignore[index]
    now = audio_bytes(out)
    assert [name for name in files if files[name] != now[name]] == ["01-the-first-chapter.wav"]
    assert verify_file(take.files[0], trust=house.release_keys()).ok
    # an ordinary run afterwards keeps the choice
    again = studio.narrate(book, voice="tone", out=out, options=WAV)
    assert all(chapter.skipped for chapter in again.chapters) and audio_bytes(out) == now
    # without a seed: the next take, another seed each time
    for _ in range(2):
        studio.narrate(book, voice="tone", out=out, options=replace(WAV, redo=(1, 3)))
    assert len({*house.spoken}) < len(house.spoken)
    production = json.loads((out / "production.json").read_text())
    assert production["retakes"]["1:3"]["take"] == 4
    # a retake of words that are gone is told, not silently applied to others
    book.write_text(BOOK.replace("The rain fell in torrents. The", "Snow. The"), encoding="utf-8")
    take = studio.narrate(book, voice="tone", out=out, options=WAV)
    assert any("retake no longer applies" in notice for notice in take.notices)


def test_redo_names_what_is_not_there(studio: Studio, book: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no production"):
        studio.narrate(book, voice="tone", out=tmp_path / "out", options=replace(WAV, redo=(1, 1)))
    studio.narrate(book, voice="tone", out=tmp_path / "out", options=WAV)
    with pytest.raises(UsageError, match="no spoken sentence 99"):
        studio.narrate(book, voice="tone", out=tmp_path / "out", options=replace(WAV, redo=(1, 99)))
    with pytest.raises(UsageError, match="no chapter 9"):
        studio.narrate(book, voice="tone", out=tmp_path / "out", options=replace(WAV, redo=(9, 1)))


def test_chosen_chapters_keep_their_numbers(studio: Studio, book: Path, tmp_path: Path) -> None:
    take = studio.narrate(book, voice="tone", out=tmp_path / "out", options=replace(WAV, chapters=(2,)))
    assert [path.name for path in take.files] == ["02-the-second-chapter.wav"]
    with pytest.raises(UsageError, match=r"no chapter 3 .*1-2"):
        studio.narrate(book, voice="tone", out=tmp_path / "out", options=replace(WAV, chapters=(1, 3)))


def test_another_book_does_not_overwrite_a_production(studio: Studio, book: Path, tmp_path: Path) -> None:
    studio.narrate(book, voice="tone", out=tmp_path / "out", options=WAV)
    with pytest.raises(UsageError, match=r"holds a production of story\.md"):
        studio.narrate("Other words.", voice="tone", out=tmp_path / "out", options=WAV)


def test_two_at_once_in_one_folder_are_kept_apart(studio: Studio, book: Path, tmp_path: Path) -> None:
    caught: list[BaseException] = []

    def inside(progress: Progress) -> None:
        if progress.stage == "speak" and not caught:
            with pytest.raises(UsageError, match="another voicekit") as info:
                studio.narrate(book, voice="tone", out=tmp_path / "out", options=WAV)
            caught.append(info.value)

    studio.narrate(book, voice="tone", out=tmp_path / "out", options=WAV, progress=inside)
    assert caught


def test_cancel_keeps_finished_sentences(studio: Studio, house: ToneHouse, book: Path, tmp_path: Path) -> None:
    cancel = Event()
    house.on_speak = lambda spoken: cancel.set() if "comma" in spoken else None
    with pytest.raises(Cancelled, match="same command"):
        studio.narrate(book, voice="tone", out=tmp_path / "out", options=WAV, cancel=cancel)
    assert audio_bytes(tmp_path / "out") == {} and loose_ends(tmp_path / "out") == []
    house.on_speak = None
    said = len(house.spoken)
    studio.narrate(book, voice="tone", out=tmp_path / "out", options=WAV)
    assert not any("rain" in text or "comma" in text for text in house.spoken[said:])


def test_progress_tells_the_time_left() -> None:
    now = [0.0]
    seen: list[Progress] = []
    meter = ProgressMeter([100, 300], seen.append, None, clock=lambda: now[0])
    meter.begin("one", 2)
    for _ in range(2):
        now[0] += 8.5  # 85 % of the chapter's work in 17 s, the rest in 3 s: 20 s a hundred characters
        meter.sentence(50, 3.0, "x", reused=False)
    now[0] += 3.0
    meter.end(skipped=False)
    last = seen[-1]
    assert last.fraction == pytest.approx(0.25)
    assert last.eta_s == pytest.approx(60.0)
    assert last.seconds_done == 6.0
    fractions = [report.fraction for report in seen]
    assert fractions == sorted(fractions)
    meter.begin("two", 1)
    meter.end(skipped=True)
    assert seen[-1].fraction == 1.0 and seen[-1].eta_s == pytest.approx(0.0)


def test_what_is_reused_does_not_promise_a_fast_rest() -> None:
    now = [0.0]
    seen: list[Progress] = []
    meter = ProgressMeter([100, 100], seen.append, None, clock=lambda: now[0])
    meter.begin("one", 2)
    now[0] = 1.0
    meter.sentence(90, 3.0, "x", reused=True)
    assert seen[-1].eta_s is None  # nothing was made yet: no idea how long the rest takes
    now[0] = 11.0
    meter.sentence(10, 1.0, "y", reused=False)
    assert seen[-1].eta_s is not None and seen[-1].eta_s > 60.0


def test_killed_three_times_gives_the_same_bytes(studio: Studio, house: ToneHouse, book: Path, tmp_path: Path) -> None:
    """SIGKILL at three places (a sentence, another sentence, the encoder), then resumed."""
    studio.narrate(book, voice="tone", out=tmp_path / "calm", options=NarrateOptions(formats=("mp3", "wav"), seed=7))
    calm = audio_bytes(tmp_path / "calm")
    shutil.rmtree(studio.takes_folder)
    studio.close()
    out = tmp_path / "killed"
    command = [
        sys.executable,
        str(Path(__file__).parents[1] / "support" / "narrate_worker.py"),
        str(studio.folder),
        str(house.folder),
        str(book),
        str(out),
    ]
    takes_before_kill = []
    for where in ("speak 1 2", "speak 1 5", "encode 2"):
        child = subprocess.Popen([*command, "20"], stdout=subprocess.PIPE, text=True, env=worker_environment())
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith(where):
                os.kill(child.pid, signal.SIGKILL)
                break
        child.stdout.close()
        assert child.wait() == -signal.SIGKILL
        takes_before_kill.append(len(list(studio.takes_folder.rglob("*.flac"))))
    assert takes_before_kill[0] >= 2 and takes_before_kill[1] >= 5  # nothing finished was lost
    done = subprocess.run([*command, "0"], capture_output=True, text=True, env=worker_environment(), check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "done 4 0"  # all sentences were on disk already
    assert audio_bytes(out) == calm
    assert loose_ends(out) == [] and list(studio.takes_folder.glob("*.partial")) == []
    for name in calm:
        assert verify_file(out / name, trust=house.release_keys()).ok


@pytest.mark.slow
def test_killed_anywhere_gives_the_same_bytes(studio: Studio, house: ToneHouse, book: Path, tmp_path: Path) -> None:
    """SIGKILL after random times until a run gets through."""
    studio.narrate(book, voice="tone", out=tmp_path / "calm", options=NarrateOptions(formats=("mp3", "wav"), seed=7))
    calm = audio_bytes(tmp_path / "calm")
    shutil.rmtree(studio.takes_folder)
    studio.close()
    out = tmp_path / "killed"
    worker = str(Path(__file__).parents[1] / "support" / "narrate_worker.py")
    command = [sys.executable, worker, str(studio.folder), str(house.folder), str(book), str(out), "5"]
    chance = random.Random(5)
    for _ in range(12):
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=worker_environment())
        try:
            child.wait(0.9 + chance.random() * 1.2)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    subprocess.run(command, env=worker_environment(), check=True, stdout=subprocess.DEVNULL)
    assert audio_bytes(out) == calm
    assert loose_ends(out) == []


def test_killed_between_receipt_and_delivery_is_delivered_later(
    studio: Studio, house: ToneHouse, book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receipt is in the ledger, the file lacks its name: the next run only gives it."""
    from voicekit.studio import production as production_module

    class Killed(BaseException):
        pass

    def die(*args: object) -> None:
        raise Killed

    out = tmp_path / "out"
    monkeypatch.setattr(type(studio.ledger), "deliver", die)
    monkeypatch.setattr(production_module.shutil, "rmtree", lambda *args, **kw: None)  # as SIGKILL would
    with pytest.raises(Killed):
        studio.narrate(book, voice="tone", out=out, options=replace(WAV, chapters=(1,)))
    monkeypatch.undo()
    assert audio_bytes(out) == {}
    size = studio.ledger.size()
    take = studio.narrate(book, voice="tone", out=out, options=replace(WAV, chapters=(1,)))
    assert take.chapters[0].skipped and studio.ledger.size() == size  # no second render was counted
    assert verify_file(take.path, trust=house.release_keys()).ok
    assert loose_ends(out) == []


def test_a_full_disk_loses_no_finished_sentence(
    studio: Studio, house: ToneHouse, book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    from voicekit.pipelines import takes as takes_module

    real, count = os.fsync, itertools.count()

    def full(handle: int) -> None:
        if next(count) >= 8:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(takes_module.os, "fsync", full)
    with pytest.raises(InputError, match="the disk is full") as caught:
        studio.narrate(book, voice="tone", out=tmp_path / "out", options=WAV)
    assert "\n" not in str(caught.value)
    monkeypatch.undo()
    kept = len(list(studio.takes_folder.rglob("*.flac")))
    assert audio_bytes(tmp_path / "out") == {} and loose_ends(tmp_path / "out") == []
    said = len(house.spoken)
    studio.narrate(book, voice="tone", out=tmp_path / "out", options=WAV)
    assert kept > 0 and len(house.spoken) - said < 9
    assert len(audio_bytes(tmp_path / "out")) == 2


def test_unwritable_and_odd_places(studio: Studio, book: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match=r"a file, not a folder|in the way"):
        studio.narrate(book, voice="tone", out=tmp_path / "file" / "out", options=WAV)
    with pytest.raises(InputError, match="in the way"):
        studio.narrate(book, voice="tone", out=tmp_path / "file", options=WAV)
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "production.json").write_text('{"format": "something"}')
    with pytest.raises(InputError, match="not a production file"):
        studio.narrate(book, voice="tone", out=tmp_path / "odd", options=WAV)
    with pytest.raises(InputError, match="nothing to read aloud"):
        studio.narrate("  \n ", voice="tone", out=tmp_path / "empty", options=WAV)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_the_report_lists_what_decides_the_sound(studio: Studio, book: Path, tmp_path: Path) -> None:
    take = studio.narrate(book, voice="tone", out=tmp_path / "out", options=WAV)
    made = report(tmp_path / "out")
    assert made["disclosure"] == "AI-generated speech" and made["engine"] == "tone-1"
    assert made["source"] == {"name": "story.md", "sha256": sha256_file(book)}
    for chapter, part in zip(take.chapters, made["chapters"], strict=True):  # type: ignore[call-overload]
        assert part["receipt"] == chapter.receipt_id != ""
        assert part["files"][0]["sha256"] == sha256_file(chapter.files[0])


def test_options_are_checked_before_anything() -> None:
    for wrong, text in [
        ({"formats": ("ogg",)}, "unknown format: ogg"),
        ({"formats": ()}, "unknown format"),
        ({"formats": ("wav", "wav")}, "twice"),
        ({"rate": 9.0}, "rate must lie"),
        ({"rate": float("nan")}, "rate must lie"),
        ({"pitch_semitones": 40.0}, "pitch must lie"),
        ({"seed": -1}, "seed must lie"),
        ({"profile": "loud"}, "unknown profile"),
        ({"chapters": (0,)}, "numbered from 1"),
    ]:
        with pytest.raises(UsageError, match=text):
            NarrateOptions(**wrong)  # type: ignore[arg-type]


def test_memory_stays_flat_however_long_the_book(studio: Studio, house: ToneHouse, tmp_path: Path) -> None:
    """Four times the sound, no more memory than a few blocks (and the report of its sentences)."""
    import tracemalloc

    def peak(chapters: int) -> int:
        path = tmp_path / f"long{chapters}.md"
        path.write_text(
            "\n\n".join(f"# Chapter {n}\n\n" + "A few plain words follow. " * 4 for n in range(chapters)),
            encoding="utf-8",
        )
        tracemalloc.start()
        studio.narrate(path, voice="tone", out=tmp_path / f"out{chapters}", options=replace(WAV, profile="clip"))
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    peak(1)
    few, many = peak(2), peak(8)
    assert many < few + 1_000_000
