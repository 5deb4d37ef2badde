"""Columns of a terminal: wide letters and emoji take two, combining marks none."""

from __future__ import annotations


def cells(text: str) -> int:
    """Return how many columns a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def padded(text: str, width: int) -> str:
    """Return text with blanks behind it, so that it takes so many columns; longer text stays as it is."""
    return text + " " * (width - cells(text))


def cut(text: str, width: int) -> str:
    """Return text cut to so many columns, the cut shown."""
    if cells(text) <= width:
        return text
    from rich.cells import set_cell_size

    return set_cell_size(text, width - 1).rstrip() + "…" if width > 0 else ""
