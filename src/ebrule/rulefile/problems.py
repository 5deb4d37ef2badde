"""Every problem that can be found in a file as a file: its stable id, what it says, and what to do next."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from ebrule.errors import InvalidRuleError, Problem, Source

if TYPE_CHECKING:
    from ebrule.rulefile.places import Path, Place

# Doubled braces stand for single ones.
WORDINGS: Final[dict[str, tuple[str, str]]] = {
    # The file.
    "file-not-found": ("there is no such file", "check the path and the current folder"),
    "not-a-file": ("it is {what}", "give the path of a file, or - for standard input"),
    "empty-folder": (
        "there is no *.yaml, *.yml or *.json in this folder",
        "give the folder of the rule files; what is hidden, and linked folders, are not searched",
    ),
    "unreadable-file": ("it cannot be read: {reason}", "check what it is and its permissions"),
    "file-too-large": ("it is larger than {limit} bytes", "make it smaller, or make several files of it"),
    "not-utf8": ("{message}", "save the file in UTF-8"),
    "empty-file": ("there is nothing in this file", "write something into it, or check what should have written it"),
    # Its form.
    "json-syntax": (
        "{message}",
        "JSON takes double quotes only, no comments, and no comma after the last entry",
    ),
    "yaml-syntax": ("{message}", "{hint}"),
    "control-character": (
        "the control character {code} cannot stand in YAML as it is",
        "remove it, or write its escape in double quotes",
    ),
    "invalid-escape": ("{what} stands for no character", "{hint}"),
    "directive": ("{text} is a directive; ebrule takes none", "remove the line"),
    "two-documents": (
        "a second document begins here; a file holds one",
        "write each into a file of its own",
    ),
    "not-a-mapping": (
        "the file holds {what}; it should hold a mapping of keys to values",
        'write lines of "key: value"',
    ),
    "too-deep": (
        "mappings and lists stand in one another more than {limit} levels deep here",
        "far fewer are needed: check the brackets and the indentation",
    ),
    "alias": (
        "{text} is an alias or an anchor; ebrule takes none",
        "write the value out in each place; if it is text, put it in double quotes",
    ),
    "tag": (
        "{text} is a tag; ebrule takes none",
        "remove it; to make a value text, put the value in double quotes",
    ),
    # Keys.
    "merge-key": (
        '"<<" merges another mapping into this one; ebrule takes no merge keys',
        "write the entries out",
    ),
    "non-string-key": ("the key {text} is not text", "put the key in double quotes, or write a name"),
    "duplicate-key": (
        "{text} appears twice in this mapping; first at line {line}",
        "keep one of the two; the first is at line {line}, column {column}",
    ),
    # Values.
    "ambiguous-scalar": ("{subject} means different things to different readers of YAML", "{hint}"),
    "number-too-long": (
        "{text} has more than {limit} digits",
        "write a shorter number, or put it in double quotes if it is text",
    ),
    "number-too-large": (
        "{text} is larger than any number that can be stored",
        "write a smaller number, or put it in double quotes if it is text",
    ),
    "not-a-number": ("{text} is no number that JSON can hold", "write a number, or null"),
    "unset-variable": (
        "the environment variable {name} is not set, or empty",
        "set {name}, or remove {reference} from the file",
    ),
    "invalid-variable": (
        "the environment variable {name} holds bytes that are not UTF-8",
        "set {name} to text in UTF-8",
    ),
    "substitution-too-large": (
        "the environment variables put more than {limit} characters into this file",
        "use each where it is needed only; a rule takes far fewer characters",
    ),
    "misplaced-keep": (
        "${{keep}} stands inside a longer text; it can only keep a value as a whole",
        'write "${{keep}}" alone, or "$${{" for a literal "${{"',
    ),
    "unknown-substitution": (
        "{text} is no substitution: there are ${{env:NAME}}, ${{var:NAME}} and ${{keep}}",
        'for a literal "${{" write "$${{"',
    ),
}


def problem(kind: str, *, path: Path = (), place: Place | None = None, **parts: Any) -> Problem:
    """A problem in words.

    Args:
        kind: Its id.
        path: Where in the data.
        place: Where in the text.
        parts: What fills the gaps of the wording.
    """
    message, hint = (wording.format(**parts) for wording in WORDINGS[kind])
    found = Problem(kind, message, path, hint)
    return found if place is None else found._replace(**place._asdict())


def invalid(problems: list[Problem], source: Source) -> InvalidRuleError:
    """The error that tells of all problems of a file."""
    if len(problems) == 1:
        (only,) = problems
        return InvalidRuleError(f"{source.name}: {only.message}", problems, source=source, hint=only.hint)
    return InvalidRuleError(f"{source.name}: {len(problems)} problems", problems, source=source)


def quoted(text: str) -> str:
    """Text as a message shows it: in double quotes, cut where it gets long."""
    longest = 40
    return json.dumps(text if len(text) <= longest else text[: longest - 1] + "…", ensure_ascii=False)
