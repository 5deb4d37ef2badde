"""What leads a newcomer on: help that fits the terminal, and what to type instead of what could not be read."""

from __future__ import annotations

import os
import re
import shutil
import textwrap
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from typer import TyperException
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from ebrule.cli.completion import join_option, option_in_word
from ebrule.errors import UsageError
from ebrule.spelling import did_you_mean, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pydantic_core import ErrorDetails
    from typer._click.core import Command, Context, Parameter
    from typer._click.shell_completion import CompletionItem

PathText = TypeVar("PathText", str, Path)

HELP_COLUMNS = 80
"""How wide help is at most; on a terminal with fewer columns it is folded."""

_OF_THIS_SHELL = ("--install-completion", "--show-completion")
_ONE_LINE_EACH = 10_000
_DEEPEST = 6
_FILES = {"FILE", "PEM", "RULE"}
_NAMES = {"ID": "a rule's id", **dict.fromkeys(_FILES, "a file")}
_MAY_BE_EMPTY = {"--reason"}
_GAP = re.compile(r"(?<=\S) {2,}(?=\S)")


class GuidingOption(TyperOption):
    """An option whose default is taken as it is: to have it checked too, Typer would ask pydantic for each option."""

    def process_value(self, ctx: Context, value: Any) -> Any:
        """Return the value as the command gets it."""
        source = ctx.get_parameter_source(self.name)
        is_default = source is not None and source.name == "DEFAULT"
        return value if is_default and not self.required else super().process_value(ctx, value)

    def shell_complete(self, ctx: Context, incomplete: str) -> list[CompletionItem]:
        """Return what completes the value, and with it the option where that stands in the same word."""
        found = super().shell_complete(ctx, incomplete)
        for item in found:
            item.value = option_in_word(os.environ) + item.value
        return found


class GuidingCommand(TyperCommand):
    """A command whose help fits the terminal."""

    def __init__(self, *arguments: Any, params: list[Parameter], **settings: Any) -> None:
        """Take what Typer made of a function."""
        for option in params:
            if type(option) is TyperOption:
                option.__class__ = GuidingOption  # Typer makes its own class of options, whatever the command's
        super().__init__(*arguments, params=params, **settings)

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Read the arguments; raise :class:`UsageError` for what Typer cannot read and does not tell the command of."""
        ctx.allow_extra_args = True
        try:
            given, _, order = self.make_parser(ctx).parse_args(list(args))
            unread = super().parse_args(ctx, args)
        except TyperException as error:
            if getattr(error, "ctx", None) is not None:
                raise
            raise usage_error(error, ctx) from error
        if not ctx.resilient_parsing:
            if unread:
                raise _without_option(ctx, unread)
            _check_given_once(ctx, order)
            _check_not_empty(ctx, given)
            _expand_home(ctx)
        return unread

    def get_help(self, ctx: Context) -> str:
        """Return the help, folded where the terminal is narrow."""
        return _fitting(ctx, super().get_help)


class GuidingGroup(TyperGroup):
    """A group whose help fits the terminal, and which asks whether another command was meant; its options are flags."""

    def main(self, *arguments: Any, **settings: Any) -> Any:
        """Run a command line, or complete one, however the shell cut it into words."""
        join_option(os.environ)
        return super().main(*arguments, **settings)

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Read the arguments; raise :class:`UsageError` for a shell's name, which Typer would take no notice of."""
        if args[1:] and args[0] in _OF_THIS_SHELL:
            hint = "For another one, such as zsh: _EBRULE_COMPLETE=source_zsh ebrule"
            raise UsageError(f"{args[0]} is for the shell that it is typed in, and takes no name", hint=hint)
        return super().parse_args(ctx, args)

    def get_params(self, ctx: Context) -> list[Parameter]:
        """Return the flags, each of which is False where it is not given: of None, Typer would ask pydantic."""
        flags = super().get_params(ctx)
        for flag in flags:
            flag.default = flag.default or False
        return flags

    def get_help(self, ctx: Context) -> str:
        """Return the help, folded where the terminal is narrow."""
        return _fitting(ctx, super().get_help)

    def resolve_command(self, ctx: Context, args: list[str]) -> tuple[str | None, Command | None, list[str]]:
        """Find the command; raise :class:`UsageError`, with the nearest one, where there is none."""
        name = args[0]
        if name in self.commands or name.startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        near = nearest(name, paths := self._paths())
        question = f'; did you mean "{paths[near]}"?' if near else ""
        raise UsageError(
            f'"{name}" is no command of {ctx.command_path}{question}',
            hint=f"See: {ctx.command_path} {paths[near] + ' ' if near else ''}--help",
            code="unknown-command",
        )

    def _paths(self) -> dict[str, str]:
        """Return what each name leads to: its command, or one in a group below."""
        below = {
            name: f"{group} {name}"
            for group, command in self.commands.items()
            if isinstance(command, TyperGroup)
            for name in command.commands
        }
        return below | {name: name for name in self.commands}


def _fitting(ctx: Context, get_help: Callable[[Context], str]) -> str:
    columns = shutil.get_terminal_size().columns
    if columns >= HELP_COLUMNS:
        return get_help(ctx)
    # Typer's help has at least 50 columns, and squeezes what stands on the right: unsqueezed, it can be folded.
    ctx.terminal_width = _ONE_LINE_EACH
    return folded(get_help(ctx), columns)


def folded(text: str, columns: int) -> str:
    """Return help in so many columns: what stood on the right of a line that is too long stands below it."""
    return "\n".join(part for line in text.splitlines() for part in _folded(line, columns))


def _folded(line: str, columns: int) -> Iterator[str]:
    if len(line) <= columns:
        yield line
        return
    left, *right = _GAP.split(line)
    words = left.lstrip()
    indent = " " * min(len(left) - len(words), _DEEPEST)
    if words.startswith("ebrule "):  # what is to be copied stays one line
        yield left
    else:
        yield from _wrapped(words, indent, columns)
    for column in right:
        yield from _wrapped(column, f"{indent}    ", columns)


def _wrapped(text: str, indent: str, columns: int) -> list[str]:
    # A word that is too long stays whole, so that an id or an address can be copied.
    return textwrap.wrap(
        text,
        columns,
        initial_indent=indent,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,
    )


def usage_error(error: TyperException, context: Context | None = None) -> UsageError:
    """Return what Typer could not read as an error of ebrule's own, which says what to type instead."""
    context = getattr(error, "ctx", None) or context
    message = _in_our_words(error, context)
    if context is None:
        return UsageError(message, hint="See: ebrule --help")
    path, command = context.command_path, context.command
    hint = f"See: {path} --help"
    if option := getattr(error, "option_name", None) if hasattr(error, "possibilities") else None:
        message = f'"{option}" is no option of {path}'
        if isinstance(command, TyperGroup) and _is_below(option, command):
            return UsageError(message, hint=f"It goes behind the command: {path} COMMAND {option} …\n{hint}")
        if argument := _argument_meant(option, command.get_params(context)):
            return UsageError(message, hint=f"Give the {argument.lower()} alone: {path} {argument}\n{hint}")
        known = [name for each in command.get_params(context) if isinstance(each, TyperOption) for name in each.opts]
        return UsageError(f"{message}{did_you_mean(option, known)}", hint=hint)
    if hasattr(error, "param_type") and (example := _example(command)):
        hint = f"For example: {example}\n{hint}"
    return UsageError(message, hint=hint)


def _check_given_once(context: Context, order: list[Parameter]) -> None:
    """Refuse an option that takes one value and has two: which of them is meant, nobody can tell."""
    single = [each for each in order if isinstance(each, TyperOption) and not (each.multiple or each.is_flag)]
    for each in single:
        if single.count(each) > 1:
            hint = f"It takes one value. See: {context.command_path} --help"
            raise UsageError(f"{_long_name(each)} is given more than once", hint=hint, code="given-twice")


def _check_not_empty(context: Context, given: Mapping[str, Any]) -> None:
    """Refuse an empty value: it is what a script gives whose variable is not set."""
    for each in context.command.get_params(context):
        value, what = given.get(each.name or ""), _NAMES.get(_metavar(each))
        is_empty = value == "" or (what is not None and isinstance(value, (list, tuple)) and "" in value)
        if is_empty and not _MAY_BE_EMPTY.intersection(each.opts):
            name = _long_name(each) if isinstance(each, TyperOption) else _metavar(each)
            rest = "" if each.required else ", or leave it out"
            hint = f"A variable that is not set is empty too. Give {what or 'a value'}{rest}."
            raise UsageError(f"{name} is empty", hint=hint, code="empty-name")


def _expand_home(context: Context) -> None:
    """Put the home folder in the place of a ``~/`` before a file's name: bash leaves it there in ``--file=~/x``."""
    for each in context.command.get_params(context):
        value = context.params.get(each.name or "")
        if value and _metavar(each) in _FILES:
            name = _long_name(each) if isinstance(each, TyperOption) else _metavar(each)
            expand = partial(_expanded, name=name)
            context.params[each.name or ""] = [*map(expand, value)] if isinstance(value, list) else expand(value)


def _expanded(path: PathText, name: str) -> PathText:
    if not str(path).startswith("~/"):
        return path
    from ebrule.settings.folders import expanded

    return type(path)(expanded(str(path), name))


def _long_name(option: Parameter) -> str:
    return max(option.opts, key=len)


def _metavar(parameter: Parameter) -> str:
    """Return what help calls a parameter's value, without the signs for what may be left out or repeated."""
    return (parameter.metavar or "").strip("[].")


def _is_below(option: str, group: TyperGroup) -> bool:
    """Return whether a command of the group has the option, or one in a group below."""
    return any(
        _is_below(option, command)
        if isinstance(command, TyperGroup)
        else any(option in each.opts for each in command.params)
        for command in group.commands.values()
    )


def _without_option(context: Context, words: list[str]) -> UsageError:
    """Return the error for words that stand alone where the command takes none: a file or an id lacks its option."""
    from ebrule.cli.options import as_typed

    path, parameters = context.command_path, context.command.get_params(context)
    free = {name for each in parameters if context.params.get(each.name or "") is None for name in each.opts}
    meant = {"--file" if word == "-" or {".", "/"} & set(word) else "--rule-id": word for word in words}
    hint = f"See: {path} --help"
    if len(meant) == len(words) and meant.keys() <= free:
        hint = f"Type: {path} {as_typed(meant)}\n{hint}"
    return UsageError(f'unexpected argument "{words[0]}"', hint=hint)


def _argument_meant(option: str, parameters: list[Parameter]) -> str | None:
    """Return the argument that was given as if it were an option, as help names it, or None."""
    for each in parameters:
        name = _metavar(each) if isinstance(each, TyperArgument) else ""
        if name and option.lstrip("-").replace("-", "_") in (each.name, name.lower()):
            return name
    return None


def _in_our_words(error: TyperException, context: Context | None) -> str:
    """Return what Typer found, worded as ebrule's own errors are; what has another cause is in Typer's words."""
    parameter, option = getattr(error, "param", None), getattr(error, "option_name", None)
    if parameter is not None and hasattr(error, "param_type"):
        return f"missing {parameter.param_type_name} {parameter.get_error_hint()}"
    problems = getattr(error.__cause__, "errors", None)
    if parameter is not None and problems is not None:
        return f"invalid value for {parameter.get_error_hint()}: {_why_invalid(problems()[0])}"
    if option is not None and context is not None:
        flags = {name for each in context.command.params if getattr(each, "is_flag", False) for name in each.opts}
        return f"option {option!r} {'does not take a value' if option in flags else 'requires an argument'}"
    message = error.format_message()
    return message[:1].lower() + message[1:].removesuffix(".")


_NOT_A = {"int": "a valid integer", "float": "a valid number"}
"""What a value should have been, by how the types of pydantic's errors about it begin."""


def _why_invalid(detail: ErrorDetails) -> str:
    """Return what is wrong with a value of the command line."""
    value, kind, context = detail["input"], detail["type"], detail.get("ctx", {})
    if wanted := _NOT_A.get(kind.partition("_")[0]):
        return f"{value!r} is not {wanted}"
    if kind == "greater_than_equal":
        return f"{value!r} is not greater than or equal to {context['ge']}"
    if kind == "less_than_equal":
        return f"{value!r} is not less than or equal to {context['le']}"
    return str(context.get("error", f"{value!r} cannot be used: {detail['msg']}")).removesuffix(".")


def _example(command: Command) -> str | None:
    """Return the first example of a command's help, without its comment."""
    example = re.search(r"^ *(ebrule .*?)(?: {2,}.*)?$", command.help or "", re.MULTILINE)
    return example[1] if example else None
