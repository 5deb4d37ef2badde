"""The Typer app: which commands there are, and what happens to whatever one of them raises."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperGroup
from typer.main import get_command

from ebrule import __version__
from ebrule.cli.asked import wants_details, wants_json
from ebrule.cli.exits import exit_code, exit_table
from ebrule.cli.guide import GuidingGroup, usage_error
from ebrule.cli.lazy import Place, filled, group
from ebrule.cli.render import Screen
from ebrule.errors import EbruleError, ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

HELP = """Change one Genesys Cloud event-routing rule at a time, safely.

\b
Examples:
  ebrule show demo-rule -o yaml --region sandbox > rule.yaml   a rule file
  ebrule update --file rule.yaml --region sandbox              try it there
  ebrule validate rule.yaml                                    is it right?
  ebrule test rule.yaml --cases cases.yaml                     which events?
  ebrule diff --file rule.yaml                                 what changes?
  ebrule update --rule-id demo-rule --file rule.yaml           in your org
"""

_AUDIT = """Read the ledger, prove it, settle what is open.

\b
Examples:
  ebrule audit show --rule-id demo-rule --since 7d   who changed it, and why?
  ebrule audit verify                                is the ledger whole?
  ebrule audit report --out report.html              a page for people
  ebrule audit resolve                               what became of a run?
"""

_WEBHOOK = """Announce changes, also later.

\b
Examples:
  ebrule webhook test                       does the endpoint take events?
  ebrule webhook flush                      deliver what is pending
  ebrule webhook send --rule-id demo-rule   announce the rule as it is now
"""

_AUTH = """Ask the org who you are and what you may.

\b
Example:
  ebrule auth status
"""

_SANDBOX = """A local Genesys Cloud to try things on.

\b
Examples:
  ebrule show demo-rule --region sandbox   a sandbox for one command
  ebrule sandbox serve                     one for other programs
  ebrule sandbox reset                     begin anew
"""

app = typer.Typer(
    name="ebrule",
    cls=GuidingGroup,
    help=HELP,
    epilog="\b\nExit codes:\n" + exit_table(),
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)
COMMANDS: dict[str, Place | TyperGroup] = {
    "update": Place("update"),
    "validate": Place("validate"),
    "show": Place("show"),
    "diff": Place("diff"),
    "test": Place("test"),
    "rollback": Place("rollback"),
    "audit": group(
        _AUDIT,
        {
            "show": Place("audit_show"),
            "verify": Place("audit_verify"),
            "report": Place("audit_report"),
            "resolve": Place("audit", "resolve_command", "RESOLVE_HELP"),
        },
    ),
    "webhook": group(
        _WEBHOOK,
        {
            "flush": Place("webhook", "flush_command", "FLUSH_HELP"),
            "send": Place("webhook", "send_command", "SEND_HELP"),
            "test": Place("webhook", "try_command", "TEST_HELP"),
        },
    ),
    "auth": group(_AUTH, {"status": Place("auth", "status_command", "STATUS_HELP")}),
    "list": Place("list"),
    "schema": Place("schema"),
    "explain": Place("explain"),
    "sandbox": group(
        _SANDBOX,
        {
            "serve": Place("sandbox", "serve_command", "SERVE_HELP"),
            "reset": Place("sandbox", "reset_command", "RESET_HELP"),
        },
    ),
}
"""The commands in the order in which a newcomer meets them."""


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ebrule {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


_CHANGING = {
    ("update",), ("rollback",), ("audit", "resolve"), ("webhook", "flush"), ("webhook", "send"), ("webhook", "test"),
    ("sandbox", "serve"), ("sandbox", "reset"),
}  # fmt: skip
"""The commands that are there for what they do; all others, for what they print."""


def run(arguments: Sequence[str]) -> int:
    """Run one command line; return its exit code. Prints whatever went wrong, and never a traceback's locals."""
    Screen.lost = None
    code = _run(arguments)
    if Screen.lost is None:
        return code
    from ebrule.cli.results import show_error

    words = [word for word in arguments if not word.startswith("-")]
    does = not _CHANGING.isdisjoint({tuple(words[:1]), tuple(words[:2])})
    why = UsageError(f"standard output cannot be written: {Screen.lost.strerror}. What is there is not whole.")
    show_error(Screen(), why)
    return code if does else code or exit_code(why)


def _run(arguments: Sequence[str]) -> int:
    try:
        code = filled(get_command(app), COMMANDS)(list(arguments), standalone_mode=False, prog_name="ebrule")
    except EbruleError as error:
        return _failed(error, arguments)
    except typer.TyperException as error:
        return _misused(error, arguments)
    except typer.Abort:
        return int(ExitCode.SIGINT)
    except SystemExit:  # how Typer ends where nobody reads the help
        return int(ExitCode.OK)
    except Exception as error:  # noqa: BLE001 - the one place where a bug becomes exit code 1
        if isinstance(error, OSError) and error.errno in _UNWRITTEN and error.filename is None:
            Screen.note_loss(error)  # of help or version, which Typer prints
            return int(ExitCode.OK)
        if isinstance(error, FileNotFoundError) and _is_folder_gone():
            gone = UsageError(
                "the working directory does not exist any more", hint="Change to another one.", code="no-folder"
            )
            return _failed(gone, arguments)
        return _bug(error, arguments)
    return int(code or 0)


_UNWRITTEN = {errno.EBADF, errno.EPIPE, errno.ENOSPC, errno.EFBIG, errno.EDQUOT}
"""How a stream fails that cannot be written to."""


def _is_folder_gone() -> bool:
    """Return whether the working directory was deleted: what no relative path can be told from any more."""
    from pathlib import Path

    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False


def _failed(error: EbruleError, arguments: Sequence[str]) -> int:
    """Tell an error that ended a command before there was a result to print."""
    from ebrule.cli.results import show_error

    screen = Screen()
    if wants_json(arguments):
        from ebrule.pipeline.operation import UpdateResult

        screen.json(UpdateResult(error=error).as_json())
    show_error(screen, error)
    return exit_code(error)


def _misused(error: typer.TyperException, arguments: Sequence[str]) -> int:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "ebrule"
    if not arguments[path.count(" ") :] and context is not None and isinstance(context.command, TyperGroup):
        typer.echo(context.get_help())
        return int(ExitCode.OK)
    return _failed(usage_error(error), arguments)


def _bug(error: Exception, arguments: Sequence[str]) -> int:
    import os
    import traceback

    if wants_details(arguments, os.environ):
        _show_traceback(Screen(), error)
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{place.filename.rsplit('/', 2)[-1]}:{place.lineno}"
    bug = EbruleError(
        f"a bug in ebrule: {type(error).__name__} at {where}",
        hint="Please report it, with the traceback that EBRULE_DEBUG=1 prints.\n"
        "What became of an update is in the ledger: ebrule audit resolve",
        code="bug",
    )
    return _failed(bug, arguments)


def _show_traceback(screen: Screen, error: BaseException) -> None:
    """Print where a bug is, and what led there; no local and no message, either of which may hold a secret."""
    import traceback

    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        _show_traceback(screen, cause)
        screen.err("which led to:")
    for entry in traceback.format_tb(error.__traceback__):
        for line in entry.splitlines():
            screen.err(line)
    screen.err(f"{type(error).__module__}.{type(error).__qualname__}")
