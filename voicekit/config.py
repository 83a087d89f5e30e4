"""Where a studio lies and other choices of the surroundings."""

from __future__ import annotations

import os
from os import PathLike
from pathlib import Path

__all__ = ["STUDIO_VARIABLE", "studio_folder"]

STUDIO_VARIABLE = "VOICEKIT_STUDIO"
"""Environment variable that names the studio folder."""


def studio_folder(folder: str | PathLike[str] | None = None) -> Path:
    """The studio folder to use.

    Parameters
    ----------
    folder : path, optional
        What the caller asked for (``--studio``); wins over everything else.

    Returns
    -------
    pathlib.Path
        ``folder``, else ``$VOICEKIT_STUDIO``, else ``studio`` in the platform's
        data folder for voicekit.  It need not exist.
    """
    if folder is not None:
        return Path(folder).expanduser()
    named = os.environ.get(STUDIO_VARIABLE, "")
    if named:
        return Path(named).expanduser()
    import platformdirs  # only where nothing was named: keeps start-up short

    return Path(platformdirs.user_data_dir("voicekit", appauthor=False)) / "studio"
