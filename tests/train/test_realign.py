"""The path near the first alignment that fits best is found, against trying all of them, and flite's own times."""

from __future__ import annotations

import difflib
import itertools
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from voicekit.engines.voices import CONTENT_FILE, MODEL_FOLDER, VOICES
from voicekit.errors import InputError
from voicekit.models.weights import build_content, read_weights
from voicekit.text.phones import INVENTORY, PHONE_ID, to_cmu
from voicekit.train.prepare import Example, load_all, make_example, save
from voicekit.train.realign import best_path, realign, realign_folder

SENTENCES = (
    "The birch canoe slid on the smooth planks, and the old man watched it go with a joyful shout.",
    "Glue the sheet to the dark blue background, then measure the length of the yellow thread.",
    "It is easy to tell the depth of a well, but who knows what treasure is hidden in the mud.",
    "Rice is often served in round bowls, the juice of lemons makes fine punch for both of us.",
)
_NAMES = {PHONE_ID[symbol]: symbol for symbol in INVENTORY}


def every_path(scores: np.ndarray, durations: np.ndarray, most: int, least: int) -> np.ndarray:
    """By trying all of them."""
    real = np.flatnonzero(durations > 0)
    old = np.cumsum(durations[real])
    best, found = -np.inf, None
    for ends in itertools.product(*(range(max(1, e - most), e + most + 1) for e in old[:-1])):
        edges = [0, *ends, len(scores)]
        lengths = np.diff(edges)
        if (lengths < np.minimum(durations[real], least)).any():
            continue
        value = sum(scores[a:b, k].sum() for k, a, b in zip(real, edges[:-1], edges[1:], strict=True))
        if value > best:
            best, found = value, np.diff(edges)
    made = np.zeros_like(durations)
    made[real] = found
    return made


@pytest.mark.parametrize("seed", range(12))
def test_against_trying_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    durations = rng.integers(1, 6, size=5)
    if seed % 3 == 0:
        durations[[0, -1]] = 0, 2  # an edge of no length stays so
    scores = rng.normal(size=(durations.sum(), 5))
    most, least = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    assert np.array_equal(best_path(scores, durations, most, least), every_path(scores, durations, most, least))


def test_an_utterance_of_one_phone_stays_as_it_is() -> None:
    assert best_path(np.zeros((7, 3)), np.array([0, 7, 0])).tolist() == [0, 7, 0]


def said_by_flite(folder: Path) -> list[tuple[Example, list[tuple[str, float]]]]:
    """Examples, and flite's own word on where its phones begin (s)."""
    if shutil.which("flite") is None:
        pytest.skip("flite is not installed: no speech with known times")
    found = []
    for number, text in enumerate(SENTENCES):
        path = folder / f"{number}.wav"
        asked = ["flite", "-voice", "rms", "-psdur", "-t", text, "-o", str(path)]
        told = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.split()
        names, ends = zip(*(part.rsplit(":", 1) for part in told), strict=True)
        starts = [0.0, *(float(end) for end in ends[:-1])]
        samples, rate = soundfile.read(path, dtype="float32")
        example = make_example(f"flite/{number}.wav", "rms", samples, rate, text)
        if example is not None:
            found.append((example, list(zip(names, starts, strict=True))))
    return found


def off_ms(example: Example, told: list[tuple[str, float]]) -> np.ndarray:
    """How far boundaries lie from flite's, the utterance's own middle taken off (silence before it was cut)."""
    ours = [to_cmu(_NAMES[int(n)]) if n not in (0, 1) else "PAU" for n in example.phones[:, 0]]
    theirs = [{"AX": "AH"}.get(name.upper(), name.upper()) for name, _ in told]
    begins = np.concatenate([[0], np.cumsum(example.durations)[:-1]])
    blocks = difflib.SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks()
    pairs = [
        10.0 * begins[block.a + k] - 1000 * told[block.b + k][1]
        for block in blocks for k in range(1, block.size)
        if "PAU" not in (ours[block.a + k], ours[block.a + k - 1])
    ]  # fmt: skip
    return np.array(pairs) - np.median(pairs)


def test_boundaries_come_nearer_to_where_flite_put_them(tmp_path: Path) -> None:
    pytest.importorskip("pocketsphinx")
    made = said_by_flite(tmp_path)
    content = build_content(read_weights(MODEL_FOLDER / CONTENT_FILE)).eval()
    rng = np.random.default_rng(0)

    def shaken(example: Example) -> Example:
        ends = np.cumsum(example.durations.astype(int))
        ends[:-1] += rng.integers(-4, 5, size=len(ends) - 1)
        ends = np.maximum.accumulate(np.clip(ends, 1, ends[-1]))
        lengths = np.diff(np.concatenate([[0], ends]))
        lengths[lengths == 0] = 1
        lengths[int(lengths.argmax())] -= lengths.sum() - len(example.f0_hz)
        return Example(**{**example.__dict__, "durations": lengths.astype(np.int16)})

    worse = [shaken(example) for example, _ in made]
    better = realign(worse, content)
    before, after = (
        np.concatenate([np.abs(off_ms(e, told)) for e, (_, told) in zip(some, made, strict=True)])
        for some in (worse, better)
    )
    assert len(before) > 80
    assert np.mean(after <= 20) > 0.85 > np.mean(before <= 20)
    for one, (example, _) in zip(better, made, strict=True):
        assert one.durations.sum() == len(example.f0_hz) and np.array_equal(one.phones, example.phones)


def test_a_folder_is_written_over_and_says_how_far(tmp_path: Path) -> None:
    (tmp_path / "examples").mkdir()
    phones = np.array([[PHONE_ID[s], 0, 0, 0] for s in ("SIL", "AA", "S", "IY", "SIL")], dtype=np.int16)
    rng = np.random.default_rng(2)
    example = Example(
        "x/1.wav", "x", 7600.0, np.zeros(240 * 60, np.int16), np.full(60, 120, np.float32),
        rng.normal(size=(60, 80)).astype(np.float16), phones, np.array([5, 20, 10, 20, 5], np.int16),
    )  # fmt: skip
    save(example, tmp_path / "examples")
    told = realign_folder(tmp_path, VOICES)
    (after,) = load_all(tmp_path / "examples")
    moved = 10 * np.abs(np.cumsum(after.durations) - np.cumsum(example.durations))[:-1].mean()
    assert told["boundaries"] == 4 and told["moved_ms"] == pytest.approx(moved, abs=0.01)
    assert after.durations.sum() == 60 and after.durations.min() >= 1


def test_without_an_encoder_or_examples_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no content encoder was trained here"):
        realign_folder(tmp_path, None)
    (tmp_path / "examples").mkdir()
    with pytest.raises(InputError, match="no prepared example"):
        realign_folder(tmp_path, VOICES)
