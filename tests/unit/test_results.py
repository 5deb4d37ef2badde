"""How results and errors are told."""

from __future__ import annotations

import io

import pytest

from ebrule.cli.render import Screen
from ebrule.cli.results import show_error
from ebrule.errors import InvalidRuleError, Problem, Source
from ebrule.pipeline.operation import UpdateResult


@pytest.mark.parametrize(
    ("attempts", "said"), [(0, "rule.yaml has 1 mistake. Nothing was sent."), (1, "the merged rule is not right")]
)
def test_that_nothing_was_sent_is_said_only_where_that_is_so(attempts: int, said: str) -> None:
    """A rule that is found wrong after a refused PUT, when it was merged, is no mistake of the file's."""
    error = InvalidRuleError(
        "the merged rule is not right", [Problem("p", "wrong", ("a",))], source=Source("rule.yaml", ("a: 1",))
    )
    error.result = UpdateResult(error=error, attempts=attempts)
    err = io.StringIO()

    show_error(Screen(io.StringIO(), err, {}), error)

    assert f"error: {said}\n" in err.getvalue()
