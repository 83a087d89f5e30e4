"""Fields that every tab which makes sound has: what the result is for, and a place to listen to it."""

from __future__ import annotations

from collections.abc import Sequence

import gradio as gr

__all__ = ["player", "use_fields"]


def use_fields(
    purposes: Sequence[str], question: str, title: str = ""
) -> tuple[gr.Number, gr.Textbox, gr.Radio, gr.Checkbox, gr.Textbox]:
    """Seed, title, purpose, commercial use and territory: what a permit is asked for.

    Parameters
    ----------
    purposes : sequence of str
        The usual one first.
    question : str
        Asks what it is for.
    title : str
        What an empty title means.
    """
    return (
        gr.Number(0, label="Seed", info="The same seed gives the same bytes.", precision=0),
        gr.Textbox("", label="Title", info=title or None, max_lines=1),
        gr.Radio(list(purposes), value=purposes[0], label=question),
        gr.Checkbox(False, label="Commercial use"),
        gr.Textbox("001", label="Territory", info="Country codes, or 001 for the world.", max_lines=1),
    )


def player(elem_id: str, label: str = "Listen") -> gr.Audio:
    """Plays a finished file; it is handed out by its link, not by the player's own buttons."""
    return gr.Audio(
        label=label,
        type="filepath",
        interactive=False,
        elem_id=elem_id,
        buttons=[],
        waveform_options=gr.WaveformOptions(show_recording_waveform=False),
    )
