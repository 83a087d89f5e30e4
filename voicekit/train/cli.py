"""The command ``voicekit train``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from voicekit.errors import UsageError

if TYPE_CHECKING:
    from voicekit.train.seal import Audition

_EXAMPLE = """examples:
  voicekit train flite sentences.txt --work runs/flite
  voicekit train prepare CORPUS runs/flite --work runs/house
  voicekit train vocoder --work runs/house --steps 4000
  voicekit train acoustic --work runs/house --steps 6000
  voicekit train content --work runs/house --steps 3600
  voicekit train realign --work runs/house
  voicekit train joint --work runs/house --steps 400
  voicekit train blend --work runs/house --out my-voices
  voicekit train seal --work runs/house --out my-voices
Every step resumes where it was stopped; curves are in WORK/<step>/curve.jsonl.
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="voicekit train",
        description="Train the house voices from openly licensed recordings.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="STEP")
    flite = verbs.add_parser("flite", help="let flite read sentences, as labelled speech without limit")
    flite.add_argument("sentences", type=Path, help="text file, a sentence a line")
    prepare = verbs.add_parser("prepare", help="align and analyse recordings")
    prepare.add_argument("corpora", type=Path, nargs="+", help="folders with transcripts.tsv")
    prepare.add_argument("--workers", type=int, default=2)
    steps = {"vocoder": 4000, "acoustic": 6000, "content": 3600}
    for name, default in steps.items():
        verb = verbs.add_parser(name, help=f"train the {name}")
        verb.add_argument("--steps", type=int, default=default, help=f"steps in all (default {default})")
        verb.add_argument("--rate", type=float, default=1.5e-3, help="peak learning rate")
        verb.add_argument("--minutes", type=float, default=0.0, help="stop and save after so long (0: no limit)")
        verb.add_argument("--start", type=Path, help="begin from the weights of this folder of voices")
        verb.add_argument("--critic-from", type=int, help="the step from which a critic judges too (default: never)")
        verb.add_argument("--seed", type=int, default=0)
        verb.add_argument("--half", action="store_true", help="multiply in bfloat16")
        verb.add_argument("--threads", type=int, default=0, help="0: as torch chooses")
    vocoder = verbs.choices["vocoder"]
    vocoder.add_argument("--faint", action="store_true", help="half of the crops with faint F0 tracks")
    vocoder.add_argument("--loudness", type=float, default=0.0, help="weight of the distance in loudness (0: none)")
    again = verbs.add_parser("realign", help="align once more, by what the content encoder has learnt")
    again.add_argument("--start", type=Path, help="let the content encoder of this folder of voices listen")
    joint = verbs.add_parser("joint", help="tune acoustic model and vocoder together, into WORK/joint")
    joint.add_argument("--steps", type=int, default=400, help="steps in all (default 400)")
    joint.add_argument("--rate", type=float, default=2e-4, help="peak learning rate")
    joint.add_argument("--minutes", type=float, default=0.0, help="stop and save after so long (0: no limit)")
    joint.add_argument("--vocoder-only", action="store_true", help="leave the acoustic model as it is")
    joint.add_argument("--seed", type=int, default=0)
    joint.add_argument("--half", action="store_true", help="multiply in bfloat16")
    joint.add_argument("--threads", type=int, default=0, help="0: as torch chooses")
    blend = verbs.add_parser("blend", help="pack the no-donor voices")
    blend.add_argument("--out", type=Path, required=True)
    seal = verbs.add_parser("seal", help="measure the voices, write their cards and sign their records")
    seal.add_argument("--out", type=Path, required=True)
    seal.add_argument("--metrics", type=Path, help="JSON of measurements by voice, repeated on the cards")
    for verb in verbs.choices.values():
        verb.add_argument("--work", type=Path, required=True, help="folder of this training")
    return parser


def main(argv: list[str] | None, audition: Audition) -> int:
    """Run the command; 0 done, 2 wrong usage, 3 interrupted (run again to resume).

    `audition` lets a voice be heard through the gate (`voicekit.studio.audition`).
    """
    options = _parser().parse_args(argv)

    def log(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    try:
        if options.verb == "flite":
            from voicekit.train.corpus import make_flite_corpus

            lines = options.sentences.read_text(encoding="utf-8").splitlines()
            make_flite_corpus([line.strip() for line in lines if line.strip()], options.work)
        elif options.verb == "prepare":
            from voicekit.train.corpus import read_corpus
            from voicekit.train.prepare import prepare

            found = [u for corpus in options.corpora for u in read_corpus(corpus)]
            print(json.dumps(prepare(found, options.work, options.workers), indent=1))
        elif options.verb == "realign":
            from voicekit.train.realign import realign_folder

            print(json.dumps(realign_folder(options.work, options.start), indent=1))
        elif options.verb in ("vocoder", "acoustic", "content", "joint"):
            _train(options, log)
        elif options.verb == "blend":
            from voicekit.train.pack import pack

            pack(options.work, options.out, log)
        else:
            from voicekit.train.seal import seal

            seal(options.work, options.out, options.metrics, audition, log)
    except KeyboardInterrupt:
        log("stopped; run the same command again to go on")
        return 3
    return 0


def _train(options: argparse.Namespace, log: object) -> None:
    import torch

    from voicekit.models.weights import read_weights
    from voicekit.train import acoustic, content, joint, vocoder
    from voicekit.train.loop import RunConfig

    if not (options.work / "examples").is_dir():
        raise UsageError(f"{options.work} holds no prepared recordings", "run voicekit train prepare first")
    if options.threads:
        torch.set_num_threads(options.threads)
    config = RunConfig(
        steps=options.steps,
        learning_rate=options.rate,
        max_seconds=60 * options.minutes,
        seed=options.seed,
        half=options.half,
    )
    if options.verb == "joint":
        joint.train(options.work, options.work / "joint", config, log, options.vocoder_only)  # type: ignore[arg-type]
        return
    trainers = {"acoustic": acoustic.train, "content": content.train}
    start = None
    if options.start:
        start = read_weights(options.start / "_model" / f"{options.verb}.safetensors").tensors
        voices = sorted(options.start.glob("*/voice.safetensors"))
        if voices and options.verb == "acoustic":
            start[acoustic.VOICES] = torch.stack([read_weights(path).tensors["embedding"] for path in voices])
    into = options.work / options.verb
    if options.verb == "vocoder":
        aims = vocoder.VocoderAims(options.faint, options.loudness)
        vocoder.train(options.work, into, config, log, start, options.critic_from, aims)  # type: ignore[arg-type]
    else:
        trainers[options.verb](options.work, into, config, log, start, options.critic_from)  # type: ignore[arg-type]
