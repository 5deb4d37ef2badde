"""The one table of exit codes, and the one place where what ended a command becomes one of them."""

from __future__ import annotations

from ebrule.errors import EbruleError, ExitCode

MEANINGS: dict[ExitCode, tuple[str, str]] = {
    ExitCode.OK: ("done, or nothing to do", "as the file says"),
    ExitCode.BUG: ("a bug in ebrule", "see the message"),
    ExitCode.USAGE: ("wrong usage", "untouched"),
    ExitCode.INVALID: ("rule invalid or refused; failed test cases", "untouched"),
    ExitCode.ACCESS: ("authentication, permission or TLS", "untouched"),
    ExitCode.CONFLICT: ("somebody else changed the same fields", "theirs is kept"),
    ExitCode.NOT_FOUND: ("no such rule", "-"),
    ExitCode.UNAVAILABLE: ("network, 5xx, rate limit, attempts spent", "untouched"),
    ExitCode.FOLLOW_UP_PENDING: ("applied, but webhook or record pending", "as the file says"),
    ExitCode.UNKNOWN: ("the write may or may not have happened", "see audit resolve"),
    ExitCode.DIFFERENCES: ("differences found (with --exit-code)", "untouched"),
    ExitCode.LEDGER: ("ledger unwritable or broken, nothing sent", "untouched"),
    ExitCode.SIGHUP: ("interrupted by SIGHUP", "untouched"),
    ExitCode.SIGINT: ("interrupted by SIGINT", "untouched"),
    ExitCode.SIGTERM: ("interrupted by SIGTERM", "untouched"),
}
"""Exit code → what it means, and what it says of the org's rule."""


def exit_table() -> str:
    """Return the table as ``ebrule --help`` prints it."""
    rows = [f"{code:>3}  {meaning:<43} {rule}" for code, (meaning, rule) in MEANINGS.items()]
    return "\n".join([f"{'':>3}  {'meaning':<43} the org's rule", *rows])


def exit_code(error: BaseException) -> int:
    """Return the exit code of what ended a command: that of the error, or 1 for what is a bug."""
    return error.exit_status if isinstance(error, EbruleError) else int(ExitCode.BUG)
