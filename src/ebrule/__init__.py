"""Change one Genesys Cloud event-routing rule at a time, safely.

The names here are the library: what the commands do, as functions and objects that print nothing and never exit.
They are imported when first used, so that ``import ebrule`` costs nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as type checkers know it: to import typing takes longer than all the rest of this module
if TYPE_CHECKING:
    from typing import Any

    from ebrule.core.audit import AuditLog
    from ebrule.core.auth import Session, connect
    from ebrule.core.fetcher import fetch_rule, list_rules
    from ebrule.core.pace import Pace
    from ebrule.core.status import AuthStatus, KindAccess, Verdict, auth_status
    from ebrule.core.webhook import Endpoint, make_event, send_event
    from ebrule.errors import (
        AccessError,
        ConflictError,
        EbruleError,
        ExitCode,
        InterruptedRunError,
        InvalidRuleError,
        LedgerError,
        Overlap,
        Problem,
        RuleNotFoundError,
        UnavailableError,
        UnknownOutcomeError,
        UsageError,
        VersionGoneError,
    )
    from ebrule.pipeline.cases import Case, CaseResult, load_cases, run_cases
    from ebrule.pipeline.deliveries import Delivery, announce_rule, flush_events
    from ebrule.pipeline.operation import UpdateResult
    from ebrule.pipeline.options import UpdateOptions
    from ebrule.pipeline.plan import Examined, RuleFile, load_rule, validate_rule
    from ebrule.pipeline.rollback import rollback_rule
    from ebrule.pipeline.update import plan_update, update_rule
    from ebrule.rules.diff import Change
    from ebrule.rules.kind import Kind, Rule
    from ebrule.rules.registry import KINDS
    from ebrule.settings import Options, Settings, load_settings

__version__ = "0.1.0"

_HOMES = {
    "ebrule.pipeline.cases": (
        "Case",
        "CaseResult",
        "load_cases",
        "run_cases",
    ),
    "ebrule.core.audit": ("AuditLog",),
    "ebrule.core.auth": (
        "Session",
        "connect",
    ),
    "ebrule.core.fetcher": (
        "fetch_rule",
        "list_rules",
    ),
    "ebrule.core.pace": ("Pace",),
    "ebrule.core.status": (
        "AuthStatus",
        "KindAccess",
        "Verdict",
        "auth_status",
    ),
    "ebrule.core.webhook": (
        "Endpoint",
        "make_event",
        "send_event",
    ),
    "ebrule.pipeline.deliveries": (
        "Delivery",
        "announce_rule",
        "flush_events",
    ),
    "ebrule.errors": (
        "AccessError",
        "ConflictError",
        "EbruleError",
        "ExitCode",
        "InterruptedRunError",
        "InvalidRuleError",
        "LedgerError",
        "Overlap",
        "Problem",
        "RuleNotFoundError",
        "UnavailableError",
        "UnknownOutcomeError",
        "UsageError",
        "VersionGoneError",
    ),
    "ebrule.pipeline.operation": ("UpdateResult",),
    "ebrule.pipeline.rollback": ("rollback_rule",),
    "ebrule.pipeline.update": (
        "plan_update",
        "update_rule",
    ),
    "ebrule.pipeline.plan": (
        "Examined",
        "RuleFile",
        "load_rule",
        "validate_rule",
    ),
    "ebrule.rules.diff": ("Change",),
    "ebrule.rules.kind": (
        "Kind",
        "Rule",
    ),
    "ebrule.rules.registry": ("KINDS",),
    "ebrule.settings": (
        "Options",
        "Settings",
        "load_settings",
    ),
    "ebrule.pipeline.options": ("UpdateOptions",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "KINDS",
    "AccessError",
    "AuditLog",
    "AuthStatus",
    "Case",
    "CaseResult",
    "Change",
    "ConflictError",
    "Delivery",
    "EbruleError",
    "Endpoint",
    "Examined",
    "ExitCode",
    "InterruptedRunError",
    "InvalidRuleError",
    "Kind",
    "KindAccess",
    "LedgerError",
    "Options",
    "Overlap",
    "Pace",
    "Problem",
    "Rule",
    "RuleFile",
    "RuleNotFoundError",
    "Session",
    "Settings",
    "UnavailableError",
    "UnknownOutcomeError",
    "UpdateOptions",
    "UpdateResult",
    "UsageError",
    "Verdict",
    "VersionGoneError",
    "announce_rule",
    "auth_status",
    "connect",
    "fetch_rule",
    "flush_events",
    "list_rules",
    "load_cases",
    "load_rule",
    "load_settings",
    "make_event",
    "plan_update",
    "rollback_rule",
    "run_cases",
    "send_event",
    "update_rule",
    "validate_rule",
]


def __getattr__(name: str) -> Any:
    """Import a name of the library when it is first used."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - the command line has no use for it

    return getattr(import_module(_HOME_OF[name]), name)
