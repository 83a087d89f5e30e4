"""Chord symbols of MusicXML, both ways: kinds, roots, and what is printed."""

from __future__ import annotations

from fractions import Fraction

from lxml import etree

from voicekit.score.inputs import Notices, Place, parse_number
from voicekit.score.model import Chord
from voicekit.score.spelling import STEP_SEMITONES, spell

__all__ = ["chord_of", "harmony_of"]

#: Kinds of MusicXML -> the model's kind, and what is printed after the root by default.
_KINDS = {
    "major": ("major", ""), "minor": ("minor", "m"), "augmented": ("augmented", "+"), "diminished": ("diminished", "°"),
    "dominant": ("dominant-seventh", "7"), "major-seventh": ("major-seventh", "maj7"),
    "minor-seventh": ("minor-seventh", "m7"), "diminished-seventh": ("diminished-seventh", "°7"),
    "augmented-seventh": ("augmented", "+7"), "half-diminished": ("half-diminished", "ø7"),
    "major-minor": ("minor", "m(maj7)"), "major-sixth": ("major", "6"), "minor-sixth": ("minor", "m6"),
    "dominant-ninth": ("dominant-seventh", "9"), "major-ninth": ("major-seventh", "maj9"),
    "minor-ninth": ("minor-seventh", "m9"), "dominant-11th": ("dominant-seventh", "11"),
    "major-11th": ("major-seventh", "maj11"), "minor-11th": ("minor-seventh", "m11"),
    "dominant-13th": ("dominant-seventh", "13"), "major-13th": ("major-seventh", "maj13"),
    "minor-13th": ("minor-seventh", "m13"), "suspended-second": ("suspended-second", "sus2"),
    "suspended-fourth": ("suspended-fourth", "sus4"), "power": ("power", "5"), "none": ("none", "N.C."),
    "Neapolitan": ("major", "N6"), "Italian": ("dominant-seventh", "It+6"), "French": ("dominant-seventh", "Fr+6"),
    "German": ("dominant-seventh", "Ger+6"), "pedal": ("power", "ped"), "Tristan": ("half-diminished", "Tristan"),
    "other": ("major", ""),
}  # fmt: skip
#: Those of them whose kind in the model says all of it.
_EXACT = {
    "major", "minor", "augmented", "diminished", "dominant", "major-seventh", "minor-seventh", "diminished-seventh",
    "half-diminished", "suspended-second", "suspended-fourth", "power", "none",
}  # fmt: skip
_NAMES = {-2: "bb", -1: "b", 0: "", 1: "#", 2: "##"}


def _pitch(parent: etree._Element, what: str, place: Place) -> tuple[int, str]:
    step = (parent.findtext(f"{what}-step") or "").strip()
    if step not in STEP_SEMITONES:
        raise place.error(f"<{what}-step> is {step!r}, not a letter from A to G")
    alter = parse_number(parent.findtext(f"{what}-alter") or "0", place, f"<{what}-alter>", -3, 3)
    printed = parent.find(f"{what}-step").get("text")
    if printed is None:
        printed = step + _NAMES.get(int(alter), "")
    return (STEP_SEMITONES[step] + int(alter)) % 12, printed


def chord_of(element: etree._Element, onset: Fraction, place: Place, notices: Notices) -> Chord | None:
    """The chord of a ``harmony`` element; None, with a notice, where it has no root (functions, numerals)."""
    kind_element, root_element = element.find("kind"), element.find("root")
    name = (kind_element.text or "").strip() if kind_element is not None else "major"
    if name not in _KINDS:
        notices.add(place.where, f"chord kind {name!r} is not known; taken as major")
        name = "major"
    kind, suffix = _KINDS[name]
    if kind_element is not None and kind_element.get("text") is not None:
        suffix = kind_element.get("text", "")
    if kind == "none":
        return Chord(onset, -1, "none", -1, suffix)
    if root_element is None:
        notices.add(place.where, "a chord symbol without a root (function or numeral) is not read")
        return None
    root, printed = _pitch(root_element, "root", place)
    if name not in _EXACT:
        notices.add(place.where, f"chord kind {name!r} is kept as {kind!r}; its print stays")
    text = printed + suffix
    degrees = []
    for degree in element.iterfind("degree"):
        value = parse_number(degree.findtext("degree-value") or "0", place, "<degree-value>", 0, 30)
        alter = parse_number(degree.findtext("degree-alter") or "0", place, "<degree-alter>", -3, 3)
        how = (degree.findtext("degree-type") or "add").strip()
        sign = {"add": "add", "subtract": "no"}.get(how, "")
        degrees.append(f"{sign}{_NAMES.get(int(alter), '')}{value}")
    if degrees:
        notices.add(place.where, "added, altered or omitted degrees of chord symbols are kept in print alone")
        text += f"({','.join(degrees)})"
    bass_element = element.find("bass")
    if bass_element is None:
        return Chord(onset, root, kind, -1, text)
    bass, bass_printed = _pitch(bass_element, "bass", place)
    return Chord(onset, root, kind, bass, f"{text}/{bass_printed}" if bass_printed else text)


def harmony_of(chord: Chord, fifths: int) -> etree._Element:
    """The ``harmony`` element of a chord, spelled for a key; what is printed is kept."""
    element = etree.Element("harmony")
    name = next(mx for mx, (kind, _) in _KINDS.items() if kind == chord.kind and mx in _EXACT)
    if chord.kind == "none" or chord.root < 0:
        root = etree.SubElement(element, "root")
        etree.SubElement(root, "root-step", text="").text = "C"
        etree.SubElement(element, "kind", text=chord.text or "N.C.").text = "none"
        return element
    (step, alter), rest = _printed_root(chord.root, chord.text, fifths)
    bass = spell(chord.bass, fifths) if chord.bass >= 0 else None
    bass_text = ""
    if bass is not None and rest is not None:
        head, slash, bass_text = rest.rpartition("/")
        rest = head if slash else None
    plain = rest is not None
    root = etree.SubElement(element, "root")
    root_step = etree.SubElement(root, "root-step")
    root_step.text = step
    if alter:
        etree.SubElement(root, "root-alter").text = str(alter)
    kind = etree.SubElement(element, "kind", text=rest if rest is not None else chord.text)
    kind.text = name
    if not plain:
        root_step.set("text", "")  # all that is printed stands in the kind
    if bass is not None:
        group = etree.SubElement(element, "bass")
        bass_step = etree.SubElement(group, "bass-step")
        bass_step.text = bass[0]
        if bass[1]:
            etree.SubElement(group, "bass-alter").text = str(bass[1])
        if plain and bass_text != bass[0] + _NAMES.get(bass[1], "?"):
            bass_step.set("text", bass_text)
        elif not plain:
            bass_step.set("text", "")
    return element


def _printed_root(root: int, text: str, fifths: int) -> tuple[tuple[str, int], str | None]:
    """Spelling of the root as `text` has it, and the text after it; the key's spelling and None if it has none."""
    for step, natural in STEP_SEMITONES.items():
        for alter in (-2, 2, -1, 1, 0):
            name = step + _NAMES[alter]
            if (natural + alter) % 12 != root or not text.startswith(name):
                continue
            if alter == 0 and text[1:2] in ("b", "#"):
                continue
            return (step, alter), text[len(name) :]
    return spell(root, fifths), None
