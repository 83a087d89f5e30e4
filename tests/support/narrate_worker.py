"""A child process that narrates with the tone voice, to be killed by a test.

Usage: python narrate_worker.py STUDIO VOICE_FOLDER INPUT OUT DELAY_MS
Prints a line for every sentence, so that the test knows where it is.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.support.tone import ToneHouse
from voicekit.studio import NarrateOptions, Progress, Studio


def main() -> None:
    studio_folder, voice_folder, source, out, delay_ms = sys.argv[1:6]
    house = ToneHouse(Path(voice_folder))
    house.delay_s = int(delay_ms) / 1000

    def show(progress: Progress) -> None:
        print(progress.stage, progress.chapter, progress.sentence, flush=True)

    with Studio.open(studio_folder, voices=house.source()) as studio:
        take = studio.narrate(
            Path(source),
            voice="tone",
            out=out,
            options=NarrateOptions(formats=("mp3", "wav"), seed=7),
            progress=show,
        )
        print("done", len(take.files), len(house.spoken), flush=True)


if __name__ == "__main__":
    main()
