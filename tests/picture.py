"""The README's picture: real runs on a terminal, drawn as SVG from what they print, colours and all.

``python tests/picture.py`` draws it anew.
"""

from __future__ import annotations

import fcntl
import io
import os
import pty
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from readme import ROOT, settled

PICTURE = ROOT / ".github" / "images" / "run.svg"
COLUMNS = 120
COMMANDS = [
    "ebrule validate examples/broken.yaml",
    "ebrule update --rule-id demo-rule --file examples/rule.yaml --region sandbox",
    "ebrule update --rule-id demo-rule --file examples/rule.yaml --region sandbox --expect-version 7",
]

THEME = TerminalTheme(
    (22, 27, 34),
    (221, 226, 232),
    [(22, 27, 34), (255, 123, 114), (126, 231, 135), (242, 204, 96), (121, 192, 255), (210, 168, 255), (86, 212, 221),
     (221, 226, 232)],
)  # fmt: skip

# Rich's own frame asks a server for its font; this one takes what the reader has.
FRAME = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img" aria-label="ebrule on a terminal">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font: 16px system-ui, sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def on_a_terminal(command: str, home: Path) -> str:
    """Run a command as a user with a terminal would; return what it prints, with its colours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
    environ = {
        "HOME": str(home),
        "LOGNAME": "ada",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "TERM": "xterm-256color",
        "EBRULE_STATE_DIR": str(home / ".local/state/ebrule"),
    }
    with subprocess.Popen(
        ["bash", "-c", command], cwd=home, env=environ, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        printed = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # how Linux says that nobody holds the other end any more
                piece = b""
            if not piece:
                break
            printed += piece
    os.close(ours)
    status = f"\x1b[2m[exit {process.returncode}]\x1b[0m\n" if process.returncode else ""
    return printed.decode().replace("\r\n", "\n") + status


def draw() -> str:
    """Return the picture of the commands' runs."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        shutil.copytree(ROOT / "examples", home / "examples")
        for command in COMMANDS:
            console.print(Text.assemble(("$ ", "bold green"), (command, "bold")), soft_wrap=True)
            printed = settled(on_a_terminal(command, home), home)
            console.print(Text.from_ansi(printed.rstrip()), end="\n\n")
    return console.export_svg(title="ebrule", theme=THEME, code_format=FRAME, unique_id="ebrule")


def main() -> None:
    """Draw the picture into its file."""
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(draw())


if __name__ == "__main__":
    main()
