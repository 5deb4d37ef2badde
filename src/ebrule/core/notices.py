"""What a run tells while it goes on, for whoever wants to show it. The library itself prints nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ebrule.rules.diff import Change


class Waiting(NamedTuple):
    """The run waits ``seconds`` before try ``attempt`` of ``attempts``; ``left`` seconds of the deadline remain."""

    reason: str
    seconds: float
    attempt: int
    attempts: int
    left: float


class AskingBack(NamedTuple):
    """A PUT got no answer that settles it, and the run asks the org what became of it."""

    reason: str


class Merged(NamedTuple):
    """Somebody else changed the rule, and ``changes`` of that are kept.

    ``meanwhile`` is False where that was before the run: since the version that the rule file was made from.
    """

    from_version: int
    to_version: int
    changes: tuple[Change, ...]
    meanwhile: bool = True


class Warned(NamedTuple):
    """Something that the user should know and that stops nothing."""

    message: str


class Requested(NamedTuple):
    """One request and how it ended: ``status`` is None, and ``error`` says why, where no reply came."""

    method: str
    url: str
    status: int | None
    milliseconds: float
    correlation_id: str | None
    error: str | None = None


Notice = Waiting | AskingBack | Merged | Warned | Requested
