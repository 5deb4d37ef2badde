"""Who runs this, and in which pipeline."""

from __future__ import annotations

import getpass
import socket

import pytest

from ebrule.core.actor import actor

GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SERVER_URL": "https://github.example",
    "GITHUB_REPOSITORY": "acme/rules",
    "GITHUB_RUN_ID": "42",
    "GITHUB_SHA": "c0ffee",
    "GITHUB_ACTOR": "octo",
}
GITLAB = {
    "GITLAB_CI": "true",
    "CI_JOB_URL": "https://gitlab.example/acme/rules/-/jobs/7",
    "CI_COMMIT_SHA": "c0ffee",
    "GITLAB_USER_LOGIN": "tanuki",
}


@pytest.mark.parametrize(
    ("environ", "facts"),
    [
        pytest.param({}, {}, id="laptop"),
        pytest.param(
            GITHUB,
            {"run": "https://github.example/acme/rules/actions/runs/42", "commit": "c0ffee", "login": "octo"},
            id="github",
        ),
        pytest.param(
            GITLAB,
            {"run": "https://gitlab.example/acme/rules/-/jobs/7", "commit": "c0ffee", "login": "tanuki"},
            id="gitlab",
        ),
        pytest.param({**GITHUB, "GITHUB_ACTIONS": "false"}, {}, id="not-in-actions"),
        pytest.param({"GITHUB_ACTIONS": "true", "GITHUB_SHA": "c0ffee"}, {"commit": "c0ffee"}, id="no-run"),
        pytest.param({"GITLAB_CI": "true"}, {}, id="bare-gitlab"),
    ],
)
def test_the_actor_is_the_user_and_the_pipelines_run(environ: dict[str, str], facts: dict[str, str]) -> None:
    """User and host always, the run only where the pipeline says it; what is not known is left out."""
    assert {"user": getpass.getuser(), "host": socket.gethostname(), **facts} == actor(environ)


@pytest.mark.parametrize("error", [KeyError("uid"), OSError("no such user")], ids=["up-to-3.12", "from-3.13"])
def test_a_user_without_a_name_is_left_out(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container may run a user id that stands in no list; that stops nothing."""

    def nobody() -> str:
        raise error

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert {"host": socket.gethostname()} == actor({})
