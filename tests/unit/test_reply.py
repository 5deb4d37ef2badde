"""What can be read from a reply, whatever a server sends."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clocks import reply
from ebrule.core.reply import Reply


@pytest.mark.parametrize(
    ("body", "data"),
    [
        pytest.param(b'{"a": [1, 2.5, "x", true, null]}', {"a": [1, 2.5, "x", True, None]}, id="object"),
        pytest.param(b"\xef\xbb\xbf{}", {}, id="byte-order-mark"),
        pytest.param(b'{"a": "\\ud800"}', {"a": "\ud800"}, id="lone-surrogate"),
        pytest.param(b"", None, id="empty"),
        pytest.param(b"null", None, id="null"),
        pytest.param(b"<html></html>", None, id="html"),
        pytest.param(b'{"a": 1', None, id="cut-short"),
        pytest.param(b"\xff\xfe\xfd", None, id="no-text"),
        pytest.param(b'{"a": NaN}', None, id="nan"),
        pytest.param(b'{"a": -Infinity}', None, id="infinity"),
        pytest.param(b'{"a": 1e999}', None, id="number-too-large"),
        pytest.param(b'{"a": ' + b"9" * 5_000 + b"}", None, id="5000-digits"),
        pytest.param(b"[" * 200_000, None, id="deep-nesting"),
    ],
)
def test_a_body_is_json_or_nothing(body: bytes, data: Any) -> None:
    """What cannot be sent back as JSON is no JSON, and never an error."""
    assert data == Reply(200, {}, body).json


@pytest.mark.parametrize("body", [[1], "text", 5, None, b"no json"], ids=repr)
def test_an_object_is_always_an_object(body: Any) -> None:
    """Where the body is no JSON object, an empty one stands for it."""
    assert reply(200, body).object == {}


@pytest.mark.parametrize(
    ("headers", "body", "found"),
    [
        pytest.param({"inin_correlation_id": "from-header"}, {"contextId": "x"}, "from-header", id="header"),
        pytest.param({}, {"contextId": "from-body"}, "from-body", id="body"),
        pytest.param({}, {"contextId": 5}, None, id="no-text"),
        pytest.param({}, b"", None, id="none"),
    ],
)
def test_the_correlation_id_is_the_headers_or_the_bodys(headers: dict[str, str], body: Any, found: str | None) -> None:
    """Support asks for it, so it is taken from wherever it stands."""
    assert found == reply(500, body, **headers).correlation_id


@pytest.mark.parametrize(
    ("body", "text"),
    [
        pytest.param({"message": "m", "error": "e"}, "m", id="api"),
        pytest.param({"error": "e", "error_description": "d"}, "d", id="oauth"),
        pytest.param({"error": "e", "description": "d"}, "d", id="genesys-oauth"),
        pytest.param({"error": "e"}, "e", id="only-error"),
        pytest.param({"message": "", "error": "e"}, "e", id="empty-message"),
        pytest.param({"message": ["m"]}, "", id="no-text"),
        pytest.param(b"<html>", "", id="html"),
    ],
)
def test_the_error_text_is_the_servers_own(body: Any, text: str) -> None:
    """The API and the token endpoint name their fields differently."""
    assert text == reply(400, body).error_text()


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_no_body_raises(body: bytes) -> None:
    """Any bytes at all can be asked for what they say."""
    broken = Reply(200, {}, body)
    assert isinstance(broken.object, dict)
    assert isinstance(broken.error_text(), str)
