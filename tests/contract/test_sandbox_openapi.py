"""The sandbox keeps what its OpenAPI document promises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import settings
from schemathesis.specs.openapi.checks import (
    ignored_auth,
    missing_required_header,
    negative_data_rejection,
    positive_data_acceptance,
)

from ebrule.sandbox.app import openapi_document

if TYPE_CHECKING:
    from sandbox_process import SandboxProcess

pytestmark = pytest.mark.loopback

_SCHEMA = schemathesis.openapi.from_dict(openapi_document())
_BOUNDED = settings(max_examples=25, deadline=None, derandomize=True)


@pytest.fixture(scope="module")
def authorization(sandbox: SandboxProcess) -> str:
    """A token with every scope, as a header."""
    return f"Bearer {sandbox.token()}"


def test_document_is_served(sandbox: SandboxProcess) -> None:
    """The document is there without a token, and is the one that the other tests here hold the server to."""
    assert openapi_document() == sandbox.anonymous_client().get("/openapi.json").json()


@_SCHEMA.include(path_regex="^/api/").parametrize()
@_BOUNDED
def test_resources_answer_as_documented(
    case: schemathesis.Case[Any], sandbox: SandboxProcess, authorization: str
) -> None:
    """Whatever the document lets a client send, and what it does not, is answered as the document says."""
    case.call_and_validate(
        base_url=sandbox.url,
        headers={"Authorization": authorization},
        # A schema cannot say that targets exist, nor how long all expressions may be together.
        excluded_checks=[positive_data_acceptance],
    )


@_SCHEMA.include(path_regex="^/oauth/").parametrize()
@_BOUNDED
def test_token_endpoint_answers_as_documented(case: schemathesis.Case[Any], sandbox: SandboxProcess) -> None:
    """Token requests of every shape are answered as the document says."""
    case.call_and_validate(
        base_url=sandbox.url,
        auth=sandbox.credentials,
        # Good credentials are always added, and the real login host answers an unknown client with 400.
        excluded_checks=[negative_data_rejection, missing_required_header, ignored_auth],
    )
