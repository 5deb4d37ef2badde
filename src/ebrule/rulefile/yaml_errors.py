"""What is wrong with a text that is no YAML, read from the text itself at the places where the parser stopped.

The parser's sentences are not read: the C parser and the pure-Python one word theirs differently, and so do their
releases. What they agree on is the type of the error and its two marks. A ``ScannerError`` is about one token, and its
context mark is where that token begins; a ``ParserError`` is about a token that cannot come next, and its context mark
is where the mapping or list around it begins. Where there is no context, or it is at the problem itself, the problem
is all that is known.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

from yaml.parser import ParserError
from yaml.scanner import ScannerError

from ebrule.rulefile.problems import quoted

if TYPE_CHECKING:
    import yaml

    from ebrule.rulefile.builder import Builder

SYNTAX: Final = "yaml-syntax"


class _Explanation(NamedTuple):
    """``{line}`` is where the surrounding thing began."""

    message: str
    hint: str


_TAB: Final = _Explanation("a tab stands where only spaces may", "put spaces in its place")
_SUBSTITUTION: Final = _Explanation(
    "a ${…} stands unquoted between brackets",
    'for text, put it in double quotes: "${…}"; for a number, write one entry on each line, without brackets',
)
_NO_VALUE: Final = _Explanation(
    "a value must stand here", "add the value, or quote the text if it begins with a special character"
)
_MORE_TEXT: Final = _Explanation(
    "the document has ended, yet more text follows",
    "check the brackets and the indentation; a rule file holds one rule",
)
_OPEN_QUOTE: Final = _Explanation("the quote that opens here is never closed", "add the closing quote")
_NO_KEY: Final = _Explanation(
    'this is neither "key: value" nor part of the value above',
    'add ": " after the key, or indent the line further than the key above',
)
_BLOCK_TEXT: Final = _Explanation(
    'after "|" or ">" the text must begin on the next line', "move the text to the next line and indent it, or quote it"
)
_TIGHT_COLON: Final = _Explanation(
    'a ":" between brackets needs a space after it', "add the space, or quote the text that holds the colon"
)
_GENERAL_HINT: Final = "put texts in double quotes, and check the indentation"

# By the character that the parser stopped at.
_MISPLACED: Final = {
    ":": _Explanation(
        'a ":" stands where no key can be',
        'quote a text that holds ": "; if this is a key, check its indentation and the line above',
    ),
    "?": _Explanation('a "? " stands where no key can be', "quote the text"),
    "-": _Explanation(
        'a "- " stands where no list item can be',
        "begin the list on a line of its own, or quote the text if it is none",
    ),
}
_CANNOT_BEGIN: Final = frozenset("@`%|>")

# By the first character of the mapping or list that does not go on so; what has none of them is a block.
_SEPARATOR: Final = 'add it, or quote the text if it holds one of , [ ] { } or ": "'
_BRACKETED: Final = {
    "[": _Explanation('the list that begins at line {line} goes on wrongly here: "," or "]" is missing', _SEPARATOR),
    "{": _Explanation(
        'the mapping that begins at line {line} goes on wrongly here: "," or "}}" is missing', _SEPARATOR
    ),
}
_BLOCK: Final = _Explanation(
    "this does not go on with the block that begins at line {line}",
    "indent the entries of a block alike; after a closing quote nothing may follow",
)

# What would be refused if it were well-formed, too.
_REFUSED_ANYHOW: Final = {"!": "tag", "*": "alias", "&": "alias"}

# What may stand between the quotes, piece by piece.
_QUOTED: Final = {
    "'": re.compile(r"[^']+|''"),
    '"': re.compile(
        r"""[^"\\]+ | \\(?: [0abt\tnvfre "/\\N_LP] | \r\n | [\r\n]
        | x[0-9a-fA-F]{2} | u(?![dD][89a-fA-F])[0-9a-fA-F]{4} | U00(?:0[0-9a-fA-F]|10)[0-9a-fA-F]{4} )""",
        re.VERBOSE,
    ),
}


def beginning(error: yaml.MarkedYAMLError) -> int:
    """Return the offset at which that begins which an error is about: before it, the text may be right."""
    mark = error.context_mark or error.problem_mark
    return mark.index if mark else 0


def stop_at_error(error: yaml.MarkedYAMLError, text: str, builder: Builder) -> NoReturn:
    """Report what the parser did not like.

    Raises:
        Stop: Always.
    """
    begin = beginning(error)
    at = error.problem_mark.index if error.problem_mark else begin
    if isinstance(error, ScannerError) or begin == at:
        _refuse_anyhow(text, begin, builder)
    if isinstance(error, ScannerError) and begin < at:
        _stop_in_token(text, begin, at, builder)
    if isinstance(error, ParserError) and error.context_mark and begin < at:
        around = _BRACKETED.get(text[begin], _BLOCK) if builder.in_brackets else _BLOCK  # a block's key may be a list
        around = around._replace(message=around.message.format(line=error.context_mark.line + 1))
        _stop(_SUBSTITUTION if text[at - 1 : at + 1] == "${" else around, at, builder)
    _stop(_explain(error, text[at : at + 1]), at, builder)


def stop_at_escape(start: int, builder: Builder) -> NoReturn:
    r"""Report the escape sequence whose backslash stands at an offset.

    Raises:
        Stop: Always.
    """
    hint = r"write the character itself; for a backslash write \\ or use single quotes"
    builder.stop("invalid-escape", start, start + 2, what="this escape", hint=hint)


def _stop(explanation: _Explanation, at: int, builder: Builder) -> NoReturn:
    builder.stop(SYNTAX, at, at, **explanation._asdict())


def _refuse_anyhow(text: str, begin: int, builder: Builder) -> None:
    """Report a tag, an alias, an anchor or a directive as such, however it goes on."""
    sign = text[begin : begin + 1]
    begins_line = begin == 0 or text[begin - 1] in "\r\n"
    kind = "directive" if sign == "%" and begins_line else _REFUSED_ANYHOW.get(sign)
    if kind:
        word = text[begin:].split(maxsplit=1)[0]
        builder.stop(kind, begin, begin + len(word), text=quoted(word))


def _stop_in_token(text: str, begin: int, at: int, builder: Builder) -> NoReturn:
    """Report a token that begins at one offset and is wrong at a later one."""
    opener, found = text[begin], text[at : at + 1]
    if found == "\t":
        _stop(_TAB, at, builder)
    if pieces := _QUOTED.get(opener):
        _stop_at_quote(text, begin, at, pieces, builder)
    if opener in "|>":
        _stop(_BLOCK_TEXT, at, builder)
    if found == ":" and text[at + 1 : at + 2] in tuple(",[]{}?"):
        _stop(_TIGHT_COLON, at, builder)
    _stop(_NO_KEY, begin, builder)


def _stop_at_quote(text: str, begin: int, at: int, pieces: re.Pattern[str], builder: Builder) -> NoReturn:
    """Report what is wrong with a text in quotes, of which the parser read the part up to ``at``."""
    end = begin + 1
    while piece := pieces.match(text, end, at):
        end = piece.end()
    stopped_at = text[end : end + 1]
    if stopped_at == "\\":
        stop_at_escape(end, builder)
    is_closed = end < at and stopped_at == text[begin]
    _stop(_NO_KEY if is_closed else _OPEN_QUOTE, begin, builder)


def _explain(error: yaml.MarkedYAMLError, found: str) -> _Explanation:
    """Explain an error of which nothing is known but the character that it is at."""
    if found == "\t":
        return _TAB
    if isinstance(error, ParserError) and error.context_mark is None:  # nothing is open any more
        return _MORE_TEXT
    if found in _MISPLACED:
        return _MISPLACED[found]
    if isinstance(error, ParserError):
        return _NO_VALUE
    if found in _CANNOT_BEGIN:
        return _Explanation(f"an unquoted text cannot begin with {quoted(found)}", "put the text in double quotes")
    # The parser's own words, for whoever searches for them.
    detail = f"; the parser says {quoted(error.problem)}" if error.problem else ""
    return _Explanation(f"this is not YAML{detail}", _GENERAL_HINT)
