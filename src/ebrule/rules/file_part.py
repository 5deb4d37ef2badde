"""What the parts of every rule file have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, JsonValue, model_validator

_ANY_JSON: Any = JsonValue


class FilePart(BaseModel):
    """A part of a rule file: types are strict, keys are known, and a key that is null counts as left out."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        return {key: value for key, value in data.items() if value is not None or not null_is_absence(cls, key)}


def null_is_absence(model: type[BaseModel], key: str) -> bool:
    """Return whether a model takes a null at a key for a key that is left out.

    It does not where any JSON must be said, of which null is a value, nor at a key that it does not know: that may be
    one that it does, misspelled.
    """
    field = model.model_fields.get(key)
    return field is not None and not (field.is_required() and field.annotation is _ANY_JSON)
