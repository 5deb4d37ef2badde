"""What a command line asks for, told without Typer: it may be that nothing else of ebrule is loaded yet."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_OUTPUT = re.compile(r"--output(=(?P<long>.*))?|-[a-zA-Z]*?o(?P<short>.*)")


def wants_json(arguments: Sequence[str]) -> bool:
    """Return whether the last ``--output`` of a command line asks for JSON."""
    asked = ""
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=False):
        match = _OUTPUT.fullmatch(argument)
        if match:
            asked = match["long"] or match["short"] or following
    return asked == "json"
