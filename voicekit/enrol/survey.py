"""Everything that is wrong with recordings, where `voicekit.enrol.checks` stops at the first fault."""

from __future__ import annotations

from collections.abc import Sequence

from voicekit.enrol.checks import (
    MAX_DECAY_S,
    MIN_SPEECH_S,
    RATE,
    Check,
    UnfitError,
    check_recordings,
    decay_s,
    measures,
    speech_seconds,
)
from voicekit.enrol.recording import Recording

__all__ = ["survey"]


def survey(recordings: Sequence[Recording]) -> tuple[Check, ...]:
    """Look at each recording by itself, and at all together; nothing is raised for a fault.

    Parameters
    ----------
    recordings : sequence of Recording

    Returns
    -------
    tuple of Check
        Faults, each with its reason and the recording it is about; where there is none, what was found to be good.
    """
    faults: list[Check] = []
    seen: dict[str, str] = {}
    for one in recordings:
        if (digest := one.pcm_sha256) in seen:
            faults.append(Check("repeated", f"{one.name} holds the same samples as {seen[digest]}", False, 0))
            continue
        seen[digest] = one.name
        faults += [
            Check(reason, f"{one.name}: {text}", False, round(value * 1000))
            for reason, value, bad, text in measures(one)
            if bad
        ]
    speech = sum(speech_seconds(one.at(RATE)) for one in recordings)
    if speech < MIN_SPEECH_S:
        text = f"{speech:.1f} s of speech in all, {MIN_SPEECH_S:.0f} are needed"
        faults.append(Check("too-short", text, False, round(speech * 1000)))
    decay = decay_s(*(one.at(RATE) for one in recordings))
    if decay > MAX_DECAY_S:
        text = f"sound dies away in {decay:.2f} s: the room is heard"
        faults.append(Check("reverberant", text, False, round(decay * 1000)))
    if faults:
        return tuple(faults)
    try:
        return check_recordings(recordings)
    except UnfitError as unfit:  # whatever that looks at and this does not yet
        return (Check(unfit.reason, f"{unfit.file}: {unfit.problem}", False, 0),)
