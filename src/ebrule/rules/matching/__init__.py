"""Does an event match a rule? Pure: events and rules are data, as JSON has them.

A kind turns a rule into :class:`Condition` objects, once; each is then asked about any number of events. A rule matches
when all of its conditions hold. What cannot be decided here (an operator that ebrule does not know, a pattern or a path
that its engine does not take) is a :class:`Problem` in the condition's place, never a guess.
"""

from __future__ import annotations

from ebrule.rules.matching.condition import MISSING, Condition, Finding, matches

__all__ = ["MISSING", "Condition", "Finding", "matches"]
