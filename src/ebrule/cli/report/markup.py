"""Elements of the page: text and attributes are escaped when it is serialised, so that no text can become markup."""

from __future__ import annotations

from typing import TypeAlias
from xml.etree.ElementTree import Element, tostring

from ebrule.sanitizer import clean

Child: TypeAlias = Element | str | None


def tag(element_name: str, /, *children: Child, **attributes: str | float | None) -> Element:
    """Return an element; children that are None are left out.

    Args:
        element_name: ``svg``, for one.
        children: elements and text, in their order.
        attributes: without those that are None; ``class_`` is ``class``, ``aria_label`` is ``aria-label``.
    """
    element = Element(element_name)
    for key, value in attributes.items():
        if value is not None:
            text = f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
            element.set(key.rstrip("_").replace("_", "-"), clean(text))
    last: Element | None = None
    for child in children:
        if child is None:
            continue
        if isinstance(child, Element):
            element.append(child)
            last = child
        elif last is None:
            element.text = (element.text or "") + clean(child)
        else:
            last.tail = (last.tail or "") + clean(child)
    return element


def serialised(page: Element) -> str:
    """Return a page as HTML."""
    return "<!doctype html>\n" + tostring(page, encoding="unicode", method="html") + "\n"
