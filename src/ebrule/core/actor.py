"""Who runs this: the user and host, and in a pipeline the run that can be looked up."""

from __future__ import annotations

import getpass
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def actor(environ: Mapping[str, str]) -> dict[str, str]:
    """Return ``user`` and ``host``; on GitHub and GitLab also ``run`` (its URL), ``commit`` and ``login``.

    Sources: the variables that GitHub Actions and GitLab CI document for their jobs.
    """
    found = {"user": _user(), "host": socket.gethostname()}
    if environ.get("GITHUB_ACTIONS") == "true":
        parts = [environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")]
        server, repository, run = parts
        found |= {
            "run": f"{server}/{repository}/actions/runs/{run}" if all(parts) else "",
            "commit": environ.get("GITHUB_SHA", ""),
            "login": environ.get("GITHUB_ACTOR", ""),
        }
    elif environ.get("GITLAB_CI") == "true":
        found |= {
            "run": environ.get("CI_JOB_URL", ""),
            "commit": environ.get("CI_COMMIT_SHA", ""),
            "login": environ.get("GITLAB_USER_LOGIN", ""),
        }
    return {key: value for key, value in found.items() if value}


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may run a user id that has no name
        return ""
