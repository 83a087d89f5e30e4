# ruff: noqa: SIM905 - lists of codes read better as words
"""What coqui's models may be used for: the licence of each one's weights, and of the recordings behind it.

Two licences decide.  The weights' is what coqui's own model list (0.28) says, as SPDX names it; the recordings' is that
of the corpus, where it is known.  Both go into the grant and are checked against commercial use: weights said to be
Apache-2.0 that were learnt from recordings for research alone are not free to sell.  Unknown means no commerce.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["UNSTATED", "Terms", "terms_of"]

UNSTATED = "LicenseRef-unstated"
_KINDS = ("tts_models", "voice_conversion_models")


@dataclass(frozen=True)
class Terms:
    """Under what a model may be used.

    Attributes
    ----------
    license : str
        Of the weights, SPDX-like.
    recordings_license : str
        Of the recordings the voice was learnt from.
    recordings : str
        Whose they are, in words; empty where that is not known.
    """

    license: str = UNSTATED
    recordings_license: str = UNSTATED
    recordings: str = ""


_APACHE, _BSD, _MPL, _MIT = "Apache-2.0", "BSD-3-Clause", "MPL-2.0", "MIT"
_BY, _BY_SA, _NC_ND, _CPML = "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-ND-4.0", "LicenseRef-CPML"

# language/corpus -> model -> licence of the weights, as coqui-tts 0.28 lists them
_WEIGHTS: dict[str, dict[str, str]] = {
    "multilingual/multi-dataset": {
        "xtts_v2": _CPML, "xtts_v1.1": _CPML, "your_tts": _NC_ND, "bark": _MIT,
        "knnvc": _MIT, "openvoice_v1": _MIT, "openvoice_v2": _MIT,
    },
    "multilingual/vctk": {"freevc24": _MIT},
    "en/ek1": {"tacotron2": _APACHE},
    "en/ljspeech": {
        "tacotron2-DDC": _APACHE, "tacotron2-DDC_ph": _APACHE, "glow-tts": _MPL, "speedy-speech": _APACHE,
        "tacotron2-DCA": _MPL, "vits": _APACHE, "vits--neon": _BSD, "fast_pitch": _APACHE, "overflow": _APACHE,
        "neural_hmm": _APACHE,
    },
    "en/vctk": {"vits": _APACHE, "fast_pitch": _NC_ND},
    "en/sam": {"tacotron2-DCA": _APACHE},
    "en/blizzard2013": {"capacitron-t2-c50": _APACHE, "capacitron-t2-c150_v2": _APACHE},
    "en/multi-dataset": {"tortoise-v2": _APACHE},
    "en/jenny": {"jenny": "LicenseRef-Jenny"},
    "es/mai": {"tacotron2-DDC": _MPL},
    "es/css10": {"vits": _BSD},
    "fr/mai": {"tacotron2-DDC": _MPL},
    "fr/css10": {"vits": _BSD},
    "uk/mai": {"glow-tts": _MIT, "vits": _BSD},
    "zh-CN/baker": {"tacotron2-DDC-GST": _APACHE},
    "nl/rdh": {"tacotron2-DDC": _APACHE},
    "nl/css10": {"vits": _BSD},
    "de/thorsten": {"tacotron2-DCA": _APACHE, "vits": _APACHE, "tacotron2-DDC": _APACHE},
    "de/css10": {"vits-neon": _BSD},
    "ja/kokoro": {"tacotron2-DDC": _APACHE},
    "tr/common-voice": {"glow-tts": _MIT},
    "be/common-voice": {"glow-tts": _BY_SA},
    "it/mai_female": {"glow-tts": _APACHE, "vits": _APACHE},
    "it/mai_male": {"glow-tts": _APACHE, "vits": _APACHE},
    "pl/mai_female": {"vits": _BSD},
    "hu/css10": {"vits": _BSD},
    "fi/css10": {"vits": _BSD},
    "sr/custom": {"vits": _BY},
    "ca/custom": {"vits": _BY},
    "fa/custom": {"glow-tts": _BY, "vits-female": "LicenseRef-OpenRAIL"},
    "bn/custom": {"vits-male": _APACHE, "vits-female": _APACHE},
} | {f"{tag}/cv": {"vits": _BSD} for tag in "bg cs da et ga el hr lt lv mt pt ro sk sl sv".split()} | {
    f"{tag}/openbible": {"vits": _BY_SA} for tag in "ewe hau lin tw_akuapem tw_asante yor".split()
}  # fmt: skip

# corpus -> licence of the recordings, whose they are
_RECORDINGS: dict[str, tuple[str, str]] = {
    "ljspeech": ("public-domain", "LibriVox readings of one reader, published as the LJ Speech corpus"),
    "vctk": (_BY, "readers of the VCTK corpus (University of Edinburgh)"),
    "cv": ("CC0-1.0", "contributors to Mozilla Common Voice"),
    "common-voice": ("CC0-1.0", "contributors to Mozilla Common Voice"),
    "css10": ("public-domain", "LibriVox readings, published as the CSS10 corpora"),
    "kokoro": ("public-domain", "LibriVox readings, published as the Kokoro corpus"),
    "thorsten": ("CC0-1.0", "Thorsten Müller, who gave his recordings to everybody for synthesis"),
    "openbible": (_BY_SA, "readers of the Open.Bible recordings"),
    "mai": ("LicenseRef-M-AILABS", "LibriVox readings, published as the M-AILABS corpus"),
    "mai_female": ("LicenseRef-M-AILABS", "LibriVox readings, published as the M-AILABS corpus"),
    "mai_male": ("LicenseRef-M-AILABS", "LibriVox readings, published as the M-AILABS corpus"),
    "blizzard2013": ("LicenseRef-Blizzard-2013-research", "a reader of the Blizzard Challenge 2013, for research"),
    "baker": ("LicenseRef-DataBaker-noncommercial", "a reader of the DataBaker corpus, for non-commercial use"),
    "jenny": ("LicenseRef-Jenny", "the reader of the Jenny corpus, under its own terms"),
}


def terms_of(name: str) -> Terms | None:
    """The terms of one of coqui's models.

    Parameters
    ----------
    name : str
        ``tts_models/en/vctk/vits`` and the like.

    Returns
    -------
    Terms or None
        None for what is not the name of a coqui model.
    """
    parts = name.split("/")
    if len(parts) != 4 or parts[0] not in _KINDS:
        return None
    license_name = _WEIGHTS.get(f"{parts[1]}/{parts[2]}", {}).get(parts[3], UNSTATED)
    recordings = _RECORDINGS.get(parts[2], (UNSTATED, ""))
    if parts[0] == "voice_conversion_models":
        recordings = (license_name, "")  # it has no voice of its own: whose it is, the reference says
    return Terms(license_name, *recordings)
