"""What a rule refers to must be there. What the org's own rule refers to already is no mistake of this run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebrule.core.validator import path_text, reference_checks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ebrule.core.reads import Reader
    from ebrule.errors import Problem
    from ebrule.pipeline.plan import Desired
    from ebrule.rules.kind import Data, Reference, Rule


class References:
    """The references of one rule, before and after its update.

    Args:
        desired: what the rule is to become; its lines are where problems are shown.
        rule_id: the rule.
        wanted: False where the user wants none of them checked.
    """

    def __init__(self, desired: Desired, rule_id: str, *, wanted: bool) -> None:
        self._desired = desired
        self._kind = desired.kind
        self._rule_id = rule_id
        self._wanted = wanted

    def checks(
        self, reader: Reader, fields: Data, present: Rule | None = None
    ) -> list[Callable[[], dict[Reference, Problem]]]:
        """Return the checks of what ``fields`` refer to; of what ``present`` refers to as well, none."""
        there = self._resources(present) if present else set()
        return reference_checks(reader, [each for each in self._references(fields) if each.resource not in there])

    def problems(self, found: Iterable[dict[Reference, Problem]], present: Rule) -> list[Problem]:
        """Return what the checks found, on the file's lines: a warning where ``present`` refers to the same already."""
        there = self._resources(present)
        problems = []
        for reference, problem in (item for wrong in found for item in wrong.items()):
            placed = self._desired.placed(problem)
            is_old = reference.resource in there and reference.path[0] not in self._kind.read_only
            problems.append(placed._replace(severity="warning") if is_old else placed)
        return problems

    def _resources(self, rule: Rule) -> set[str]:
        return {reference.resource for reference in self._references(rule.data)}

    def _references(self, fields: Data) -> list[Reference]:
        if not self._wanted:
            return []
        # What cannot change has been found right when the rule was made.
        found = self._kind.references(fields, self._rule_id)
        return [each for each in found if path_text(each.path) not in self._kind.immutable]
