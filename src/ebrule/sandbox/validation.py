"""Bodies of writes, held against their models: every problem at once, each with its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from ebrule.sandbox.replies import ApiError, Detail

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydantic import ValidationError

MAX_VERSION: Final = 2**31 - 1

Text = Annotated[str, Field(min_length=1)]
Version = Annotated[int, Field(ge=1, le=MAX_VERSION)]


class Open(BaseModel):
    """Takes JSON's types as they are, and keeps the fields that it does not know.

    On the wire its fields are spelled in camel case. It is built when it is first used, so that a server need
    not wait for the models that nobody asks it for.
    """

    model_config = ConfigDict(extra="allow", strict=True, alias_generator=to_camel, defer_build=True)


def details_of(
    error: ValidationError, entity_id: str | None = None, name: str | None = None, *, within: str = ""
) -> Iterator[Detail]:
    """Tell what a model found wrong, field by field.

    Args:
        error: What the model raised.
        entity_id: The resource that was to be written, where there is one already.
        name: Its name.
        within: The field of the body that the model describes; nothing for the body itself.
    """
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        code = f"{'required' if problem['type'] == 'missing' else 'invalid'}.field"
        yield Detail(code, _field_name((within, *problem["loc"])), entity_id, name)


def refuse_if_any(problems: Iterable[Detail], what: str) -> None:
    """Let a body pass only if nothing is wrong with it.

    Args:
        problems: What is wrong.
        what: What the body is, for the message.

    Raises:
        ApiError: 400 with all the problems.
    """
    details = tuple(problems)
    if details:
        fields = ", ".join(dict.fromkeys(detail.fieldName for detail in details))
        raise ApiError(400, f"The {what} is not valid. Check: {fields}", details=details)


def _field_name(location: tuple[int | str, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
