"""The pictures beside the tables, drawn from the JSON alone: ``python -m bench.plots [FOLDER]`` redraws them all.

One look for all of them: SVG on a white card (to be read on a dark page too), systems always in the same order and
colour, the colours of Okabe and Ito (told apart by the colour-blind, and by marks as well), 95 % intervals where there
are any.  The same JSON gives the same bytes.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.report import RESULTS, command, say
from voicekit.errors import InputError

__all__ = ["COLOURS", "Plot", "colour_of", "draw", "draw_all", "embed", "in_order", "mark_of", "new"]

_BEGIN, _END = "<!-- plots -->", "<!-- /plots -->"
_BLOCK = re.compile(rf"{_BEGIN}.*?{_END}\n*", re.DOTALL)

#: Okabe and Ito, "Color Universal Design" (2008).
COLOURS = {
    "blue": "#0072B2", "sky": "#56B4E9", "orange": "#E69F00", "green": "#009E73", "pink": "#CC79A7",
    "red": "#D55E00", "black": "#000000", "grey": "#767676",
}  # fmt: skip
#: By how a name begins: colour and mark, in the order in which systems stand.
_LOOKS = (
    ("voicekit", "blue", "o"), ("voicekit, untrained", "sky", "v"), ("converted", "blue", "o"),
    ("vocoder", "blue", "o"), ("WORLD", "orange", "s"), ("Praat default", "pink", "v"), ("Praat AC", "green", "^"),
    ("Praat PSOLA", "green", "^"), ("overlap-add", "green", "^"), ("Griffin-Lim", "pink", "v"),
    ("HiFi-GAN", "red", "D"), ("flite rms", "orange", "s"), ("flite slt", "orange", "<"), ("flite", "orange", "D"),
    ("espeak-ng", "pink", "v"),
    ("Harvest", "orange", "s"), ("harvest", "orange", "s"), ("CREPE", "red", "D"), ("crepe", "red", "D"),
    ("the recording", "black", "*"), ("natural", "black", "*"), ("exact tone", "grey", "x"),
    ("as detuned", "grey", "x"),
)  # fmt: skip
_RC = {
    "svg.fonttype": "none", "svg.hashsalt": "voicekit", "font.size": 9, "font.family": "sans-serif",
    "axes.grid": True, "grid.color": "#d9d9d9", "grid.linewidth": 0.6, "axes.axisbelow": True,
    "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": "#444444", "axes.titlesize": 10,
    "axes.titlelocation": "left", "legend.frameon": False, "legend.fontsize": 8, "lines.markersize": 4.5,
    "lines.linewidth": 1.4, "figure.facecolor": "white", "savefig.facecolor": "white", "path.simplify": True,
}  # fmt: skip


@dataclass(frozen=True)
class Plot:
    """A picture that a benchmark has.

    Attributes
    ----------
    name : str
        Its file is ``BENCHMARK-NAME.svg``.
    title : str
        What it shows, in words: the text in its place for those who do not see it.
    make : callable
        From the benchmark's results to a figure of matplotlib; raises KeyError where the results do not hold it.
    """

    name: str
    title: str
    make: Callable[[dict[str, Any]], Any]


def _look(name: str) -> int:
    fitting = [(len(begins), -i) for i, (begins, *_) in enumerate(_LOOKS) if name.startswith(begins)]
    return -max(fitting)[1] if fitting else len(_LOOKS)


def in_order(names: Sequence[str]) -> list[str]:
    """Systems as they stand in every picture: ours, rivals, recordings, the measure's own error."""
    return sorted(names, key=lambda name: (_look(name), name))


def colour_of(name: str) -> str:
    """The colour of a system; a house voice has that of the house."""
    place = _look(name)
    return COLOURS[_LOOKS[place][1] if place < len(_LOOKS) else "blue"]


def mark_of(name: str) -> str:
    """The mark of a system."""
    place = _look(name)
    return _LOOKS[place][2] if place < len(_LOOKS) else "o"


def new(columns: int = 1, *, width: float = 7.2, height: float = 3.0, **options: Any) -> tuple[Any, list[Any]]:
    """A figure and its axes, side by side."""
    from matplotlib.figure import Figure  # an extra, and slow to import; never pyplot: it keeps what it draws

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(1, columns, squeeze=False, **options)[0]
    return figure, list(axes)


def draw(results: Path) -> list[tuple[str, str]]:
    """Draw what belongs to one result file, beside it.

    Parameters
    ----------
    results : Path
        ``NAME.json`` as `bench.report.Report.write` leaves it.

    Returns
    -------
    list of (str, str)
        File names and what they show; empty without matplotlib.

    Raises
    ------
    voicekit.errors.InputError
        It is no result file.
    """
    if importlib.util.find_spec("matplotlib") is None:
        say("matplotlib is not installed (pip install 'voicekit[bench]'): no pictures were drawn")
        return []
    import matplotlib

    from bench.figures import PLOTS

    try:
        record = json.loads(results.read_text(encoding="utf-8"))
        found: dict[str, Any] = record.get("results", record)
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(results, "", f"is no result of a benchmark ({error})", "measure again") from None
    made = []
    with matplotlib.rc_context(_RC):
        for plot in PLOTS.get(results.stem, ()):
            target = results.with_name(f"{results.stem}-{plot.name}.svg")
            try:
                figure = plot.make(found)
            except KeyError as missing:  # an older result, or one without the rivals
                say(f"{target.name}: not drawn, the results hold no {missing}")
                target.unlink(missing_ok=True)
                continue
            held = io.StringIO()
            figure.savefig(held, format="svg", metadata={"Date": None, "Creator": None, "Title": plot.title})
            aside = target.with_suffix(".partial")
            aside.write_text(_light(held.getvalue()), encoding="utf-8")
            aside.replace(target)
            made.append((target.name, plot.title))
    return made


def _light(svg: str) -> str:
    """The same picture in fewer bytes: a hundredth of a point is enough, and clips and comments are not needed."""
    svg = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<text.*?</text>|-?\d+\.\d{3,}", _rounded, svg, flags=re.DOTALL)
    svg = re.sub(r"; stroke-linecap: square|; stroke-linejoin: miter", "", svg)
    lines = (re.sub(r" *$", "", line).lstrip() for line in svg.splitlines())
    return "\n".join(line for line in lines if line) + "\n"


def _rounded(found: re.Match[str]) -> str:
    text = found.group()
    return text if text.startswith("<") else f"{float(text):.2f}".rstrip("0").rstrip(".")


def embed(text: str, made: Sequence[tuple[str, str]]) -> str:
    """A page with these pictures behind its first heading, in place of those it had."""
    text = _BLOCK.sub("", text)
    if not made:
        return text
    block = "\n".join([_BEGIN, *(f"![{title}]({name})\n" for name, title in made)]).rstrip() + f"\n{_END}\n"
    head, _, rest = text.partition("\n")
    return f"{head}\n\n{block}\n{rest.lstrip(chr(10))}"


def draw_all(folder: Path) -> int:
    """Draw everything in a folder of results and put it into the pages; how many pictures there are."""
    count = 0
    for results in sorted(folder.glob("*.json")):
        page = results.with_suffix(".md")
        if not page.is_file():
            continue
        made = draw(results)
        count += len(made)
        text = page.read_text(encoding="utf-8")
        if (new_text := embed(text, made)) != text:
            page.write_text(new_text, encoding="utf-8")
    return count


def main(argv: Sequence[str] | None = None) -> int:
    """Redraw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=RESULTS, help="folder of results")
    folder = parser.parse_args(argv).folder
    if not folder.is_dir():
        raise InputError(folder, "", "is no folder", "give the folder that a benchmark wrote its results to")
    say(f"{draw_all(folder)} pictures in {folder}")
    return 0


if __name__ == "__main__":
    command(main)
