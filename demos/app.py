"""The studio's page: one app, one file a tab.

Run it with ``voicekit studio``, or ``python -m demos.app``.
"""

from __future__ import annotations

import argparse
import atexit
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from demos.guard import LOOPBACK, Guard, is_loopback
from voicekit import UsageError
from voicekit.config import studio_folder

if TYPE_CHECKING:
    import gradio as gr

    from voicekit.studio import VoiceSource

__all__ = ["PASSWORD_VARIABLE", "build", "launch", "main"]

PASSWORD_VARIABLE = "VOICEKIT_STUDIO_PASSWORD"
"""Password of the page (user ``studio``); demanded where other machines can reach it."""

_HERE = Path(__file__).parent
_SCRIPTS = ("page.js", "hear.js")
_UPLOAD_LIMIT = "500mb"
_TITLE = "voicekit studio"


def build(studio_folder: str | Path | None = None, *, voices: VoiceSource | None = None) -> gr.Blocks:
    """Build the page; nothing is opened or created yet.

    Parameters
    ----------
    studio_folder : path, optional
        The studio, which need not exist; the usual place when None.
    voices : VoiceSource, optional
        Those shipped with voicekit when None.

    Returns
    -------
    gradio.Blocks
        Start it with `launch`, which closes the studio's folders to the outside.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read on import and again on launch
    import gradio as gr  # 3 s: not for `voicekit --help`

    from demos.consent import ConsentTab, FirstVisit, grant_update, grants_html
    from demos.convert import ConvertTab
    from demos.desk import Desk
    from demos.enrol import EnrolTab
    from demos.narrate import NarrateTab
    from demos.sing import SingTab
    from demos.verify import VerifyTab
    from demos.words import note, trouble_of

    with gr.Blocks(title=_TITLE, analytics_enabled=False, delete_cache=(3600, 86_400)) as page:
        desk = Desk(studio_folder, Path(page.GRADIO_CACHE), voices)
        first, narrate, sing, convert = FirstVisit(desk), NarrateTab(desk), SingTab(desk), ConvertTab(desk)
        enrol = EnrolTab(desk)
        verify, consent = VerifyTab(desk), ConsentTab(desk)
        gr.HTML(
            f"<div class='vk-top'><h1>{_TITLE}</h1>"
            "<p>Every sound is made under a signed grant, and anyone can check it.</p></div>"
        )
        trouble = gr.HTML("", elem_id="studio-trouble")
        with gr.Column(visible=not desk.exists, elem_id="first-visit") as panel:
            first.build()
        with gr.Column(visible=desk.exists, elem_id="studio") as rooms, gr.Tabs():
            with gr.Tab("Narrate", id="narrate"):
                narrate.build()
            with gr.Tab("Sing", id="sing") as singing:
                sing.build()
            with gr.Tab("Convert", id="convert") as converting:
                convert.build()
            with gr.Tab("Enrol", id="enrol") as enrolling:
                enrol.build()
            with gr.Tab("Verify", id="verify"):
                verify.build()
            with gr.Tab("Consent", id="consent"):
                consent.build()
        place = gr.HTML("", elem_id="studio-place")

        def refresh(chosen: str = "") -> tuple[Any, ...]:
            problem = ""
            try:
                grants, here = desk.grants(), desk.voices_here()
                size = desk.studio().ledger.size() if desk.exists else 0
            except Exception as error:
                grants, here, size, problem = (), frozenset(), 0, trouble_of(error).html()
            delivered = desk.delivered()
            newest = delivered[0][1] if delivered else None
            ready = any(grant.usable for grant in grants)
            # A studio whose grants are all used up or revoked keeps its rooms: there is something to see.
            begin = not ready and not grants and not problem
            where = f"Studio {desk.folder}" + (f" · {size} ledger entries" if size else " · not made yet")
            return (
                problem,
                gr.update(visible=begin),
                gr.update(visible=not begin),
                # A grant may stand for a voice that is not built yet, or for takes of one's own.
                *grant_update(
                    tuple(g for g in grants if g.voice in here and "speech" in g.modes), usable_only=True, keep=chosen
                ),
                gr.update(choices=delivered, value=newest),
                newest,
                grants_html(grants),
                *grant_update(grants, usable_only=False),
                note(where),
            )

        refreshed: list[Any] = [
            trouble,
            panel,
            rooms,
            narrate.grant,
            narrate.grant_id,
            verify.delivered,
            verify.delivered_name,
            consent.shown,
            consent.grant,
            consent.grant_id,
            place,
        ]
        again: dict[str, Any] = {
            "fn": refresh,
            "inputs": narrate.grant_id,
            "outputs": refreshed,
            "show_progress": "hidden",
            "api_visibility": "private",
        }
        first.wire(again)
        narrate.wire(again)
        sing.wire(singing, again)
        convert.wire(converting, again)
        enrol.wire(page, enrolling, again)
        verify.wire()
        consent.wire(again)
        page.load(**again)

        def grants() -> list[dict[str, Any]]:
            """List the grants of this studio: whose voice, under which grant, and what is left of it."""
            return [asdict(grant) for grant in desk.grants()]

        gr.api(grants, api_name="grants")
        page.desk = desk  # type: ignore[attr-defined] # for whoever launches it
    return page


def launch(
    page: gr.Blocks, *, host: str = "127.0.0.1", port: int | None = 7860, wait: bool = False, quiet: bool = False
) -> str:
    """Serve a page.

    Parameters
    ----------
    page : gradio.Blocks
        From `build`.
    host : str
        Address to listen on.
    port : int or None
        None: any that is free.
    wait : bool
        Return only when the server ends.
    quiet : bool

    Returns
    -------
    str
        Address of the page.

    Raises
    ------
    UsageError
        The port is taken; or others could reach the page and there is no password.
    """
    from starlette.middleware import Middleware

    from demos.hearing import ListeningRoute

    password = os.environ.get(PASSWORD_VARIABLE, "")
    local = is_loopback(host)
    if not local and not password:
        raise UsageError(
            f"on {host} everybody who reaches this machine could use and revoke your grants",
            f"set a password in ${PASSWORD_VARIABLE} (the user is `studio`), or listen on 127.0.0.1",
        )
    desk = page.desk  # type: ignore[attr-defined]
    closed = [desk.folder / name for name in ("ledger", "ledger.highwater", "takes", "out")]
    page.queue(default_concurrency_limit=4, max_size=64)
    _not_through_a_proxy(host)
    try:
        _, address, _ = page.launch(
            server_name=host,
            server_port=port,
            share=False,
            inbrowser=False,
            prevent_thread_lock=True,
            quiet=True,
            show_error=False,
            auth=("studio", password) if password else None,
            allowed_paths=[],
            blocked_paths=[str(path) for path in closed],
            max_file_size=_UPLOAD_LIMIT,
            footer_links=["api"],
            strict_cors=True,
            ssr_mode=False,
            enable_monitoring=False,
            mcp_server=False,
            run_history=False,  # it would keep every text in the browser
            _frontend=False,  # skips a test of its own address that a slow machine or a proxy fails
            theme=_theme(),
            css=(_HERE / "page.css").read_text(encoding="utf-8"),
            head=_head(),
            app_kwargs={
                "middleware": [
                    Middleware(Guard, local_only=local),  # type: ignore[arg-type]
                    Middleware(ListeningRoute, ears=desk.ears),  # type: ignore[arg-type]
                ]
            },
        )
    except OSError as problem:
        raise UsageError(f"cannot listen on {host}, port {port}: {problem}", "choose another --port") from problem
    if not quiet:
        print(f"voicekit studio: {address} (studio folder {desk.folder}); stop with Ctrl-C", file=sys.stderr)
    if wait:
        try:
            page.block_thread()
        finally:
            desk.close()
    return str(address)


def main(argv: Sequence[str] | None = None) -> int:
    """Serve the studio's page until it is stopped.

    Parameters
    ----------
    argv : sequence of str, optional
        ``--host H --port P --studio DIR``.

    Returns
    -------
    int
        Exit code.
    """
    parser = argparse.ArgumentParser(prog="voicekit studio", description="The studio in a browser.")
    parser.add_argument("--host", default="127.0.0.1", metavar="H", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=7860, metavar="P", help="port to listen on (7860)")
    parser.add_argument("--studio", metavar="DIR", help="studio folder")
    args = parser.parse_args(argv)
    folder = studio_folder(args.studio).absolute()
    _own_cache(folder)
    launch(build(folder), host=args.host, port=args.port, wait=True)
    return 0


def _own_cache(folder: Path) -> None:
    """Uploads and handed-out files lie in the studio, closed to other users, and go when the server goes."""
    cache = folder / ".page"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # the mode counts for the last folder alone
        cache.mkdir(mode=0o700, exist_ok=True)
        for old in cache.iterdir():  # of a server that was killed
            if time.time() - old.stat().st_mtime > 2 * 86_400:
                shutil.rmtree(old, ignore_errors=True)
        own = tempfile.mkdtemp(dir=cache)
    except OSError as problem:
        raise UsageError(
            f"{folder}: cannot be written ({problem.strerror})", "name another folder with --studio"
        ) from problem
    os.environ["GRADIO_TEMP_DIR"] = own
    atexit.register(shutil.rmtree, own, ignore_errors=True)


def _not_through_a_proxy(host: str) -> None:
    """The server asks itself to start its queue; with a proxy in the environment it would ask that."""
    for name in ("NO_PROXY", "no_proxy"):
        known = [part for part in os.environ.get(name, "").split(",") if part]
        wanted = [one for one in (*LOOPBACK, host) if one not in known]
        os.environ[name] = ",".join([*known, *wanted])


def _theme() -> gr.themes.Base:
    """Fonts of the machine itself: nothing is fetched from anywhere."""
    import gradio as gr  # see build

    return gr.themes.Base(
        primary_hue="teal",
        secondary_hue="blue",
        neutral_hue="slate",
        radius_size="md",
        font=("system-ui", "-apple-system", "Segoe UI", "Noto Sans", "sans-serif"),
        font_mono=("ui-monospace", "Consolas", "monospace"),
    ).set(
        # Darker than the theme's own: text must stand out from its ground by 4.5 to 1, controls by 3 to 1.
        button_primary_background_fill="#0b6b57",
        button_primary_background_fill_hover="#09594a",
        button_primary_background_fill_dark="#0b6b57",
        button_primary_background_fill_hover_dark="#09594a",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_300",
        block_title_text_color="*neutral_800",
        block_title_text_color_dark="*neutral_100",
        block_label_text_color="*neutral_700",
        block_label_text_color_dark="*neutral_200",
        color_accent="#0b6b57",
        slider_color="#0b6b57",
        checkbox_background_color_selected="#0b6b57",
        checkbox_border_color="*neutral_500",
        checkbox_border_color_selected="#0b6b57",
        input_border_color="*neutral_400",
        input_border_width="1px",
        input_background_fill="white",
        button_secondary_border_color="*neutral_400",
        button_cancel_background_fill="#b3261e",
        button_cancel_background_fill_hover="#8f1d17",
        button_cancel_text_color="white",
        button_cancel_background_fill_dark="#b3261e",
        button_cancel_background_fill_hover_dark="#8f1d17",
        button_cancel_text_color_dark="white",
        input_background_fill_dark="*neutral_800",
        input_border_color_dark="*neutral_500",
        button_border_width="1px",
    )


def _head() -> str:
    return "".join(f"<script>{(_HERE / name).read_text(encoding='utf-8')}</script>" for name in _SCRIPTS)


if __name__ == "__main__":
    sys.exit(main())
