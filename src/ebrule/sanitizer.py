"""The sanitiser: text from a file or a server, made safe to print anywhere.

What a terminal or a pipeline would obey is spelled out, and so is what a reader cannot see. Invisible characters that
are part of how people write stay where they do their work:

- the joiners U+200C and U+200D between letters of a script that has them, such as Arabic or Devanagari;
- U+200D between two emoji;
- the selectors U+FE0E and U+FE0F after an emoji, or in a keycap: a digit, U+FE0F, U+20E3.
"""

from __future__ import annotations

import re
from typing import Final

_UNPRINTABLE: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but newline and tab, DEL and C1
    r"\ud800-\udfff"  # halves of surrogate pairs, which no encoding can print
    r"\u2028\u2029"  # line and paragraph separators
    # Format characters (category Cf): what changes the direction of text, tags, annotations, and the like.
    r"\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    r"\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    # What else is not seen (default ignorable code points): fillers, and selectors of variants.
    r"\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)
_WORKFLOW_COMMAND: Final = re.compile(r"^(\s*):(?=:)", re.MULTILINE)

_ZWNJ, _ZWJ = "\u200c", "\u200d"
_PRESENTATIONS: Final = frozenset("\ufe0e\ufe0f")
_KEYCAP: Final = "\u20e3"
# Blocks of scripts whose letters take other forms beside a joiner: Arabic and its neighbours, those of South and
# South-East Asia, Mongolian.
_JOINED_SCRIPTS: Final = (
    (0x0620, 0x0DFF),
    (0x0F00, 0x109F),
    (0x1700, 0x18AF),
    (0x1A20, 0x1BFF),
    (0xA800, 0xABFF),
    (0xFB50, 0xFDFF),
    (0xFE70, 0xFEFC),
    (0x10A00, 0x11FFF),
    (0x1E900, 0x1E95F),
)
# Blocks that have emoji in them, and the few that stand alone.
_EMOJI: Final = (
    (0x00A9, 0x00A9),
    (0x00AE, 0x00AE),
    (0x203C, 0x203C),
    (0x2049, 0x2049),
    (0x2122, 0x2122),
    (0x2139, 0x2139),
    (0x2190, 0x21FF),
    (0x2300, 0x23FF),
    (0x24C2, 0x24C2),
    (0x25A0, 0x27BF),
    (0x2934, 0x2935),
    (0x2B00, 0x2BFF),
    (0x3030, 0x3030),
    (0x303D, 0x303D),
    (0x3297, 0x3297),
    (0x3299, 0x3299),
    (0x1F000, 0x1FAFF),
)


def clean(text: str) -> str:
    """Return ``text`` as it can be printed anywhere: what a terminal or a pipeline would obey is spelled out."""
    shown = _UNPRINTABLE.sub(_shown, text)
    return _WORKFLOW_COMMAND.sub(r"\1\\x3a", shown).replace("##[", r"\x23#[").replace("##vso", r"\x23#vso")


def _shown(match: re.Match[str]) -> str:
    """Return an unprintable character spelled out, unless it is part of how the text around it is written."""
    character, start, end = match[0], match.start(), match.end()
    if character in _PRESENTATIONS:
        is_needed = _is_presentation(match.string, start)
    elif character in {_ZWNJ, _ZWJ}:
        is_needed = start > 0 and end < len(match.string) and _is_joiner(match.string, start)
    else:
        is_needed = False
    return character if is_needed else _escaped(character)


def _is_presentation(text: str, at: int) -> bool:
    before = text[at - 1 : at]
    return _is_in(before, _EMOJI) or (before != "" and before in "0123456789#*" and text[at + 1 : at + 2] == _KEYCAP)


def _is_joiner(text: str, at: int) -> bool:
    before, after = text[at - 1], text[at + 1]
    if _is_in(before, _JOINED_SCRIPTS) and _is_in(after, _JOINED_SCRIPTS):
        return True
    if before in _PRESENTATIONS:
        before = text[at - 2 : at - 1]
    return text[at] == _ZWJ and _is_in(before, _EMOJI) and _is_in(after, _EMOJI)


def _is_in(character: str, blocks: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= ord(character) <= last for first, last in blocks) if character else False


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"  # noqa: PLR2004 - the widths of the escapes
