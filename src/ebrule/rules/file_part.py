"""What the parts of every rule file have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, JsonValue, model_validator


class FilePart(BaseModel):
    """A part of a rule file: types are strict, keys are known, and a key that is null counts as left out.

    A key that takes any JSON keeps its null: an event is compared with it.
    """

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        return {key: value for key, value in data.items() if value is not None or not cls._takes_no_null(key)}

    @classmethod
    def _takes_no_null(cls, key: str) -> bool:
        # An unknown key is reported, whatever it holds: it may be a known one, misspelled.
        return key in cls.model_fields and cls.model_fields[key].annotation is not JsonValue
