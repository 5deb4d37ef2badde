"""What each problem of a rule file means, by its id, with a wrong and a right example.

``ebrule explain``, the rules in SARIF and the README's list are made from this one catalogue.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ebrule.diagnostics.files import FILES
from ebrule.diagnostics.limits import LIMITS
from ebrule.diagnostics.org import ORG
from ebrule.diagnostics.testing import TESTING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ebrule.diagnostics.diagnostic import Diagnostic

CATALOGUE: Final[Mapping[str, Diagnostic]] = {each.id: each for each in (*FILES, *LIMITS, *ORG, *TESTING)}
"""From id to what it means: first what is wrong with a file as a file, then with the rule, with it in the
org, and with its tests."""
