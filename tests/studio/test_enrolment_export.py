"""A voice on its way to another studio: grant and entry go, the voice is built there under a grant of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from consent import ConsentRefusedError, read_draft, verify_file
from tests.support import person
from voicekit.errors import UsageError
from voicekit.studio import EnrolOptions, NarrateOptions, Studio
from voicekit.studio.enrolled import enrolled_voices, open_vault

CLIP = NarrateOptions(profile="clip", formats=("wav",))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    person.quick(monkeypatch)


@pytest.fixture(scope="module")
def takes(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return person.say(tmp_path_factory.mktemp("person"))


@pytest.fixture
def studios(tmp_path: Path) -> Iterator[tuple[Studio, Studio]]:
    with Studio.create(tmp_path / "one", "One") as one, Studio.create(tmp_path / "two", "Two") as two:
        yield one, two


def options(takes: list[Path]) -> EnrolOptions:
    return EnrolOptions(transcript=person.transcript(takes[0].parent, takes), measure=False)


def refuses(reason: str) -> Any:
    return pytest.raises(ConsentRefusedError, match=rf"^{reason}:")


def test_built_anew_where_the_speaker_signed_anew(
    studios: tuple[Studio, Studio], takes: list[Path], tmp_path: Path
) -> None:
    one, two = studios
    grant = person.give(one, takes, recipients=[two.ledger.operator.did])
    one.enrol("ada", takes, grant=grant, options=options(takes))
    one.ledger.export_grant(grant, tmp_path / "ada.voicegrant", to=two.ledger.operator.did)
    taken = two.ledger.import_grant(tmp_path / "ada.voicegrant")
    (here,) = enrolled_voices(one.ledger)
    assert taken.enrolment is not None and taken.enrolment.derived == here.entry.derived

    # not before: neither with the other ledger's grant, nor with the sealed file laid into this vault
    vault = open_vault(two.ledger)
    for path in (one.folder / "ledger" / "vault").glob("*.sealed"):
        shutil.copy(path, vault.folder / path.name)
    assert {item.state for item in vault.list()} == {"foreign"} and not enrolled_voices(two.ledger)
    with pytest.raises(UsageError, match="no grant in this ledger"):
        two.enrol("ada", takes, grant=grant, options=options(takes))
    with pytest.raises(UsageError, match="unknown voice"):
        two.narrate("The wind blew.", voice="ada", out=tmp_path / "out", options=CLIP)

    (tmp_path / "new.toml").write_text(taken.draft, encoding="utf-8")
    new = two.ledger.add_grant(read_draft(tmp_path / "new.toml"), person.SPEAKER)
    with pytest.raises(UsageError, match="unknown voice"):  # signed, and nothing was built here: theirs stays shut
        two.narrate("The wind blew.", voice="ada", out=tmp_path / "out", options=CLIP)
    two.enrol("ada", takes, grant=new, options=options(takes))
    take = two.narrate("The wind blew.", voice="ada", out=tmp_path / "out", options=CLIP)
    found = verify_file(take.path)
    assert found.ok and found.grant == new
    # each ledger has its own withdrawal
    two.ledger.revoke(new, key=person.SPEAKER)
    with refuses("revoked"):
        two.narrate("Again.", voice="ada", out=tmp_path / "out2", options=CLIP)
    assert one.narrate("Still here.", voice="ada", out=tmp_path / "out3", options=CLIP).path.is_file()


def test_where_the_grant_names_no_recipient(studios: tuple[Studio, Studio], takes: list[Path], tmp_path: Path) -> None:
    one, two = studios
    grant = person.give(one, takes)
    one.enrol("ada", takes, grant=grant, options=options(takes))
    with refuses("recipient-not-granted"):
        one.ledger.export_grant(grant, tmp_path / "a.voicegrant", to=two.ledger.operator.did)
    assert not (tmp_path / "a.voicegrant").exists()
    one.ledger.export_grant(grant, tmp_path / "own.voicegrant")
    with refuses("recipient-not-granted"):
        two.ledger.import_grant(tmp_path / "own.voicegrant")
    assert one.ledger.import_grant(tmp_path / "own.voicegrant").here
