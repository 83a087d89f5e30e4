"""The commands that make papers, from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from consent import SigningKey
from consent._cli import main

VERBS = ("page", "statement", "verify-statement", "affected", "due", "erase", "export-record", "export", "import")


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    monkeypatch.setenv("VOICEKIT_STUDIO", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert main(["init", "--operator", "Press", "--contact", "press@example.org", "--quiet"]) == 0
    (tmp_path / "ada.safetensors").write_bytes(b"weights")
    assert main(["grant", "--template"]) == 0
    (tmp_path / "ada.toml").write_text(capsys.readouterr().out)
    SigningKey.from_seed(b"s" * 32).save(tmp_path / "speaker.key")
    return tmp_path


def call(capsys: pytest.CaptureFixture[str], *args: object) -> tuple[int, dict]:
    code = main([*map(str, args), "--json"])
    return code, json.loads(capsys.readouterr().out)


def granted(capsys: pytest.CaptureFixture[str]) -> str:
    code, made = call(capsys, "grant", "ada.toml", "--key", "speaker.key")
    assert code == 0
    return made["grant"]


@pytest.mark.parametrize("verb", VERBS)
def test_help_has_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    assert f"Example: consent {verb}" in capsys.readouterr().out


def test_page_of_a_grant_a_draft_and_a_file(studio: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, made = call(capsys, "page", "ada.toml", "--out", "draft.html")
    assert code == 0 and made["final"] is False and "grant" not in made
    draft = (studio / "draft.html").read_text()
    assert "Nobody has signed this" in draft and "Ada Example" in draft and "press@example.org" in draft
    digest = granted(capsys)
    code, made = call(capsys, "page", digest[:8], "--out", "ada.html")
    assert code == 0 and made["grant"] == digest and made["signed"] is True
    page = (studio / "ada.html").read_text()
    assert "Ada Example" in page and "ada@example.org" in page and "You lend your voice" in page
    assert main(["page", digest]) == 0
    assert capsys.readouterr().out == page
    code, error = call(capsys, "page", "00000000")
    assert code == 2 and "names no statement" in error["error"]["message"]
    (studio / "x.json").write_text("{}")
    assert call(capsys, "page", "x.json")[0] == 2


def test_list_shows_the_name_until_it_is_erased(studio: Path, capsys: pytest.CaptureFixture[str]) -> None:
    digest = granted(capsys)
    assert call(capsys, "list")[1]["grants"][0]["name"] == "Ada Example"
    code, plan = call(capsys, "erase", "--subject", "Ada Example", "--dry-run")
    assert code == 0 and plan["names"] == 1 and plan["entries"] == []
    assert main(["erase", "--subject", digest[:8]]) == 0
    assert "still active, for erasing withdraws nothing" in capsys.readouterr().err
    assert call(capsys, "list")[1]["grants"][0] == {
        **call(capsys, "list")[1]["grants"][0],
        "name": "",
        "state": "active",
    }
    code, erased = call(capsys, "erase", "--subject", digest[:8], "--revoke")
    assert code == 0 and len(erased["revoked"]) == 1
    assert call(capsys, "list")[1]["grants"][0]["state"] == "revoked"
    assert call(capsys, "audit")[0] == 0


def test_statement_and_its_verification(studio: Path, capsys: pytest.CaptureFixture[str]) -> None:
    granted(capsys)
    code, made = call(capsys, "statement", "--subject", "Ada Example", "--html", "uses.html")
    assert code == 0 and made["file"] == "ada.voicestatement" and made["sound"] is True
    assert "What was done with this voice" in (studio / "uses.html").read_text()
    for verb in ("verify-statement", "verify"):
        assert main([verb, "ada.voicestatement", "--trust", "ledger/keys/operator.pub"]) == 0
        assert "records sound and as stated?  yes" in capsys.readouterr().err
    assert main(["verify", "ada.voicestatement", "--trust", SigningKey.generate().public.did]) == 1
    data = json.loads((studio / "ada.voicestatement").read_text())
    data["entries"][1]["index"] = 0
    (studio / "bad.voicestatement").write_text(json.dumps(data, separators=(",", ":")))
    assert main(["verify-statement", "bad.voicestatement"]) == 1
    assert main(["verify", "bad.voicestatement", "ada.toml"]) == 2
    code, error = call(capsys, "statement", "--subject", "Ada Example", "--since", "soon")
    assert code == 2 and "no date" in error["error"]["message"]
    code, error = call(capsys, "statement", "--subject", "Ada Example")
    assert code == 2 and error["error"]["reason"] == "file-exists"


def test_affected_and_due(studio: Path, capsys: pytest.CaptureFixture[str]) -> None:
    digest = granted(capsys)
    code, made = call(capsys, "affected", "--grant", digest[:8])
    assert code == 0 and made["files"] == [] and made["withdrawal_effect"] == "delete-voice"
    assert "the voice is to be deleted" in made["demand"]
    code, made = call(capsys, "due")
    assert code == 0 and {item["what"] for item in made["dates"]} == {"the grant ends", "reference audio", "embeddings"}
    assert call(capsys, "due", "--within", "1")[1]["dates"] == []


def test_a_minors_grant_needs_the_guardians_signature(studio: Path, capsys: pytest.CaptureFixture[str]) -> None:
    guardian = SigningKey.from_seed(b"g" * 32)
    guardian.save(studio / "guardian.key")
    text = (
        (studio / "ada.toml")
        .read_text()
        .replace("adult = true ", f'adult = false\nguardian_key = "{guardian.public.did}" #')
    )
    (studio / "ada.toml").write_text(text)
    code, error = call(capsys, "grant", "ada.toml", "--key", "speaker.key")
    assert code == 2 and "guardian" in error["error"]["message"]
    code, made = call(capsys, "grant", "ada.toml", "--key", "speaker.key", "--guardian-key", "guardian.key")
    assert code == 0 and made["state"] == "active"
