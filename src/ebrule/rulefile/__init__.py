"""Text of a rule file ⇄ plain data, with the place of every key and value.

The only room that knows YAML. It knows nothing of rules: which keys there are and what they may hold is
decided elsewhere, by pointing back into a ``Document`` when something is wrong.

A file is YAML or JSON, one document, at most 256 KiB and 20 levels deep. What two readers of YAML could
understand differently is refused, and so is all that a rule has no use for: aliases, merge keys, tags.
"""

from __future__ import annotations

from functools import partial
from typing import IO, TYPE_CHECKING

from ebrule.rulefile.builder import MAX_DEPTH, Builder, Stop
from ebrule.rulefile.document import KEEP, Document, Keep
from ebrule.rulefile.files import MAX_BYTES, read_text
from ebrule.rulefile.folders import rule_files
from ebrule.rulefile.json_reader import JSON as _JSON
from ebrule.rulefile.json_reader import SYNTAX as _JSON_SYNTAX
from ebrule.rulefile.json_reader import read_json
from ebrule.rulefile.places import Path, Place
from ebrule.rulefile.unwritable import unwritable
from ebrule.rulefile.yaml_reader import read_yaml
from ebrule.rulefile.yaml_writer import comment_lines, dump_yaml

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

__all__ = [
    "KEEP",
    "MAX_BYTES",
    "MAX_DEPTH",
    "Document",
    "Keep",
    "Path",
    "Place",
    "comment_lines",
    "dump_yaml",
    "load",
    "parse",
    "read_text",
    "rule_files",
    "unwritable",
]


def load(
    path: str | os.PathLike[str],
    *,
    environ: Mapping[str, str] | None,
    stdin: IO[bytes] | None = None,
    tolerant: bool = False,
    allow_unset: bool = False,
) -> Document:
    """Read and parse a rule file; ``-`` is standard input.

    Args:
        path: The file.
        environ: As for ``parse``.
        stdin: What ``-`` reads; the process's own standard input if None.
        tolerant: As for ``parse``.
        allow_unset: As for ``parse``.

    Raises:
        InvalidRuleError: The file cannot be read, or its text is not right; holds every problem found.
    """
    name, text = read_text(path, stdin)
    return parse(text, name, environ=environ, tolerant=tolerant, allow_unset=allow_unset)


def parse(
    text: str,
    name: str,
    *,
    environ: Mapping[str, str] | None,
    tolerant: bool = False,
    allow_unset: bool = False,
    quotes_make_text: bool = False,
) -> Document:
    """Turn the text of a rule file into data with places.

    Args:
        text: The whole text. A leading byte order mark is ignored.
        name: The file's name as the user gave it. If it ends in ``.json``, the text must be strict JSON.
        environ: Where ``${env:NAME}`` and ``${var:NAME}`` find their values; if None, ``${`` is text as any other.
        tolerant: Give the document also where it has problems, in its ``problems``, as long as the text could be
            read to its end and holds a mapping: what is wrong with the data can then be told in the same run.
        allow_unset: Report a variable that is not set as a warning, and not as an error.
        quotes_make_text: Whether ``"${var:NAME}"`` is text in JSON too, and not what JSON makes of the value.

    Raises:
        InvalidRuleError: Holds every problem that could be found, at most 100 errors.
    """
    text = text.removeprefix("\ufeff")

    def built(read: Callable[[str, Builder], None]) -> Builder:
        """Run one reader over the text, as far as it gets."""
        builder = Builder(text, name, environ, allow_unset=allow_unset)
        try:
            builder.check_text()
            read(text, builder)
            builder.check_root()
        except Stop:
            pass  # the reason is among the builder's problems
        return builder

    as_json = partial(read_json, notation=None if quotes_make_text else _JSON)
    if name.lower().endswith(".json"):
        return built(as_json).document(tolerant=tolerant)
    # JSON is almost YAML, but for surrogate escapes, tabs, and numbers such as 1e5: JSON is read as JSON.
    if text.lstrip().startswith(("{", "[")):
        builder = built(as_json)
        if not any(problem.id == _JSON_SYNTAX for problem in builder.problems):
            return builder.document(tolerant=tolerant)
    return built(read_yaml).document(tolerant=tolerant)
