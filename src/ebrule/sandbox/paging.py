"""Lists in pages: cursors, links, and the parameters of a query, read strictly."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from ebrule.sandbox.openapi import Parameter
from ebrule.sandbox.replies import ApiError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

MAX_PAGE_SIZE: Final = 200

_DEFAULT_PAGE_SIZE: Final = 25
_CURSOR_PATTERN: Final = "^[A-Za-z0-9_-]{2,}$"
_CURSOR: Final = {"type": "string", "pattern": _CURSOR_PATTERN}
_BOOLEANS: Final = {"true": True, "false": False}

PARAMETERS: Final = (
    Parameter("before", _CURSOR, "The cursor of the page's end; of no use beside `after`."),
    Parameter("after", _CURSOR, "The cursor of the page's beginning."),
    Parameter("pageSize", {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE}, "How many to return."),
)
"""The parameters of every list."""


def text_parameter(request: Request, name: str) -> str | None:
    """Read a parameter that may be given once.

    Raises:
        ApiError: 400, it is there twice.
    """
    values = request.query_params.getlist(name)
    if len(values) > 1:
        raise _refused(",".join(values), name, "one value")
    return values[0] if values else None


def boolean_parameter(request: Request, name: str) -> bool | None:
    """Read a parameter that is ``true`` or ``false``.

    Raises:
        ApiError: 400, it is neither.
    """
    text = text_parameter(request, name)
    if text is not None and text not in _BOOLEANS:
        raise _refused(text, name, ", ".join(_BOOLEANS))
    return None if text is None else _BOOLEANS[text]


def cut(request: Request, keys: Sequence[str]) -> tuple[slice, dict[str, Any]]:
    """Cut the page that a request asks for out of a list.

    Cursors name keys, not positions: what is added or deleted meanwhile moves no other entry.

    Args:
        request: The request.
        keys: The keys of all entries that there are, ascending.

    Returns:
        The entries' positions, and the links of the reply.

    Raises:
        ApiError: 400, a parameter is wrong.
    """
    size = _page_size(request)
    before, after = _cursor(request, "before"), _cursor(request, "after")
    if after is None and before is not None:
        end = sum(key < before for key in keys)
        start = max(0, end - size)
    else:
        start = 0 if after is None else sum(key <= after for key in keys)
        end = min(len(keys), start + size)
    links = {"selfUri": str(request.url.path) + (f"?{request.url.query}" if request.url.query else "")}
    if end < len(keys):
        links["nextUri"] = _link(request, "after", keys[end - 1])
    if 0 < start < len(keys):
        links["previousUri"] = _link(request, "before", keys[start])
    return slice(start, end), links


def _page_size(request: Request) -> int:
    text = text_parameter(request, "pageSize")
    if text is None:
        return _DEFAULT_PAGE_SIZE
    size = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(MAX_PAGE_SIZE)) else 0
    if not 1 <= size <= MAX_PAGE_SIZE:
        raise _refused(text, "pageSize", f"1 to {MAX_PAGE_SIZE}")
    return size


def _cursor(request: Request, name: str) -> str | None:
    text = text_parameter(request, name)
    if text is None:
        return None
    try:
        key = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except ValueError:
        key = ""
    # The decoder skips what it does not know.
    if not key or not re.fullmatch(_CURSOR_PATTERN, text):
        raise _refused(text, name, "the cursors of `nextUri` and `previousUri`")
    return key


def _link(request: Request, name: str, key: str) -> str:
    kept = [(other, value) for other, value in request.query_params.multi_items() if other not in ("before", "after")]
    cursor = base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")
    return f"{request.url.path}?{urlencode([*kept, (name, cursor)])}"


def _refused(value: str, name: str, allowed: str) -> ApiError:
    return ApiError(
        400,
        f"Value [{value}] is not valid for parameter [{name}]. Allowable values are: {allowed}",
        "invalid.query.param.value",
        params={"value": value, "parameter": name, "allowable": allowed},
    )
