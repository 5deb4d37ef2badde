"""What the catalogue says of one id."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Diagnostic:
    """One kind of problem.

    An example is a part of a rule file, and the rest is as it should be; one that begins with ``{`` is a whole file in
    JSON, and one that begins with ``$`` a command.

    Attributes:
        id: what the problem is told by; it never changes its meaning.
        title: what is wrong, in a few words.
        why: why that is a problem, and what to do.
        wrong: an example that has it.
        right: the same, mended.
        warning: whether it is a warning, which only ``--strict`` takes for an error.
    """

    id: str
    title: str
    why: str
    wrong: str
    right: str
    warning: bool = False

    @property
    def severity(self) -> str:
        """``error`` or ``warning``."""
        return "warning" if self.warning else "error"
