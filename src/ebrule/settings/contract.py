"""The default kind as one org serves it: its paths and limits, from the configuration file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ebrule.errors import UsageError
from ebrule.rules.eventbridge import Contract, eventbridge_with
from ebrule.rules.registry import DEFAULT_KIND
from ebrule.settings.profiles import KINDS_TABLE
from ebrule.spelling import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pydantic_core import ErrorDetails

    from ebrule.rules.kind import Kind

_WANTED = {"string_type": "must be text", "int_type": "must be a whole number", "model_type": "must be a table"}


def contracted_kind(path: Path, tables: Mapping[str, Any], *, is_sandbox: bool) -> Kind:
    """Return the default kind with what the tables in ``path`` say of it; with ``is_sandbox``, only of its limits.

    Raises :class:`UsageError` for a path or a limit that cannot be meant, and for tables of other kinds.
    """
    for name in tables:
        if name != DEFAULT_KIND:
            raise _wrong(path, name, "has nothing that can be set", f"Only [{KINDS_TABLE}.{DEFAULT_KIND}] has.")
    contract = _contract(path, tables[DEFAULT_KIND])
    if is_sandbox:
        contract = Contract(**contract.model_dump(exclude={"rule_path", "target_path", "health_path"}))
    return eventbridge_with(contract)


def _contract(path: Path, table: Any) -> Contract:
    try:
        return Contract.model_validate(table)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        where = ".".join((DEFAULT_KIND, *map(str, detail["loc"])))
        raise _wrong(path, where, _reason(detail), f"Known keys: {', '.join(Contract.model_fields)}.") from None


def _reason(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    if detail["type"] == "extra_forbidden":
        return f"is no key that ebrule knows{did_you_mean(str(detail['loc'][-1]), Contract.model_fields)}"
    if detail["type"] == "value_error":
        return str(context["error"])
    if detail["type"] == "greater_than_equal":
        return f"must be {context['ge']} or more"
    return _WANTED.get(detail["type"], "cannot be meant")


def _wrong(path: Path, where: str, reason: str, hint: str) -> UsageError:
    return UsageError(f"{path}: {KINDS_TABLE}.{where} {reason}", hint=hint, code="bad-config")
