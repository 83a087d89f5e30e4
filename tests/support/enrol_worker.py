"""Enrols a voice and kills itself, as a power cut would.

``python enrol_worker.py STUDIO GRANT STAGE SHARE TRANSCRIPT TAKE...``
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from consent.engines import Engines
from voicekit.enrol import adapt, builder
from voicekit.studio import EnrolOptions, EnrolStep, Studio
from voicekit.studio import enrolment as enrolment_module


def main() -> None:
    """Run until the stage has come so far."""
    folder, grant, stage, share, transcript, *takes = sys.argv[1:]
    adapt.STEPS = builder.STEPS = 20
    enrolment_module.find_engines = Engines

    def tell(step: EnrolStep) -> None:
        if step.stage == stage and step.fraction >= float(share):
            os.kill(os.getpid(), signal.SIGKILL)

    options = EnrolOptions(transcript=Path(transcript), method="low-rank", steps=40)
    with Studio.open(folder) as studio:
        studio.enrol("ada", takes, grant=grant, options=options, progress=tell)


if __name__ == "__main__":
    main()
