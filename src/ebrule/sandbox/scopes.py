"""What OAuth clients may do: the scopes of the public API definition, and the permissions that it names beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Need:
    """What a request needs of its caller.

    Args:
        scopes: Any one of these is enough.
        permissions: What a refusal names; none means the scopes themselves. The service tells clients that use
            client credentials about permissions, not about scopes.
    """

    scopes: tuple[str, ...]
    permissions: tuple[str, ...] = ()

    @property
    def names(self) -> str:
        """What a refusal names, separated by commas."""
        return ", ".join(self.permissions or self.scopes)


_TRIGGERS: Final = "process-automation"
_FLOWS: Final = "architect"
_INTEGRATIONS: Final = "integrations"


def _readonly(scope: str) -> str:
    return f"{scope}:readonly"


RULE_READ: Final = Need(("eventbridge:read",))
RULE_WRITE: Final = Need(("eventbridge:write",))
TRIGGER_READ: Final = Need(
    (_TRIGGERS, _readonly(_TRIGGERS)), ("processautomation:trigger:edit", "processautomation:trigger:view")
)
TRIGGER_ADD: Final = Need((_TRIGGERS,), ("processautomation:trigger:add",))
TRIGGER_EDIT: Final = Need((_TRIGGERS,), ("processautomation:trigger:edit",))
TRIGGER_DELETE: Final = Need((_TRIGGERS,), ("processautomation:trigger:delete",))
TRIGGER_TEST: Final = Need((_TRIGGERS,), ("processautomation:trigger:test",))
FLOW_READ: Final = Need((_FLOWS, _readonly(_FLOWS)), ("architect:flow:view",))
INTEGRATION_READ: Final = Need((_INTEGRATIONS, _readonly(_INTEGRATIONS)), ("integrations:integration:view",))
INTEGRATION_EDIT: Final = Need((_INTEGRATIONS,), ("integrations:integration:edit",))

READ_ONLY: Final = frozenset({"eventbridge:read", _readonly(_TRIGGERS), _readonly(_FLOWS), _readonly(_INTEGRATIONS)})
ALL: Final = frozenset({*RULE_READ.scopes, *RULE_WRITE.scopes, _TRIGGERS, _FLOWS, _INTEGRATIONS})
ALL_BUT_FLOWS: Final = ALL - set(FLOW_READ.scopes)
