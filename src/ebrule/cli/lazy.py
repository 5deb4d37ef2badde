"""Commands that are imported when they are asked for, so that no command waits for another's imports."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import typer
from typer.main import get_command, get_group

from ebrule.cli.guide import GuidingCommand, GuidingGroup

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typer.core import TyperGroup


class Place(NamedTuple):
    """Where a command stands: a module of ``ebrule.cli``, and in it the names of its function and its help text."""

    module: str
    function: str = "command"
    help: str = "HELP"


class Commands(Mapping[str, Any]):
    """The commands of a group by name, each made when it is first looked at."""

    def __init__(self, places: Mapping[str, Place | TyperGroup]) -> None:
        self._commands: dict[str, Any] = dict(places)

    def __getitem__(self, name: str) -> Any:
        """Return the command that Typer makes; raises KeyError where there is none."""
        found = self._commands[name]
        if isinstance(found, Place):
            found = self._commands[name] = _made(name, found)
        return found

    def __iter__(self) -> Iterator[str]:
        """Go through the names, in the order of the help."""
        return iter(self._commands)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._commands)


def _made(name: str, place: Place) -> Any:
    module = import_module(f"ebrule.cli.{place.module}")
    only = typer.Typer(add_completion=False, rich_markup_mode=None)
    only.command(name, help=getattr(module, place.help), cls=GuidingCommand)(getattr(module, place.function))
    return get_command(only)


def group(help_text: str, places: Mapping[str, Place]) -> TyperGroup:
    """Return a group of such commands, without options of its own."""
    return filled(
        get_group(typer.Typer(cls=GuidingGroup, help=help_text, no_args_is_help=True, rich_markup_mode=None)), places
    )


def filled(empty: Any, places: Mapping[str, Place | TyperGroup]) -> TyperGroup:
    """Return a group that Typer made, with such commands in it."""
    made: TyperGroup = empty
    made.commands = Commands(places)  # type: ignore[assignment]  # Typer only looks into it
    return made
