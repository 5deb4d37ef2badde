"""A quick look at what a ledger's line says of itself, for walks over many lines.

The line is checked as a whole, but no objects are made of what else it holds, which is where reading JSON spends its
time.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class _Envelope(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    version: Literal[1] = Field(alias="schema")
    type: str
    timestamp: str
    operation_id: str
    prev: str


class _Ending(_Envelope):
    prev: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    result: Any = None
    state: Any = None
    decided_by: Any = None


_validate = _Envelope.__pydantic_validator__.validate_json
_validate_ending = _Ending.__pydantic_validator__.validate_json


def prev_of(raw: bytes) -> str | None:
    """What a line says of the one before, or None for a line that only `ebrule.core.chain.decode` can judge.

    Where this is a hash, `decode` takes the line for a record too, and finds the same hash; not the other way round.
    """
    try:
        found: _Envelope = _validate(raw)
    except ValidationError:
        return None
    return found.prev


def ending_of(raw: bytes) -> dict[str, Any] | None:
    """What a line says of how its operation ended.

    That is the envelope's fields, ``result``, ``state`` and ``decided_by``, with None for what is missing; and None
    for a line that only `ebrule.core.chain.decode` can judge.
    """
    try:
        found: _Ending = _validate_ending(raw)
    except ValidationError:
        return None
    return vars(found)
