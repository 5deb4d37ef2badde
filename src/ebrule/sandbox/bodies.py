"""Request bodies, read strictly: what cannot be stored and sent back unchanged is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from ebrule.sandbox.replies import ApiError

if TYPE_CHECKING:
    from starlette.requests import Request

MAX_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 64


async def read_body(request: Request, media_type: str) -> bytes:
    """Read a whole body of the expected media type.

    Args:
        request: The request.
        media_type: The only media type to accept, in lower case; parameters such as ``charset`` are ignored.

    Raises:
        ApiError: 415 for another media type, 413 for more than 256 KiB.
    """
    given, _, _ = request.headers.get("content-type", "").partition(";")
    size, chunks = 0, []
    # Read to the end in any case: a client still sending would take an early reply for a broken connection.
    async for chunk in request.stream():
        size += len(chunk)
        if size <= MAX_BYTES:
            chunks.append(chunk)
    if given.strip().lower() != media_type:
        raise ApiError(415)
    if size > MAX_BYTES:
        raise ApiError(413, f"The request is over the size limit. Content-Length: {size}, Maximum bytes: {MAX_BYTES}")
    return b"".join(chunks)


async def read_json_object(request: Request) -> dict[str, Any]:
    """Read a JSON object in UTF-8.

    Raises:
        ApiError: As ``read_json``; 400 also for anything but an object.
    """
    value = await read_json(request)
    if not isinstance(value, dict):
        raise ApiError(400, "The request body must be a JSON object.")
    return value


async def read_json(request: Request) -> Any:
    """Read one JSON value in UTF-8.

    Raises:
        ApiError: 415 and 413 as ``read_body``, 400 as ``parse_json``.
    """
    return parse_json(await read_body(request, "application/json"))


def parse_json(body: bytes) -> Any:
    """Read one JSON value in UTF-8.

    Raises:
        ApiError: 400 for anything but JSON, for numbers that JSON does not have, for text that is no Unicode, and
            for more than 64 levels.
    """
    try:
        value = json.loads(body.decode())
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise ApiError(400, f"The request body is not valid JSON: {error}") from error
    if not _fits(value, MAX_DEPTH):
        raise ApiError(400, f"The request body is nested more than {MAX_DEPTH} levels deep.")
    return value


def _fits(value: Any, levels: int) -> bool:
    if not isinstance(value, (dict, list)):
        return True
    children = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_fits(child, levels - 1) for child in children)
