"""The offline verifier where nothing but `cryptography` can be imported: no site-packages, no network, no ledger.

A folder with `consent`, `cryptography` and what that needs itself is all that a fresh interpreter (`-I -S`) is
given. An audit hook stops every socket, and every file that is opened for writing.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from consent import Use
from consent.attacks.forge import Forger
from consent.attacks.world import DAY, RELEASE, SPEAKER, START, STRANGER, World, changed, weights

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("cryptography", "cffi", "_cffi_backend")

ALONE = """
import sys
site, args = sys.argv[1], sys.argv[2:]
sys.path.insert(0, site)
def watch(event, arguments):
    if event.startswith("socket."):
        raise RuntimeError(f"{event} in an offline program")
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        raise RuntimeError(f"{arguments[0]} opened for writing")
sys.addaudithook(watch)
sys.dont_write_bytecode = True
from consent._cli import main
code = main(args)
others = {n.split(".")[0] for n in sys.modules} - set(sys.stdlib_module_names)
others -= {"consent", "cryptography", "cffi", "_cffi_backend", "_openssl", "__main__"}
if others:
    print("loaded besides:", sorted(others), file=sys.stderr)
    sys.exit(70)
sys.exit(code)
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds what the verifier needs, and nothing else."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "consent", folder / "consent", ignore=shutil.ignore_patterns("__pycache__", "attacks"))
    for name in NEEDED:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            continue  # newer cryptography needs less
        source = Path(spec.origin)
        source = source.parent if source.name == "__init__.py" else source
        (folder / source.name).symlink_to(source)
    return folder


class Told:
    """What the command said."""

    def __init__(self, site: Path, *args: object) -> None:
        command = [sys.executable, "-I", "-S", "-c", ALONE, str(site), "verify", "--json", *map(str, args)]
        done = subprocess.run(command, cwd=site, capture_output=True, text=True, timeout=120, env={})
        self.code, self.text = done.returncode, done.stderr
        assert self.code in (0, 1, 2), done.stderr
        self.file = json.loads(done.stdout).get("files", [{}])[0]
        self.error = json.loads(done.stdout).get("error", {})

    @property
    def verdicts(self) -> tuple[object, object]:
        return self.file["records"]["ok"], self.file["use"]["ok"]


def test_the_environment_is_as_bare_as_it_says(site: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "for name in ('rfc8785', 'sqlite_utils', 'numpy', 'pytest', 'voicekit', 'pip'):\n"
        "    try: __import__(name)\n"
        "    except ImportError: continue\n"
        "    sys.exit(name)\n"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code, str(site)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert sysconfig.get_paths()["purelib"] not in str(site)


def test_the_hook_stops_a_socket(site: Path) -> None:
    code = ALONE.replace("code = main(args)", "import socket; socket.socket().connect(('127.0.0.1', 9))")
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code, str(site)], capture_output=True, text=True)
    assert "in an offline program" in done.stderr


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.grant()
    return made


def test_a_good_file(world: World, site: Path) -> None:
    told = Told(site, world.deliver())
    assert told.code == 0 and told.verdicts == (True, True)
    # Signed with a key that this stranger does not know: the operator could have made it.
    assert told.file["tier"] == "D"
    assert (told.file["voice"], told.file["basis"]) == ("ada", "consent")
    assert told.file["operator"] == world.ledger.operator.did
    said = " ".join(told.file["not_shown"])
    for words in ("revoked since", "persons behind the keys", "understood", "lawful", "another ledger", "true time"):
        assert words in said
    for words in ("records sound?          yes", "use within permission?  yes", "not shown:"):
        assert words in told.text


def test_a_good_file_with_the_speakers_key_known(world: World, site: Path) -> None:
    final = world.deliver()
    told = Told(site, final, "--trust", SPEAKER.public.did, "--trust", world.ledger.operator.did)
    assert told.code == 0 and told.file["tier"] == "B"


def test_a_file_of_a_voice_without_a_donor(world: World, site: Path) -> None:
    world.house()
    permit = world.request(voice="house", operands=(weights("house.safetensors", b"house"),))
    told = Told(site, world.deliver(permit), "--trust", RELEASE.public.did)
    assert told.code == 0 and told.verdicts == (True, True)
    assert told.file["tier"] == "not applicable (no donor)" and told.file["basis"] == "no-donor"
    assert told.file["publisher_trusted"] is True and told.file["operator_trusted"] is False


def test_an_operator_nobody_trusts(world: World, site: Path) -> None:
    told = Told(site, world.deliver(), "--trust", STRANGER.public.did)
    assert told.code == 1 and told.verdicts[0] is False


def test_a_changed_file_and_a_changed_proof(world: World, site: Path) -> None:
    final = world.deliver()
    proof = final.with_name(final.name + ".voiceproof")
    good = proof.read_bytes()
    final.write_bytes(b"sounD")
    told = Told(site, final)
    assert told.code == 1 and told.verdicts == (False, None)
    final.write_bytes(b"sound")
    proof.write_bytes(good.replace(b'"index":0', b'"index":1', 1))
    told = Told(site, final)
    assert told.code == 1 and told.verdicts == (False, None)
    # Also with a bad file nothing is claimed: what is not shown is still said.
    assert told.file["not_shown"] and told.file["tier"] == ""
    proof.write_bytes(b"\xff")
    assert Told(site, final).verdicts == (False, None)
    proof.unlink()
    told = Told(site, final)
    assert told.code == 2 and told.error["reason"] == "proof-missing"


def test_revoked_later(world: World, site: Path) -> None:
    final = world.deliver()
    world.ledger.revoke(world.ledger.grants()[0].digest, key=SPEAKER)
    told = Told(site, final)
    assert told.code == 0 and told.verdicts == (True, True)
    assert any("revoked since" in item for item in told.file["not_shown"])


@pytest.mark.parametrize(
    ("reason", "more"),
    [
        ("expired", {"time": START + 200 * DAY}),
        ("not-yet-valid", {"time": START - 2 * DAY}),
        ("mode-not-granted", {"use": changed(mode="singing")}),
        ("territory-not-granted", {"use": changed(territories=("FR",))}),
        ("language-not-granted", {"use": changed(languages=("de",))}),
        ("title-not-granted", {"use": changed(title="Peter Pan")}),
        ("content-refused", {"use": changed(content=("political",))}),
        ("budget-renders", {"spent": {"renders": 9, "seconds": 1}}),
    ],
)
def test_signed_by_the_true_operator_and_outside_the_grant(
    world: World, site: Path, reason: str, more: dict[str, object]
) -> None:
    Forger(world).verify("forged", **more)
    told = Told(site, world.folder / "forged" / "a.mp3")
    # The records are what their signers signed; the use was not within the permission. The two are never mixed.
    assert told.code == 1 and told.verdicts == (True, False)
    assert any(reason in item for item in told.file["use"]["problems"])


def test_signed_by_somebody_else(world: World, site: Path) -> None:
    forger = Forger(world)
    forger.receipt_key = STRANGER
    forger.verify("forged")
    told = Told(site, world.folder / "forged" / "a.mp3")
    assert told.code == 1 and told.verdicts == (False, None)
    forger = Forger(world)
    forger.grant_keys = (forger.key,)
    forger.verify("attested")
    assert Told(site, world.folder / "attested" / "a.mp3").file["tier"] == "D"


def test_intent_and_receipt_that_differ(world: World, site: Path) -> None:
    Forger(world).verify("forged", intent={"use": Use("singing", "audiobook")})
    told = Told(site, world.folder / "forged" / "a.mp3")
    assert told.code == 1 and told.verdicts[0] is False
