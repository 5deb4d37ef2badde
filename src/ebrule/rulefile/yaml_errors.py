"""The parser's complaints, in a user's words. The C and the pure-Python parser word theirs differently."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

from ebrule.rulefile.problems import quoted

if TYPE_CHECKING:
    import yaml

    from ebrule.rulefile.builder import Builder

SYNTAX: Final = "yaml-syntax"


class _Explanation(NamedTuple):
    """A complaint that holds one of ``words``; ``{line}`` is where the surrounding thing began."""

    words: tuple[str, ...]
    message: str
    hint: str


_EXPLANATIONS: Final = (
    _Explanation(
        ("mapping values are not allowed",),
        'a ":" stands where no key can be',
        'quote a text that holds ": "; if this is a key, check its indentation and the line above',
    ),
    _Explanation(
        ("mapping keys are not allowed",),
        'a "? " stands where no key can be',
        "quote the text",
    ),
    _Explanation(
        ("sequence entries are not allowed",),
        'a "- " stands where no list item can be',
        "begin the list on a line of its own, or quote the text if it is none",
    ),
    _Explanation(
        ("',' or ']'",),
        'the list that begins at line {line} goes on wrongly here: "," or "]" is missing',
        'add it, or quote the text if it holds one of , [ ] { } or ": "',
    ),
    _Explanation(
        ("',' or '}'",),
        'the mapping that begins at line {line} goes on wrongly here: "," or "}}" is missing',
        'add it, or quote the text if it holds one of , [ ] { } or ": "',
    ),
    _Explanation(
        ("did not find expected key", "expected <block end>", "'-' indicator"),
        "this does not go on with the block that begins at line {line}",
        "indent the entries of a block alike; after a closing quote nothing may follow",
    ),
    _Explanation(
        ("unexpected ':'",),
        'a ":" between brackets needs a space after it',
        "add the space, or quote the text that holds the colon",
    ),
    _Explanation(
        ("node content",),
        "a value must stand here",
        "add the value, or quote the text if it begins with a special character",
    ),
    _Explanation(
        ("<document start>",),
        "the document has ended, yet more text follows",
        "check the brackets and the indentation; a rule file holds one rule",
    ),
    _Explanation(
        ("chomping or indentation", "indentation indicator", "comment or line break", "comment or a line"),
        'after "|" or ">" the text must begin on the next line',
        "move the text to the next line and indent it, or quote it",
    ),
)
# These are told by where the thing began, not by where the parser gave up.
_UNFINISHED: Final = (
    _Explanation(
        ("unexpected end of stream", "unexpected document"),
        "the quote that opens here is never closed",
        "add the closing quote",
    ),
    _Explanation(
        ("could not find expected ':'",),
        'this is neither "key: value" nor part of the value above',
        'add ": " after the key, or indent the line further than the key above',
    ),
)

# What would be refused if it were well-formed, too, by the end of the context and by its first character.
_REFUSED_ANYHOW: Final = (" tag", " alias", " anchor", " directive")
_BY_SIGN: Final = {"!": "tag", "*": "alias", "&": "alias", "%": "directive"}


def stop_at_error(error: yaml.MarkedYAMLError, text: str, builder: Builder) -> NoReturn:
    """Report what the parser did not like.

    Raises:
        Stop: Always.
    """
    complaint, context = error.problem or "", error.context or ""
    at = error.problem_mark.index if error.problem_mark else 0
    beginning = error.context_mark or error.problem_mark
    begin, line = (beginning.index, beginning.line + 1) if beginning else (0, 1)
    if context.endswith(_REFUSED_ANYHOW) or "tag handle" in complaint:
        word = text[begin:].split(maxsplit=1)[0]
        builder.stop(_BY_SIGN[word[0]], begin, begin + len(word), text=quoted(word))
    if "escape" in complaint or "hexdecimal" in complaint:
        stop_at_escape(text, at, builder)
    for explanation in _UNFINISHED:
        if any(words in complaint for words in explanation.words):
            builder.stop(SYNTAX, begin, begin, message=explanation.message, hint=explanation.hint)
    message, hint = _explain(complaint, text[max(0, at - 1) : at + 1], at, line)
    builder.stop(SYNTAX, at, at, message=message, hint=hint)


def stop_at_escape(text: str, at: int, builder: Builder) -> NoReturn:
    r"""Report the escape sequence whose backslash stands before an offset.

    Raises:
        Stop: Always.
    """
    start = text.rfind("\\", 0, at + 1)
    hint = r"write the character itself; for a backslash write \\ or use single quotes"
    builder.stop("invalid-escape", start, start + 2, what="this escape", hint=hint)


def _explain(complaint: str, around: str, at: int, line: int) -> tuple[str, str]:
    """What to say, and what to do; ``around`` is the character complained of, after the one before it."""
    if around == "${" and at:
        hint = 'for text, put it in double quotes: "${…}"; for a number, write one entry on each line, without brackets'
        return "a ${…} stands unquoted between brackets", hint
    if "tab character" in complaint or ("start any token" in complaint and around.endswith("\t")):
        return "a tab stands where only spaces may", "put spaces in its place"
    if "start any token" in complaint:
        return f"an unquoted text cannot begin with {quoted(around[-1:])}", "put the text in double quotes"
    for explanation in _EXPLANATIONS:
        if any(words in complaint for words in explanation.words):
            return explanation.message.format(line=line), explanation.hint
    return f"this is not YAML: {complaint}", "put texts in double quotes, and check the indentation"
