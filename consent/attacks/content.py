"""A17, A18 and A24: what comes in as a file or a text: pickles, tricks with letters, our own output."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from ..content import screen
from ..outputs import Output, hash_file
from ..scope import Operand, Use
from ..statements import Party
from .lab import Attack, Lab
from .world import SPEAKER, START, USE, weights

__all__ = ["ATTACKS"]


def _bomb(target: Path | str) -> bytes:
    """A pickle that makes a folder when it is loaded; written by hand, as this package loads none."""
    return b"cos\nmkdir\n(V" + str(target).encode("raw_unicode_escape") + b"\ntR."


def pickles(lab: Lab) -> None:
    """A17."""
    world = lab.world()
    marker = lab.folder / "it-ran"
    bomb = _bomb(marker)
    file = world.folder / "ada.safetensors"
    file.write_bytes(bomb)
    files = {"ada.safetensors": _bomb("/tmp/voicekit-a17-it-ran")}
    loaded = lab.folder / "proof-of-the-bomb"
    code = "import pickle, sys; pickle.load(sys.stdin.buffer)"
    subprocess.run([sys.executable, "-c", code], input=_bomb(loaded), check=True)
    lab.holds("the bomb works", "control: it is loaded by hand", loaded.is_dir, "it runs when loaded", files=files)
    lab.control("hashed", lambda: hash_file(file))
    digest = hash_file(file)[0]
    lab.control("named in a draft", lambda: world.grant(sha=digest))
    operand = Operand("ada.safetensors", digest, "weights", "CC-BY-4.0")
    permit = lab.control("asked for", lambda: world.request(operands=(operand,)))
    lab.control("shown to an engine", lambda: permit.require(mode="speech", operands=[operand], now=world.clock.time))
    lab.control("handed in as output", lambda: world.ledger.complete(permit, [Output(file, "a.mp3", "2" * 64, 1)]))
    for place in ("revocations/p.json", "keys/operator.pub", "ledger.db"):
        path = world.path / place
        before = path.read_bytes() if path.exists() else b""
        path.write_bytes(bomb)
        lab.refused(
            f"as {place}",
            f"the same bytes as {place}",
            lambda place=place: (
                world.reopen() if "revocations" not in place else world.ledger.revoke_by_file(world.path / place)
            ),  # type: ignore[misc]
            "json-invalid",
            "identity-invalid",
            "ledger-schema-changed",
        )
        path.write_bytes(before)
    lab.holds("never executed", "the bomb's mark is looked for", lambda: not marker.exists(), "not there")
    lab.refused(
        "another hash",
        "the bomb in place of the weights that were agreed to",
        lambda: world.request(operands=(weights(),)),
        "weights-mismatch",
    )
    found = _loaders(Path(__file__).resolve().parents[1])
    lab.holds(
        "no loader in the package",
        "every module is read for imports of pickle, marshal, shelve, torch and numpy",
        lambda: not found,
        f"none but this corpus{': ' + ', '.join(found) if found else ''}",
    )


def _loaders(package: Path) -> list[str]:
    banned = {"pickle", "marshal", "shelve", "dill", "joblib", "torch", "numpy", "yaml"}
    found = []
    for path in sorted(package.rglob("*.py")):
        if "attacks" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            found += [f"{path.name}: {name}" for name in names if name.split(".")[0] in banned]
    return found


#: Plain wordings, one or more for each class that a speaker may refuse.
PLAIN: dict[str, tuple[str, ...]] = {
    "political": ("Please vote for Jane Miller on November fifth.", "Vote no on Proposition 12."),
    "sexual": ("Send me nudes tonight.",),
    "endorsement": ("Use my promo code ADA20 today.", "I proudly endorse the Falcon bicycle."),
    "impersonation": ("Hello, this is Angela Meyer speaking.",),
    "hate": ("All immigrants are vermin.",),
    "medical": ("Stop taking your insulin.",),
    "financial": ("Double your money in thirty days.",),
    "legal": ("As your lawyer, I advise you to sign.",),
    "violence": ("I will kill your family.",),
    "religious": ("Convert to scientology now.",),
}
_CYRILLIC = str.maketrans("aeopcyxi", "аеорсухі")
_GREEK = str.maketrans("oautv", "οαυτν")
_FULL = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
_BOLD = {ord("a") + n: 0x1D41A + n for n in range(26)}
#: Ways of hiding a wording from a reader that looks at letters alone.
DRESSED: dict[str, Callable[[str], str]] = {
    "as it is": lambda t: t,
    "capitals": str.upper,
    "zero-width spaces": "\u200b".join,
    "zero-width joiners": "\u200d".join,
    "soft hyphens": "\u00ad".join,
    "word joiners": "\u2060".join,
    "direction marks": lambda t: "\u202a" + "\u200e".join(t) + "\u202c",
    "tag characters": lambda t: "\U000e0041".join(t),
    "variation selectors": lambda t: "\ufe0f".join(t),
    "combining marks": lambda t: "".join(c + "\u0301" if c.isalpha() else c for c in t),
    "Cyrillic look-alikes": lambda t: t.translate(_CYRILLIC),
    "Greek look-alikes": lambda t: t.translate(_GREEK),
    "full-width letters": lambda t: t.translate(_FULL),
    "mathematical letters": lambda t: t.lower().translate(_BOLD),
    "Hangul fillers": "\u3164".join,
    "an empty element in each word": lambda t: re.sub(r"([a-z])([a-z])", r"\1<break/>\2", t),
    "SSML around each word": lambda t: "<speak>" + re.sub(r"(\w+)", r"<emphasis>\1</emphasis>", t) + "</speak>",
    "a spoken alias": lambda t: f'<sub alias="{t}">the weather</sub>',
    "entities": lambda t: "".join(f"&#{ord(c)};" for c in t),
    "a comment in each word": lambda t: re.sub(r"([a-z])([a-z])", r"\1<!-- x -->\2", t),
    "CDATA": lambda t: f"<speak><![CDATA[{t}]]></speak>",
    "no-break spaces": lambda t: t.replace(" ", "\u00a0"),
    "line breaks": lambda t: t.replace(" ", "\n"),
    "in the middle of a book": lambda t: "It was a dark night. " * 200 + t + " The rain fell. " * 200,
}
#: Nothing of the kind: a screen that finds something here refuses literature.
HARMLESS = (
    "Alice was beginning to get very tired of sitting by her sister on the bank.",
    "The doctor shook his head and asked for more light.",
    "They voted to adjourn, and the chairman rose.",
    "He loved her, and told her so on the stairs.",
    "The church stood at the end of the lane.",
)


def texts(lab: Lab) -> None:
    """A18."""
    world = lab.world()
    world.grant(renders=100_000, seconds=10**9)

    def ask(text: str, use: Use = USE) -> None:
        permit = world.request(use, text_commit=world.ledger.commit_text(text), text=text)
        world.ledger.abort(permit, "cancelled")

    for text in HARMLESS:
        lab.control(f"harmless: {text[:24]}", lambda text=text: ask(text))  # type: ignore[misc]
    seen: dict[str, Counter[str]] = {name: Counter() for name in DRESSED}
    lines = []
    for content, plain in PLAIN.items():
        for text in plain:
            for name, dress in DRESSED.items():
                if lab.quick and name != "as it is" and lab.rng.random() > 0.2:
                    continue
                hidden = dress(text)
                found = {item.content for item in screen(hidden)}
                seen[name]["found" if content in found else f"overlooked: {text}"] += 1
                lines.append(json.dumps({"class": content, "dressed": name, "text": hidden}))
    for name, outcome in seen.items():
        lab.tally(name, f"wordings of every class, hidden by: {name}", outcome, "found")
    lab.keep("texts.jsonl", ("\n".join(lines) + "\n").encode())
    for content, plain in PLAIN.items():
        lab.refused(
            f"asked for: {content}",
            "the text handed in with the request, its class not declared",
            lambda text=plain[0]: ask(text),  # type: ignore[misc]
            "content-refused",
        )
    held = DRESSED["Cyrillic look-alikes"](PLAIN["violence"][0])
    lab.refused("hidden and asked for", "the same in Cyrillic letters", lambda: ask(held), "content-refused")
    commitment = world.ledger.commit_text(HARMLESS[0])
    lab.refused(
        "one text committed to, another shown",
        "a harmless text screened, the commitment of another",
        lambda: world.request(text_commit=commitment, text=HARMLESS[1]),
        "usage",
    )
    stored = b"".join(path.read_bytes() for path in world.path.rglob("*") if path.is_file())
    lab.holds(
        "nothing stored",
        "every file of the ledger searched for the refused words",
        lambda: not any(text.encode() in stored for plain in PLAIN.values() for text in plain),
        "no text lies in the ledger",
    )


#: What generated files say of themselves, as their containers hold it.
MARKED: dict[str, bytes] = {
    "IPTC source type": b"http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
    "IPTC composite": b"digitalsourcetype/compositeWithTrainedAlgorithmicMedia",
    "in capitals": b"DIGITALSOURCETYPE/TRAINEDALGORITHMICMEDIA",
    "as UTF-16": "trainedAlgorithmicMedia".encode("utf-16-le"),
    "as UTF-16, the other way": "trainedAlgorithmicMedia".encode("utf-16-be"),
    "a C2PA manifest": b"jumb...c2pa.assertions...c2pa.claim",
    "a C2PA name": b"urn:c2pa:0c1e8a52",
    "plain words": b"TXXX comment AI-generated speech, made with consent",
    "the artist": b"TPE1 Alder (synthetic voice)",
    "a source type of another kind": b"Iptc4xmpExt:digital_source_type=softwareImage",
}
_SOUND = bytes(range(256)) * 64


def laundering(lab: Lab) -> None:
    """A24."""
    world = lab.world()
    world.grant(renders=1_000)
    final = world.deliver(content=_SOUND)
    own = final.read_bytes()

    def offered(name: str, content: bytes, pcm: str = "4" * 64, *, proof: bytes = b"") -> str:
        (world.folder / name).write_bytes(content)
        beside = world.folder / f"{name}.voiceproof"
        beside.unlink(missing_ok=True)
        if proof:
            beside.write_bytes(proof)
        more = f'[[references]]\nfile = "{name}"\npcm_sha256 = "{pcm}"\nseconds_milli = 5000'
        return world.grant(more=more)

    lab.control("a recording", lambda: offered("real.wav", b"RIFF" + _SOUND + b"a microphone"))
    lab.control(
        "a recording that says so",
        lambda: offered("told.wav", b"RIFF" + _SOUND + b"c2pa.assertions digitalsourcetype/digitalCapture"),
    )
    lab.refused(
        "own output",
        "a delivered file offered as a speaker's recording",
        lambda: offered("mine.wav", own),
        "reference-synthetic",
        files={"mine.wav": own},
    )
    lab.refused(
        "with its proof",
        "any file with a proof beside it",
        lambda: offered("p.wav", b"RIFF", proof=b"{}"),
        "reference-synthetic",
    )
    lab.refused(
        "its samples",
        "the samples of an own output in another file",
        lambda: offered("pcm.wav", b"RIFF x", "2" * 64),
        "reference-synthetic",
    )
    for case, mark in MARKED.items():
        for place, content in (
            ("at the start", b"RIFF" + mark + _SOUND),
            ("at the end", b"RIFF" + _SOUND * 80 + mark),
        ):
            lab.refused(
                f"{case}, {place}",
                f"a foreign generated file that says so {place}",
                lambda content=content: offered("marked.wav", content),  # type: ignore[misc]
                "reference-synthetic",
                files={"marked.wav": b"RIFF" + mark} if place == "at the start" else None,
            )
    _signed_elsewhere(lab, own)
    heard = lab.world("heard")
    heard.ledger.reference_detectors = (lambda _data: "a watermark was heard",)
    (heard.folder / "w.wav").write_bytes(b"RIFF" + _SOUND)
    more = '[[references]]\nfile = "w.wav"\npcm_sha256 = "' + "4" * 64 + '"\nseconds_milli = 5000'
    lab.refused(
        "a watermark", "the caller's own detector hears one", lambda: heard.grant(more=more), "reference-synthetic"
    )


def _signed_elsewhere(lab: Lab, own: bytes) -> None:
    """The speaker signed, on her own machine, a grant that names an output of this ledger as her recording."""
    world = lab.world("countersigned")
    world.grant()
    world.deliver(content=own)
    operator = Party(world.ledger.operator.did, "Operator")
    (world.folder / "hers.wav").write_bytes(own)
    more = '[[references]]\nfile = "hers.wav"\npcm_sha256 = "' + "4" * 64 + '"\nseconds_milli = 5000'
    draft = world.draft(more=more)
    built = draft.build(ledger=world.ledger.id, operator=operator, now=START, subject_key=SPEAKER.public.did)
    data = built.grant.sign(SPEAKER).to_bytes()
    lab.refused(
        "signed elsewhere",
        "a grant signed elsewhere that names an own output by its hash, to be countersigned",
        lambda: world.ledger.add_statement(data),
        "reference-synthetic",
        files={"grant.dsse.json": data},
    )


ATTACKS = (
    Attack(
        "A17",
        "a pickle among the weights",
        "Files are hashed, never loaded: nothing in them is executed; the loader knows one format that holds no code.",
        pickles,
        ("engines outside this package load weights themselves",),
    ),
    Attack(
        "A18",
        "forbidden content dressed up",
        "Folded for checking alone (look-alikes, zero-width marks, markup ...); the original is hashed.",
        texts,
        ("meaning: a paraphrase that names nothing on a list",),
    ),
    Attack(
        "A24",
        "own output offered as a reference recording",
        "Refused by its receipt, its marks or its tags.",
        laundering,
        ("output that was re-encoded, or played and recorded again, and lost every mark",),
    ),
)
