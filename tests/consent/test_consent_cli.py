"""The command line: results, exit codes, errors that name file, line and remedy, and a quick start."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from consent import Engines
from consent._cli import main
from tests.consent.world import RELEASE, World, weights

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = (
    "init",
    "keygen",
    "grant",
    "revoke",
    "list",
    "show",
    "audit",
    "verify",
    "challenge",
    "trust-key",
    "minimum-tier",
    "keys",
    "enroll-key",
    "rotate-key",
    "revoke-key",
    "witness",
    "renew-proof",
)
START_CPU_SECONDS = 1.0


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> Path:
    monkeypatch.setenv("VOICEKIT_STUDIO", str(tmp_path))
    assert main(["init", "--operator", "Press", "--quiet"]) == 0
    (tmp_path / "ada.safetensors").write_bytes(b"weights")
    assert main(["grant", "--template"]) == 0
    (tmp_path / "ada.toml").write_text(capsys.readouterr().out)
    return tmp_path


def call(capsys, *args: object) -> tuple[int, dict]:
    code = main([*map(str, args), "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(command: str, capsys) -> None:
    assert main([command, "--help"]) == 0
    assert f"Example: consent {command}" in capsys.readouterr().out


def test_a_grants_whole_life(studio: Path, capsys) -> None:
    code, made = call(capsys, "keygen", studio / "speaker.key")
    assert code == 0 and made["key"].startswith("did:key:z6Mk")
    code, grant = call(
        capsys, "grant", studio / "ada.toml", "--key", studio / "speaker.key", "--certificate", studio / "cert.json"
    )
    assert code == 0 and (grant["tier"], grant["state"]) == ("D", "active")
    assert grant["certificate"] == str(studio / "cert.json")
    assert call(capsys, "trust-key", made["key"], "--name", "Ada")[1]["keys"][0]["role"] == "speaker"
    assert call(capsys, "list")[1]["grants"][0]["tier"] == "B"
    assert call(capsys, "trust-key", made["key"], "--remove")[1]["keys"] == []
    assert call(capsys, "list")[1]["grants"][0]["tier"] == "D"
    code, listed = call(capsys, "list")
    assert [item["grant"] for item in listed["grants"]] == [grant["grant"]]
    code, shown = call(capsys, "show", grant["grant"][:8])
    assert shown["statement"]["voice"] == "ada" and made["key"] in shown["signed_by"]
    assert call(capsys, "audit")[0] == 0
    code, _ = call(capsys, "revoke", "--certificate", studio / "cert.json")
    assert code == 0
    assert call(capsys, "list")[1]["grants"][0]["state"] == "revoked"
    assert call(capsys, "revoke", "--certificate", studio / "cert.json")[0] == 2


def test_a_minimum_tier_is_set_and_shown(studio: Path, capsys) -> None:
    assert call(capsys, "minimum-tier")[1]["minimum_tier"] == ""
    assert call(capsys, "minimum-tier", "B")[1]["minimum_tier"] == "B"
    assert call(capsys, "minimum-tier")[1]["minimum_tier"] == "B"
    assert call(capsys, "minimum-tier", "none")[1]["minimum_tier"] == ""


def test_revoke_by_prefix_and_loose_file(studio: Path, capsys) -> None:
    _code, grant = call(capsys, "grant", studio / "ada.toml")
    assert grant["tier"] == "D"
    code, _ = call(capsys, "revoke", grant["grant"][:12], "--out", studio / "loose.json")
    assert code == 0 and call(capsys, "list")[1]["grants"][0]["state"] == "active"
    (studio / "ledger" / "revocations" / "x.json").write_bytes((studio / "loose.json").read_bytes())
    assert call(capsys, "list")[1]["grants"][0]["state"] == "revoked"
    code, error = call(capsys, "revoke", "abc")
    assert code == 2 and "at least 8 digits" in error["error"]["message"]


def test_house_voice_by_record(studio: Path, capsys, tmp_path_factory) -> None:
    record = studio / "record.dsse.json"
    record.write_bytes(World(tmp_path_factory.mktemp("w")).record())
    code, error = call(capsys, "grant", "--record", record)
    assert code == 1 and error["error"]["reason"] == "record-untrusted"
    code, grant = call(capsys, "grant", "--record", record, "--release-key", RELEASE.public.did)
    assert code == 0 and grant["tier"] == "not applicable (no donor)"


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ('modes = ["speech"]', 'modes = ["speach"]', "line 23, scope.modes[0]", "none of conversion, singing, speech"),
        ("max_renders = 100", "max_renders = 1.5", "scope.max_renders", "whole number"),
        ("max_renders = 100", "", "scope.max_renders", "missing"),
        ("not_after = 2028-01-01", "not_after = 2048-01-01", "validity.not_after", "ten years"),
        ("not_after = 2028-01-01", "not_after = 2028-01-01T00:00:00", "validity.not_after", "zone"),
        ('file = "ada.safetensors"', 'file = "gone"', "weights[0].file", "cannot be opened"),
        ('voice = "ada"', 'voice = "ada"\nvoize = 1', "voize", "not part of a grant"),
        ('voice = "ada"', "voice = ", "", "not TOML"),
        ('territories = ["DE", "AT", "CH"]', 'territories = ["UK"]', "territories", "ISO 3166"),
        ("adult = true", "adult = false", "validity", "guardian"),
    ],
)
def test_draft_errors_name_line_field_and_remedy(
    studio: Path, capsys, old: str, new: str, place: str, words: str
) -> None:
    path = studio / "ada.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    code, result = call(capsys, "grant", path)
    error = result["error"]
    assert code == 2 and error["file"] == str(path)
    assert place in error["place"] and words in error["message"] and error["remedy"]


def test_short_description_is_refused(studio: Path, capsys) -> None:
    path = studio / "ada.toml"
    head, _, rest = path.read_text().partition('intended_use = """')
    path.write_text(head + 'intended_use = "Anything we like, all of it."' + rest.partition('"""')[2])
    code, result = call(capsys, "grant", path)
    assert code == 2 and "20 words" in result["error"]["message"]


def test_exit_codes_of_mistakes(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("VOICEKIT_STUDIO", str(tmp_path / "none"))
    assert main([]) == 2
    assert main(["frobnicate"]) == 2
    assert main(["list"]) == 2
    assert "no ledger here" in capsys.readouterr().err
    assert main(["grant"]) == 2
    assert main(["verify", str(tmp_path / "gone.mp3")]) == 2
    (tmp_path / "a.mp3").write_bytes(b"x")
    (tmp_path / "a.mp3.voiceproof").write_bytes(b"junk")
    assert main(["verify", str(tmp_path / "a.mp3")]) == 1
    assert main(["keygen", str(tmp_path / "a.mp3")]) == 2
    err = capsys.readouterr().err
    assert "exists already" in err and "Traceback" not in err


def test_unwritable_folder(tmp_path: Path, capsys, monkeypatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert main(["init", "--studio", str(tmp_path / "file" / "x")]) == 2
    assert "Choose a folder" in capsys.readouterr().err


def test_interrupt_is_exit_3(monkeypatch, capsys) -> None:
    def interrupt(_args):
        raise KeyboardInterrupt

    monkeypatch.setattr("consent._commands.run", interrupt)
    assert main(["list"]) == 3


def test_audit_finds_a_changed_ledger(studio: Path, capsys) -> None:
    path = studio / "ledger" / "ledger.db"
    data = path.read_bytes()
    place = data.index(b"genesis")
    path.write_bytes(data[:place] + b"Genesis"[:1] + data[place + 1 :])
    code, result = call(capsys, "audit")
    assert code == 1 and "ledger-index-tampered" in {item["reason"] for item in result["findings"]}
    assert call(capsys, "list")[0] == 1


def test_encrypted_key_by_passphrase_file(studio: Path, capsys) -> None:
    phrase = studio / "phrase"
    phrase.write_text("secret\n")
    assert call(capsys, "keygen", studio / "k.key", "--passphrase-file", phrase)[1]["encrypted"] is True
    code, error = call(capsys, "grant", studio / "ada.toml", "--key", studio / "k.key")
    assert code == 2 and error["error"]["reason"] == "key-passphrase"
    assert (
        call(capsys, "grant", studio / "ada.toml", "--key", studio / "k.key", "--key-passphrase-file", phrase)[0] == 0
    )
    assert weights().role == "weights"


@pytest.mark.parametrize("args", [["--help"], ["list"], ["verify", "gone.mp3"], ["audit"]])
def test_starts_quickly_and_imports_nothing_heavy(studio: Path, args: list[str]) -> None:
    code = (
        "import sys; from consent._cli import main; main(sys.argv[1:]); "
        "print(sorted({'torch', 'numpy', 'pandas', 'gradio'} & set(sys.modules)), file=sys.stderr)"
    )
    # CPU time of the child: a busy machine must not fail this, a heavy import must.
    best = float("inf")
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([sys.executable, "-c", code, *args], cwd=ROOT, capture_output=True, text=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        if best < START_CPU_SECONDS:
            break
    assert done.stderr.strip().endswith("[]")
    assert best < START_CPU_SECONDS


def test_a_challenge_answered_with_a_witness(studio: Path, capsys) -> None:
    """No engine is installed in this way of running; a person listens and signs."""
    call(capsys, "keygen", studio / "speaker.key")
    witness = call(capsys, "keygen", studio / "witness.key")[1]["key"]
    call(capsys, "trust-key", witness, "--role", "witness", "--name", "Wim")
    code, made = call(capsys, "challenge", studio / "ada.toml", "--key", studio / "speaker.key")
    assert code == 0 and len(made["words"]) == 6 and made["statement"].startswith("I, Ada Example, allow Press")
    (studio / "spoken.wav").write_bytes(b"somebody reads")
    answer = ("grant", studio / "ada.toml", "--key", studio / "speaker.key", "--statement", studio / "spoken.wav")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("consent.spoken.find_engines", lambda: Engines())
        code, grant = call(capsys, *answer, "--witness-key", studio / "witness.key", "--witness-name", "Wim Example")
    assert code == 0 and (grant["tier"], grant["spoken"]) == ("C", "witnessed")
    assert Path(grant["certificate"]).is_file()  # written without being asked for
    code, error = call(capsys, *answer, "--challenge", made["challenge"])
    assert code == 1 and error["error"]["reason"] == "challenge-used"
    code, error = call(capsys, "grant", studio / "ada.toml", "--witness-key", studio / "witness.key")
    assert code == 2 and "go with --statement" in error["error"]["message"]


def test_a_passphrase_by_file_by_surroundings_or_wrong(studio: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    right, wrong = studio / "right.txt", studio / "wrong.txt"
    right.write_text("correct horse\n")
    wrong.write_text("battery\n")
    code, made = call(capsys, "keygen", studio / "speaker.key", "--passphrase-file", right)
    assert code == 0 and made["encrypted"] is True
    grant = ("grant", studio / "ada.toml", "--key", studio / "speaker.key")
    code, error = call(capsys, *grant, "--key-passphrase-file", wrong)
    assert code == 2 and error["error"]["message"].startswith("the passphrase is wrong")
    code, error = call(capsys, *grant)
    assert code == 2 and "CONSENT_PASSPHRASE_FILE" in error["error"]["remedy"]
    monkeypatch.setenv("CONSENT_PASSPHRASE_FILE", str(right))
    assert call(capsys, *grant)[0] == 0


def test_a_key_file_is_stretched_by_scrypt_and_others_still_open(tmp_path: Path) -> None:
    """The numbers are read from the file; a PBKDF2 file of `cryptography` alone is read as before."""
    from cryptography.hazmat.primitives import serialization as s

    from consent import InvalidInputError, SigningKey

    key = SigningKey.generate()
    key.save(tmp_path / "new.key", b"phrase")
    text = (tmp_path / "new.key").read_text()
    assert text.startswith("kdf: scrypt n=131072 r=8 p=1 salt=")
    assert SigningKey.load(tmp_path / "new.key", b"phrase").public == key.public
    old = tmp_path / "old.key"
    old.write_bytes(key._private.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.BestAvailableEncryption(b"x")))
    old.chmod(0o600)
    assert SigningKey.load(old, b"x").public == key.public
    with pytest.raises(ValueError):  # the passphrase itself opens nothing: an attacker has to run scrypt
        s.load_pem_private_key(text.encode(), b"phrase")
    huge = tmp_path / "huge.key"
    huge.write_text(text.replace("n=131072", "n=16777216"))
    huge.chmod(0o600)
    with pytest.raises(InvalidInputError, match="out of range"):
        SigningKey.load(huge, b"phrase")


def test_keygen_asks_on_a_terminal_and_can_be_told_not_to(
    studio: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = iter(["one", "other", "one", "one"])
    monkeypatch.setattr("consent._secrets._on_terminal", lambda: True)
    monkeypatch.setattr("getpass.getpass", lambda prompt, stream: next(said))
    code, error = call(capsys, "keygen", studio / "a.key")
    assert code == 2 and "differ" in error["error"]["message"] and not (studio / "a.key").exists()
    assert call(capsys, "keygen", studio / "a.key")[1]["encrypted"] is True
    assert call(capsys, "keygen", studio / "b.key", "--no-passphrase")[1]["encrypted"] is False
