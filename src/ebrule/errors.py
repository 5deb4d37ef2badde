"""Every error that ebrule raises, and the exit code that each ends a run with.

    EbruleError
    ├── UsageError                     2   the command line or a setting is wrong
    ├── InvalidRuleError               3   the file, a reference, or the API refused the rule
    ├── AccessError                    4   credentials, permission or TLS
    ├── ConflictError                  5   somebody else changed the same fields
    │   └── VersionGoneError           5   the expected version is no longer the present one
    ├── RuleNotFoundError              6   no such rule
    ├── UnavailableError               7   network, 5xx, rate limit past the deadline, attempts spent
    ├── UnknownOutcomeError            9   the write may or may not have happened
    ├── LedgerError                   11   the ledger cannot be written, or is broken, so nothing was sent
    └── InterruptedRunError  129/130/143   SIGHUP, SIGINT or SIGTERM, and this run changed nothing

Whatever else leaves a command is a bug in ebrule and ends with 1.
"""

from __future__ import annotations

import enum
import signal
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class ExitCode(enum.IntEnum):
    """The exit codes of the command line; the texts that explain them stand in ``cli/exits.py``."""

    OK = 0
    BUG = 1
    USAGE = 2
    INVALID = 3
    ACCESS = 4
    CONFLICT = 5
    NOT_FOUND = 6
    UNAVAILABLE = 7
    FOLLOW_UP_PENDING = 8
    UNKNOWN = 9
    DIFFERENCES = 10
    LEDGER = 11
    SIGHUP = 129
    SIGINT = 130
    SIGTERM = 143


class Problem(NamedTuple):
    """One thing that is wrong with a rule, and where.

    ``line``, ``column`` and ``end_column`` count from 1, in characters; ``end_column`` is exclusive.
    They are None where the rule did not come from a text. ``path`` leads into the data: keys and indexes.
    """

    id: str
    message: str
    path: tuple[str | int, ...] = ()
    hint: str | None = None
    severity: str = "error"
    line: int | None = None
    column: int | None = None
    end_column: int | None = None


class Overlap(NamedTuple):
    """A field that this run and another writer changed to different values, told by the value they began with.

    A side that does not have the field holds None.
    """

    path: str
    base: Any
    ours: Any
    theirs: Any


class EbruleError(Exception):
    """What happened (``message``), what to do next (``hint``), and a stable name for it (``code``).

    ``http_status`` and ``correlation_id`` are those of the reply that caused the error, where there was one.
    ``result`` is what is known of the update that the error ended.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.BUG
    code = "error"

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        code: str | None = None,
        http_status: int | None = None,
        correlation_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.http_status = http_status
        self.correlation_id = correlation_id
        self.result: Any = None
        if code is not None:
            self.code = code

    @property
    def exit_status(self) -> int:
        """The status that a process ends with when this error ends it."""
        return int(self.exit_code)


class UsageError(EbruleError):
    """The command line or a setting is wrong; nothing was asked of the org."""

    exit_code = ExitCode.USAGE
    code = "usage"


class Source(NamedTuple):
    """The text that problems point into: its name as the user gave it, and its lines."""

    name: str
    lines: Sequence[str] = ()

    def __repr__(self) -> str:
        """Show nothing of the text."""
        return f"Source(name={self.name!r})"


class InvalidRuleError(EbruleError):
    """The rule is not right: ``problems`` says each reason and its place in ``source``; ``kind`` is the rule's kind."""

    exit_code = ExitCode.INVALID
    code = "invalid-rule"

    def __init__(
        self,
        message: str,
        problems: Sequence[Problem],
        *,
        source: Source | None = None,
        kind: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(message, **kwargs)
        self.kind = kind
        self.problems = tuple(problems)
        self.source = source


class AccessError(EbruleError):
    """No credentials, wrong ones, a missing permission, or a host that could not prove who it is."""

    exit_code = ExitCode.ACCESS
    code = "access"


class ConflictError(EbruleError):
    """Somebody else changed what this run changes too; theirs is kept."""

    exit_code = ExitCode.CONFLICT
    code = "conflict"

    def __init__(self, message: str, overlaps: Sequence[Overlap] = (), **kwargs: Any) -> None:
        super().__init__(message, **kwargs)
        self.overlaps = tuple(overlaps)


class VersionGoneError(ConflictError):
    """The version that the caller expects is not the one that the org has."""

    code = "version-gone"


class RuleNotFoundError(EbruleError):
    """The org has no rule of this id."""

    exit_code = ExitCode.NOT_FOUND
    code = "rule-not-found"


class UnavailableError(EbruleError):
    """The org could not be reached or would not answer in time; nothing was changed."""

    exit_code = ExitCode.UNAVAILABLE
    code = "unavailable"


class UnknownOutcomeError(EbruleError):
    """A PUT may or may not have been applied, and asking the org did not settle it."""

    exit_code = ExitCode.UNKNOWN
    code = "unknown-outcome"

    def __init__(self, message: str, overlaps: Sequence[Overlap] = (), **kwargs: Any) -> None:
        super().__init__(message, **kwargs)
        self.overlaps = tuple(overlaps)


class LedgerError(EbruleError):
    """The ledger cannot be written, or cannot be relied on, so nothing is sent."""

    exit_code = ExitCode.LEDGER
    code = "ledger"


class InterruptedRunError(EbruleError):
    """A signal ended the run before it changed anything."""

    exit_code = ExitCode.SIGINT
    code = "interrupted"

    def __init__(self, signum: int) -> None:
        name = signal.Signals(signum).name
        super().__init__(f"interrupted by {name}; the rule was not changed", code="interrupted")
        self.signum = signum

    @property
    def exit_status(self) -> int:
        """129 for SIGHUP, 130 for SIGINT, 143 for SIGTERM: 128 and the signal's number, as a shell reports it."""
        return 128 + self.signum
