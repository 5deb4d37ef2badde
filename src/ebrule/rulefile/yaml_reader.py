"""YAML text, told to a ``Builder`` event by event: no tree of nodes is built, so nothing can blow up."""

from __future__ import annotations

import contextlib
import re
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import yaml
from yaml.scanner import ScannerError

from ebrule.rulefile.builder import Stop
from ebrule.rulefile.problems import quoted
from ebrule.rulefile.scalars import CONSTANTS, YAML, clear_ways, kind_of
from ebrule.rulefile.yaml_errors import beginning, stop_at_error, stop_at_escape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ebrule.rulefile.builder import Builder

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# All but what YAML allows unescaped. NEL, LS and PS are out too: to YAML 1.1 they end a line, a comment for
# one, but neither to YAML 1.2 nor to an editor.
_UNREADABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
_DIRECTIVE: Final = re.compile(r"(?:[ \t]*(?:#[^\r\n]*)?[\r\n])*(%[^\r\n]*)")


def read_yaml(text: str, builder: Builder) -> None:
    """Tell a builder what a YAML text holds.

    Raises:
        Stop: The text is not YAML, or the builder has had enough.
    """
    _check_text(text, builder)
    documents = 0
    for event in _events(text, builder):
        start, end = event.start_mark.index, event.end_mark.index
        if isinstance(event, yaml.NodeEvent) and (event.anchor, getattr(event, "tag", None)) != (None, None):
            _report_properties(event, builder, start, end)
        match event:
            case yaml.ScalarEvent():  # first, since most events are scalars
                builder.scalar(_meaning(event, builder, start, end), start, end, None if event.style else YAML)
            case yaml.DocumentStartEvent():
                documents += 1
                if documents > 1:
                    builder.stop("two-documents", start, end)
            case yaml.AliasEvent():
                builder.scalar(f"*{event.anchor}", start, end)
            case yaml.MappingStartEvent():
                builder.begin({}, start, end)
            case yaml.SequenceStartEvent():
                builder.begin([], start, end)
            case yaml.CollectionEndEvent():
                # A block has no end of its own: the parser notices it only where the next thing begins.
                builder.end(end if end > start else None)


def _check_text(text: str, builder: Builder) -> None:
    """Refuse what the C and the pure-Python parser treat differently, before either sees it."""
    unreadable = list(_UNREADABLE.finditer(text))
    for found in unreadable:
        builder.report("control-character", *found.span(), code=f"U+{ord(found[0]):04X}")
    if unreadable:
        raise Stop
    if directive := _DIRECTIVE.match(text):
        builder.stop("directive", *directive.span(1), text=quoted(directive[1]))


def _events(text: str, builder: Builder) -> Iterator[Any]:
    """The parser's events; its errors become problems."""
    told = 0
    try:
        for event in _parsed(text, builder):
            told += 1
            yield event
    except yaml.MarkedYAMLError as error:
        if isinstance(error, ScannerError):
            # It is ahead of the events: what it has passed over may be wrong too, or too deep already.
            yield from islice(_events_of_start(text[: beginning(error)], builder), told, None)
        stop_at_error(error, text, builder)


def _events_of_start(text: str, builder: Builder) -> Iterator[Any]:
    """The events of the beginning of a text, without those that only its end brings about."""
    held: list[Any] = []
    with contextlib.suppress(yaml.MarkedYAMLError):
        for event in _parsed(text, builder):
            held.append(event)
            if event.start_mark.index < event.end_mark.index:
                yield from held
                held.clear()


def _parsed(text: str, builder: Builder) -> Iterator[Any]:
    """The parser's events but for the last one; raises its errors."""
    loader = _LOADER(text)
    try:
        while not isinstance(event := loader.get_event(), yaml.StreamEndEvent):
            yield event
    except (ValueError, OverflowError):
        # The pure-Python parser leaves it to chr() to refuse "\U00110000"; the C one looks itself.
        stop_at_escape(text.rindex("\\", 0, loader.get_mark().index), builder)
    finally:
        loader.dispose()


def _report_properties(event: Any, builder: Builder, start: int, end: int) -> None:
    """Refuse an alias, an anchor or a tag."""
    if event.anchor is not None:
        sign = "*" if isinstance(event, yaml.AliasEvent) else "&"
        builder.report("alias", start, end, text=quoted(sign + event.anchor))
    if getattr(event, "tag", None) is not None:
        builder.report("tag", start, end, text=quoted(event.tag))


def _meaning(event: Any, builder: Builder, start: int, end: int) -> Any:
    """The value of a scalar."""
    text = event.value
    if event.style or event.tag is not None:
        return text
    if text == "<<" and builder.awaits_key:
        builder.report("merge-key", start, end)
        return text
    kind = kind_of(text)
    if kind == "number":
        return builder.number(text, start, end)
    if kind == "ambiguous":
        hint = f"put the key in double quotes: {quoted(text)}" if builder.awaits_key else clear_ways(text)
        builder.report("ambiguous-scalar", start, end, subject=f"unquoted, {quoted(text)[1:-1]}", hint=hint)
    return CONSTANTS.get(kind, text)
