"""What adopting a house voice is signed for: every mode of the grant in words, and no other.

Truth: the scope of the grant in the ledger, and the words a reader would look for.
"""

from __future__ import annotations

import tomllib
from itertools import combinations
from pathlib import Path

import pytest

from tests.support.tone import ToneHouse, make_voice, offered
from voicekit.studio import Studio

WORDS = {"speech": "narration", "singing": "singing", "conversion": "conversion"}
SETS = [modes for count in (1, 2, 3) for modes in combinations(WORDS, count)]


@pytest.mark.parametrize("modes", SETS, ids="+".join)
def test_the_grant_says_its_modes(tmp_path: Path, modes: tuple[str, ...]) -> None:
    house = ToneHouse(make_voice(tmp_path / "voice", scope=offered(modes=modes)))
    with Studio.create(tmp_path / "studio", "Test Operator", voices=house.source()) as studio:
        draft = tomllib.loads(studio.draft("tone"))
        grant = studio.adopt_house_voice("tone")
        said = studio.ledger.grant_statement(grant.id)
    assert set(said.scope.modes) == set(modes)
    text = said.intended_use.lower()
    assert {mode for mode, word in WORDS.items() if word in text} == set(modes)
    assert len(text.split()) >= 20 and "tone" in text and "ai-generated" in text
    assert draft["intended_use"] == said.intended_use  # what is read before is what is signed
