"""Parts together, each muted or alone: the browser mixes the delivered stems while it plays them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from demos.words import card, esc
from voicekit.studio import Song

__all__ = ["MOST_S", "stems_panel"]

MOST_S = 3600.0
"""Seconds of all stems together that a browser is asked to hold: about 700 MB."""


def stems_panel(song: Song, kept: Sequence[str]) -> str:
    """Controls to hear some of the parts.

    Nothing is made here: the page's script fetches the delivered stems, plays them on one clock with the places
    they have in the mix, and turns them down as asked.

    Parameters
    ----------
    song : Song
    kept : sequence of str
        The files that the page may fetch, the stems among them.

    Returns
    -------
    str
        HTML; empty for a song of one part, or one too long to be held by a browser.
    """
    by_name = {Path(path).name: path for path in kept}
    if len(song.parts) < 2 or song.measured["duration_s"] * len(song.parts) > MOST_S:
        return ""
    gain_db = float(song.measured["mix_gain_db"])
    rows = ""
    for number, part in enumerate(song.parts, 1):
        path = by_name.get(part.file.name, "")
        level = part.measured["level_db"] + gain_db
        name = f"{part.name} ({part.voice})"
        rows += (
            f'<li class="vk-stem" data-url="gradio_api/file={quote(path)}" data-pan="{part.measured["pan"]}" '
            f'data-level="{level:.3f}"><span>{esc(name)}</span> '
            f'<label><input type="checkbox" class="vk-mute" id="vk-mute-{number}" '
            f'aria-label="Mute {esc(name)}"> Mute</label> '
            f'<label><input type="checkbox" class="vk-solo" id="vk-solo-{number}" '
            f'aria-label="Solo {esc(name)}"> Solo</label></li>'
        )
    body = '<p><button type="button" class="vk-play">Play the parts</button> '
    body += '<span class="vk-quiet vk-stems-said"></span></p>'
    return card("Parts together", f'<div class="vk-stems">{body}<ul>{rows}</ul></div>')
