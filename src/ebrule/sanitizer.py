"""The sanitiser: text from a file or a server, made safe to print anywhere."""

from __future__ import annotations

import re

# C0 but newline and tab, DEL and C1; line and paragraph separators; whatever changes the direction of text or cannot
# be seen; and halves of surrogate pairs, which no encoding can print.
_UNPRINTABLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\ud800-\udfff\U000e0000-\U000e0fff]"
)
_WORKFLOW_COMMAND = re.compile(r"^(\s*):(?=:)", re.MULTILINE)


def clean(text: str) -> str:
    """Return ``text`` as it can be printed anywhere: what a terminal or a pipeline would obey is spelled out."""
    shown = _UNPRINTABLE.sub(lambda match: _escaped(match[0]), text)
    return _WORKFLOW_COMMAND.sub(r"\1\\x3a", shown).replace("##[", r"\x23#[").replace("##vso", r"\x23#vso")


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"  # noqa: PLR2004 - the widths of the escapes
