"""Every way round the gate for one's own takes, tried; written before the correction was.

The judge is what lies on the disk and what the ledger holds, not the studio's word.
"""

from __future__ import annotations

import dataclasses
import shutil
import sqlite3
from pathlib import Path
from threading import Event

import numpy as np
import pytest
import soundfile

from consent import ConsentError, ConsentRefusedError, Operand, Permit, SigningKey, Use, verify_file
from tests.support.tone import ToneHouse, make_voice, offered
from voicekit.audio import sha256_file
from voicekit.engines.retune import RetuneEngine
from voicekit.errors import InputError, UsageError
from voicekit.pipelines import Cancelled
from voicekit.pitch import correct_contour, parse_scale, track_sung_pitch
from voicekit.studio import CorrectOptions, Studio

RATE = 16_000


def sung(seconds: float = 1.2, midi: float = 60.4, seed: int = 0) -> np.ndarray:
    """Two detuned notes with a breath between them."""
    t = np.arange(round(seconds * RATE)) / RATE
    hz = 440 * 2 ** ((np.where(t < seconds / 2, midi, midi + 2.2) - 69) / 12)
    phase = 2 * np.pi * np.cumsum(hz) / RATE
    wave = 0.1 * sum(np.cos(k * phase) / k for k in range(1, 12))
    wave[np.abs(t - seconds / 2) < 0.06] = 0
    wave[:1600] = wave[-1600:] = 0
    return wave + 1e-4 * np.random.default_rng(seed).standard_normal(len(t))


@pytest.fixture
def take(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "take.wav"
    path.parent.mkdir()
    soundfile.write(path, sung(), RATE)
    return path


@pytest.fixture
def own(studio: Studio, take: Path) -> Studio:
    """A studio whose operator attested that this take is of their own voice."""
    studio.attest_own_voice("my-own", [take])
    return studio


def kinds(studio: Studio) -> list[str]:
    with sqlite3.connect(f"file:{studio.folder / 'ledger' / 'ledger.db'}?mode=ro", uri=True) as db:
        return [kind for (kind,) in db.execute("select kind from entry order by seq")]


def nothing_made(folder: Path) -> bool:
    """No sound and no proof anywhere under a folder, finished or not."""
    return not folder.exists() or not [p for p in folder.rglob("*") if p.is_file() and p.name != "lock"]


def refused(studio: Studio, take: Path, out: Path, reason: str, **changes: object) -> None:
    denied = kinds(studio).count("render-denied")
    with pytest.raises(ConsentRefusedError) as caught:
        studio.correct(take, **({"scale": "C major", "out": out} | changes))  # type: ignore[arg-type]
    assert caught.value.reason == reason
    assert nothing_made(out.parent)
    assert kinds(studio).count("render-denied") == denied + 1


def test_attested_take_is_corrected_proven_and_the_receipt_says_what_stands_behind_it(
    own: Studio, take: Path, tmp_path: Path
) -> None:
    made = own.correct(take, scale="C major", out=tmp_path / "out" / "c.wav")
    verification = verify_file(made.path)
    assert verification.voice == "my-own" and verification.basis == "consent"
    assert kinds(own)[-2:] == ["render-intent", "render-receipt"]
    assert made.receipt is not None and made.receipt.use.mode == "conversion"
    assert made.receipt.outputs[0].sha256 == sha256_file(made.path)
    roles = {o.role: o.sha256 for o in made.receipt.operands}
    assert roles["reference"] == sha256_file(take) and "weights" in roles
    status = own.grants("my-own")[0]
    assert (status.tier, status.basis, status.modes) == ("D", "consent", ("conversion",))
    assert "attest" in status.description and "own voice" in status.description
    assert made.grant == status.id and made.tier == "D"
    assert dict(made.receipt.measured)["permission"] == made.permission == "operator-attested"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["c.wav", "c.wav.voiceproof"]


def test_without_an_attestation_nothing_is_made(studio: Studio, take: Path, tmp_path: Path) -> None:
    refused(studio, take, tmp_path / "out" / "c.wav", "no-grant")


def test_another_take_is_not_covered(own: Studio, tmp_path: Path) -> None:
    other = tmp_path / "other.wav"
    soundfile.write(other, sung(seed=5), RATE)
    refused(own, other, tmp_path / "out" / "c.wav", "reference-mismatch")


def test_a_house_voice_and_a_granted_voice_do_not_cover_a_stranger(tmp_path: Path, take: Path) -> None:
    """A grant for another voice, even one that offers conversion of anything, holds no recording."""
    house = ToneHouse(make_voice(tmp_path / "voice", scope=offered(modes=("speech", "conversion"), languages=("any",))))
    with Studio.create(tmp_path / "studio", voices=house.source()) as studio:
        studio.adopt_house_voice("tone")
        refused(studio, take, tmp_path / "out" / "c.wav", "reference-mismatch", voice="tone")


def test_a_renamed_or_swapped_take_does_not_pass(own: Studio, take: Path, tmp_path: Path) -> None:
    """The name is nothing; what counts are the bytes that are really read."""
    again = tmp_path / "in" / "renamed.wav"
    shutil.copy(take, again)
    assert own.correct(again, scale="C major", out=tmp_path / "ok" / "c.wav").path.exists()
    soundfile.write(take, sung(seed=9), RATE)
    refused(own, take, tmp_path / "out" / "c.wav", "reference-mismatch")


def test_a_take_swapped_after_it_was_hashed_is_not_what_is_heard(own: Studio, take: Path, tmp_path: Path) -> None:
    plain = own.correct(take, scale="C major", out=tmp_path / "a" / "c.wav")
    stranger = sung(midi=50.3, seed=3)

    def swap(progress: object) -> None:
        if progress.stage != "read":  # type: ignore[attr-defined]
            soundfile.write(take, stranger, RATE)

    swapped = own.correct(take, scale="C major", out=tmp_path / "b" / "c.wav", progress=swap)
    assert sha256_file(swapped.path) == sha256_file(plain.path)


def test_a_link_to_another_take_counts_as_what_it_points_to(own: Studio, tmp_path: Path) -> None:
    other = tmp_path / "other.wav"
    soundfile.write(other, sung(seed=5), RATE)
    link = tmp_path / "link.wav"
    link.symlink_to(other)
    refused(own, link, tmp_path / "out" / "c.wav", "reference-mismatch")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"commercial": True}, "commercial-not-granted"),
        ({"purpose": "podcast"}, "purpose-not-granted"),
        ({"territories": ("FR",)}, "territory-not-granted"),
    ],
)
def test_the_axes_of_an_attestation_hold(
    studio: Studio, take: Path, tmp_path: Path, options: dict[str, object], reason: str
) -> None:
    studio.attest_own_voice("my-own", [take], purposes=("music",), commercial=False, territories=("DE",), max_renders=2)
    good = CorrectOptions(territories=("DE",))
    refused(
        studio,
        take,
        tmp_path / "out" / "c.wav",
        reason,
        options=dataclasses.replace(good, **options),  # type: ignore[arg-type]
    )
    for name in ("1.wav", "2.wav"):
        studio.correct(take, scale="C major", out=tmp_path / name, options=good)
    refused(studio, take, tmp_path / "out" / "c.wav", "budget-renders", options=good)


def test_the_attestation_covers_conversion_alone(own: Studio, house: ToneHouse) -> None:
    operand = Operand("take.wav", "0" * 64, "weights", "CC0-1.0")
    with pytest.raises(ConsentRefusedError, match="mode-not-granted"):
        own.ledger.request(
            Use(mode="speech", purpose="audiobook"), voice="my-own", operands=(operand,), params_sha256="0" * 64,
            text_commit=own.ledger.commit_text("x"),
        )  # fmt: skip
    with pytest.raises(UsageError, match="unknown voice"):
        own.narrate("Hello there.", voice="my-own")


def test_revoked_before_and_while_rendering(own: Studio, take: Path, tmp_path: Path) -> None:
    grant = own.grants("my-own")[0].id
    seen: list[str] = []

    def revoke(progress: object) -> None:
        stage = progress.stage  # type: ignore[attr-defined]
        if stage == "retune" and not seen:
            seen.append(stage)
            own.ledger.revoke(grant)

    with pytest.raises(ConsentRefusedError) as caught:
        own.correct(take, scale="C major", out=tmp_path / "out" / "c.wav", progress=revoke)
    assert caught.value.reason == "revoked" and seen
    assert nothing_made(tmp_path / "out")
    assert kinds(own)[-1] == "render-aborted"
    refused(own, take, tmp_path / "out" / "c.wav", "revoked")


@pytest.mark.parametrize("stage", ["encode", "verify", "deliver"])
def test_revoked_late_delivers_nothing(own: Studio, take: Path, tmp_path: Path, stage: str) -> None:
    done: list[str] = []

    def at(progress: object) -> None:
        if progress.stage == stage and not done:  # type: ignore[attr-defined]
            done.append(stage)
            own.ledger.revoke(own.grants("my-own")[0].id)

    with pytest.raises(ConsentRefusedError) as caught:
        own.correct(take, scale="C major", out=tmp_path / "out" / "c.wav", progress=at)
    assert caught.value.reason == "revoked" and done
    assert nothing_made(tmp_path / "out")


def test_cancelled_leaves_nothing(own: Studio, take: Path, tmp_path: Path) -> None:
    cancel = Event()
    cancel.set()
    with pytest.raises(Cancelled):
        own.correct(take, scale="C major", out=tmp_path / "out" / "c.wav", cancel=cancel)
    assert nothing_made(tmp_path / "out")


def test_output_swapped_before_its_receipt(own: Studio, take: Path, tmp_path: Path) -> None:
    def swap(progress: object) -> None:
        if progress.stage == "deliver" and progress.fraction < 1:  # type: ignore[attr-defined]
            for path in (tmp_path / "out").rglob("*.wav.partial"):
                path.write_bytes(path.read_bytes() + b"\0")

    with pytest.raises(ConsentRefusedError, match="output-changed"):
        own.correct(take, scale="C major", out=tmp_path / "out" / "c.wav", progress=swap)
    assert nothing_made(tmp_path / "out")


def ask(studio: Studio, operands: tuple[Operand, ...], mode: str = "conversion") -> Permit:
    return studio.ledger.request(
        Use(mode=mode, purpose="music", seconds=2), voice="my-own", operands=operands, params_sha256="0" * 64,
        text_commit=studio.ledger.commit_text("x"),
    )  # fmt: skip


def test_the_engine_itself_asks_for_the_permit(own: Studio, house: ToneHouse, take: Path) -> None:
    engine = RetuneEngine("psola")
    wave = soundfile.read(take, dtype="float32")[0]
    track = track_sung_pitch(wave, RATE)
    correction = correct_contour(track, parse_scale("C major"))
    reference = Operand("take.wav", sha256_file(take), "reference", "own-recording")
    job = (reference, lambda a, b: wave[None, a:b], len(wave), RATE, correction)

    permit = ask(own, (*engine.operands, reference))
    assert list(engine.retune(permit, *job))  # or the rest shows nothing
    with pytest.raises(AttributeError):
        list(engine.retune(None, *job))  # type: ignore[arg-type]
    # another take under the same permit
    other = Operand("take.wav", "1" * 64, "reference", "own-recording")
    with pytest.raises(ConsentRefusedError, match="reference-mismatch"):
        list(engine.retune(permit, other, *job[1:]))
    # another engine under the same permit
    with pytest.raises(ConsentRefusedError, match="weights-mismatch"):
        list(RetuneEngine("vocoder").retune(permit, *job))
    # a permit for another voice and mode
    speech = own.ledger.request(
        Use(mode="speech", purpose="audiobook"), voice="tone", operands=house.open_engine("tone").operands,
        params_sha256="0" * 64, text_commit=own.ledger.commit_text("x"),
    )  # fmt: skip
    with pytest.raises(ConsentRefusedError):
        list(engine.retune(speech, *job))
    # closed between two pieces
    pieces = engine.retune(permit, *job)
    own.ledger.abort(permit, "test")
    with pytest.raises(ConsentRefusedError, match="permit-used"):
        list(pieces)
    token = bytearray(ask(own, (*engine.operands, reference)).token)
    token[len(token) // 2] ^= 1
    with pytest.raises(ConsentError):
        Permit.from_token(bytes(token), own.ledger.operator)


def test_attesting_under_anothers_name_is_refused(studio: Studio, take: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="house voice"):
        studio.attest_own_voice("tone", [take])
    draft = tmp_path / "ada.toml"
    draft.write_text(_ADA.format(sha=sha256_file(take)), encoding="utf-8")
    from consent import read_draft

    studio.ledger.add_grant(read_draft(draft), SigningKey.from_seed(b"a" * 32))
    with pytest.raises(UsageError, match="signed by its speaker"):
        studio.attest_own_voice("ada", [take])


_ADA = """
voice = "ada"
basis = "consent"
intended_use = '''Narration of the audiobook edition of the named title for sale in the listed countries by the
operator, including its retail sample of five minutes and later corrections to that edition.'''
[subject]
adult = true
[notice]
text = "You lend your voice."
language = "en"
version = "1"
[scope]
modes = ["conversion"]
purposes = ["music"]
commercial = false
languages = ["any"]
territories = ["001"]
titles = ["any"]
max_renders = 5
max_seconds = 500
[validity]
not_after = 2030-01-01
[[references]]
name = "take.wav"
file_sha256 = "{sha}"
pcm_sha256 = "{sha}"
seconds_milli = 1200
[[weights]]
name = "none"
sha256 = "{sha}"
license = "CC0-1.0"
[withdrawal]
how = "Tell the operator."
effect = "stop-new"
"""


def test_a_speakers_own_grant_serves_for_their_take(studio: Studio, take: Path, tmp_path: Path) -> None:
    """The speaker's key signed, naming the take and the engine's file; the receipt tells it apart."""
    engine = RetuneEngine("psola").operands[0]
    text = _ADA.format(sha=sha256_file(take))
    head, _, tail = text.partition("[[weights]]")
    weights = f'[[weights]]\nname = "{engine.name}"\nsha256 = "{engine.sha256}"\nlicense = "{engine.license}"\n'
    draft = tmp_path / "ada.toml"
    draft.write_text(head + weights + "[withdrawal]" + tail.partition("[withdrawal]")[2], encoding="utf-8")
    from consent import read_draft

    studio.ledger.add_grant(read_draft(draft), SigningKey.from_seed(b"a" * 32))
    made = studio.correct(take, scale="C major", voice="ada", out=tmp_path / "ada.wav")
    assert made.receipt is not None
    assert dict(made.receipt.measured)["permission"] == made.permission == "speaker-signed"
    # what the speaker did not agree to: the vocoder's weights
    refused(
        studio, take, tmp_path / "out" / "c.wav", "weights-mismatch", voice="ada",
        options=CorrectOptions(method="vocoder"),
    )  # fmt: skip


def test_what_cannot_be_attested(studio: Studio, tmp_path: Path, take: Path) -> None:
    with pytest.raises(UsageError, match="no take"):
        studio.attest_own_voice("my-own", [])
    with pytest.raises(InputError, match="no such file"):
        studio.attest_own_voice("my-own", [tmp_path / "none.wav"])
    with pytest.raises(InputError, match="not a sound file"):
        (tmp_path / "x.wav").write_bytes(b"hello")
        studio.attest_own_voice("my-own", [tmp_path / "x.wav"])
    with pytest.raises(ConsentError):
        studio.attest_own_voice("My Own!", [take])
    assert studio.grants("my-own") == ()


def test_further_takes_get_further_grants_and_each_finds_its_own(own: Studio, take: Path, tmp_path: Path) -> None:
    other = tmp_path / "in" / "other.wav"
    soundfile.write(other, sung(seed=5), RATE)
    second = own.attest_own_voice("my-own", [other])
    assert own.attest_own_voice("my-own", [other]).id == second.id  # said once is enough
    a = own.correct(take, scale="C major", out=tmp_path / "a.wav")
    b = own.correct(other, scale="C major", out=tmp_path / "b.wav")
    assert b.grant == second.id != a.grant
    refused(own, take, tmp_path / "out" / "c.wav", "reference-mismatch", grant=second.id)


def test_the_take_is_never_overwritten(own: Studio, take: Path) -> None:
    before = sha256_file(take)
    with pytest.raises(UsageError, match="the take itself"):
        own.correct(take, scale="C major", out=take)
    assert sha256_file(take) == before
