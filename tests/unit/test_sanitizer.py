"""The sanitiser, over every code point that there is."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebrule.sanitizer import clean

EVERY = [chr(code) for code in range(sys.maxunicode + 1)]
FORMATS = [character for character in EVERY if unicodedata.category(character) == "Cf"]
UNSEEN = [
    *map(chr, (0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x3164, 0xFFA0, 0x2028, 0x2029)),
    *map(chr, range(0xFE00, 0xFE10)),
    *map(chr, range(0xE0000, 0xE1000)),
]
"""What is not seen and is no format character: the other default ignorable code points, and separators."""
NEWER = [*map(chr, (0x890, 0x891, 0x180F)), *map(chr, range(0x13439, 0x13440))]
"""Format characters and selectors that came to Unicode after the oldest Python that ebrule runs on."""


def spelled(character: str) -> str:
    """Return the escape of a character."""
    code = ord(character)
    return rf"\x{code:02x}" if code < 0x100 else rf"\u{code:04x}" if code < 0x10000 else rf"\U{code:08x}"


def test_every_format_character_is_spelled_out() -> None:
    """None of category Cf, as the running Python's Unicode has it, is printed: alone, at an edge, or inside a word."""
    shown = {character: (clean(character), clean(f"a{character}b")) for character in FORMATS}

    assert {each: (spelled(each), f"a{spelled(each)}b") for each in FORMATS} == shown
    assert len(FORMATS) > 150


def test_every_control_and_every_unseen_character_is_spelled_out() -> None:
    """Nor are controls but newline and tab, halves of surrogate pairs, and what else cannot be seen."""
    controls = [each for each in EVERY if unicodedata.category(each) in {"Cc", "Cs"} and each not in "\n\t"]

    assert [] == [hex(ord(each)) for each in (*controls, *UNSEEN) if clean(f"a{each}b") != f"a{spelled(each)}b"]


def test_nothing_else_is_changed() -> None:
    """Every character that can be seen stays as it is; of those not assigned, only what is kept for such uses goes."""
    changed = {each for each in EVERY if clean(each) != each}
    unassigned = {each for each in changed if unicodedata.category(each) == "Cn"}

    others = changed - unassigned - set(UNSEEN)
    assert {"Cc", "Cf", "Cs"} == {unicodedata.category(each) for each in others}
    assert unassigned <= {*UNSEEN, *map(chr, range(0x2060, 0x2070)), *map(chr, range(0xFFF0, 0xFFF9)), *NEWER}


@pytest.mark.parametrize(
    "text",
    [
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian: I want
        "\u0915\u094d\u200d\u0937",  # Devanagari: a half letter
        "\u0d28\u0d4d\u200d\u0d31",  # Malayalam
        "\u0dc1\u0dca\u200d\u0dbb\u0dd3",  # Sinhala: Sri
        "\U0001f469\u200d\U0001f4bb",  # woman technologist
        "\U0001f469\U0001f3fd\u200d\U0001f4bb",  # the same with a skin tone
        "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466",  # family
        "\U0001f3f3\ufe0f\u200d\U0001f308",  # rainbow flag
        "\u2764\ufe0f\u200d\U0001f525",  # heart on fire
        "\u2764\ufe0f, \u2714\ufe0e",  # a heart as an emoji, a check mark as text
        "1\ufe0f\u20e3 #\ufe0f\u20e3",  # keycaps
        "\u00a9\ufe0f",
        "caf\u00e9, \u6f22\u5b57, \u0627\u0644\u0639\u0631\u0628\u064a\u0629, a\tb\n",
    ],
)
def test_what_people_write_stays(text: str) -> None:
    """Joiners and selectors are printed where a script or an emoji needs them."""
    assert text == clean(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("pay\u200dpal", r"pay\u200dpal"),
        ("\u200d\U0001f4bb", "\\u200d\U0001f4bb"),
        ("\U0001f469\u200d", "\U0001f469\\u200d"),
        ("\U0001f469\u200dx", "\U0001f469\\u200dx"),
        ("\U0001f469\u200c\U0001f4bb", "\U0001f469\\u200c\U0001f4bb"),
        ("\u0645\u200d\u200d\u0645", "\u0645\\u200d\\u200d\u0645"),
        ("\u0645\u200c\U0001f4bb", "\u0645\\u200c\U0001f4bb"),
        ("a\ufe0f", r"a\ufe0f"),
        ("\ufe0f", r"\ufe0f"),
        ("1\ufe0f", r"1\ufe0f"),
        ("\u2764\ufe0f\ufe0f", "\u2764\ufe0f\\ufe0f"),
        ("\u2764\ufe00", "\u2764\\ufe00"),
        ("\u845b\U000e0100", "\u845b\\U000e0100"),
        ("\U0001f3f4\U000e0067\U000e007f", "\U0001f3f4\\U000e0067\\U000e007f"),
        ("a\ufff9b\ufffac\ufffb", r"a\ufff9b\ufffac\ufffb"),
        ("\u202eevil", r"\u202eevil"),
        ("3\u0601", r"3\u0601"),
    ],
)
def test_elsewhere_they_are_spelled_out(text: str, shown: str) -> None:
    """Where nothing needs them, joiners and selectors can only hide something."""
    assert shown == clean(text)


@given(st.text(st.sampled_from("a1#\u0645\u0915\u2764\U0001f469\u200c\u200d\ufe0e\ufe0f\u20e3\u202e:\n")))
def test_what_is_clean_stays_so(text: str) -> None:
    """Cleaning twice is cleaning once, and no two invisible characters are left beside each other but in an emoji."""
    once = clean(text)

    assert once == clean(once)
    assert not any(pair in once for pair in ("\u200d\u200d", "\u200c\u200c", "\u200c\u200d", "\ufe0f\ufe0f", "\u202e"))
