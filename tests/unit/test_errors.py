"""The tree of errors: what is drawn is what there is, and the table explains the code that each ends with."""

from __future__ import annotations

import importlib
import pkgutil
import re
import signal
from typing import TYPE_CHECKING, Any

import pytest

import ebrule
from ebrule import errors
from ebrule.cli.exits import MEANINGS, exit_code, exit_table
from ebrule.errors import (
    ConflictError,
    EbruleError,
    ExitCode,
    InterruptedRunError,
    InvalidRuleError,
    Overlap,
    Problem,
    Source,
    UnavailableError,
    UnknownOutcomeError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

DRAWN = re.compile(r"^ {4}(?P<indent>[│ ├└─]*)(?P<name>\w+Error) *(?P<codes>[\d/]*)", re.MULTILINE)


def all_below(kind: type[EbruleError]) -> Iterator[type[EbruleError]]:
    """Yield every subclass, however deep, of a class."""
    for below in kind.__subclasses__():
        yield below
        yield from all_below(below)


def drawn() -> dict[str, tuple[str | None, list[int]]]:
    """Return the drawn tree: each error's parent and its exit codes."""
    found: dict[str, tuple[str | None, list[int]]] = {}
    above: list[str] = []
    for line in DRAWN.finditer(errors.__doc__ or ""):
        depth = len(line["indent"]) // 4
        above[depth:] = [line["name"]]
        codes = [int(code) for code in line["codes"].split("/") if code]
        found[line["name"]] = (above[depth - 1] if depth else None, codes)
    return found


def example(kind: type[EbruleError]) -> EbruleError:
    """Return an error of that class."""
    if issubclass(kind, InterruptedRunError):
        return kind(signal.SIGTERM)
    if issubclass(kind, InvalidRuleError):
        return kind("what happened", [Problem("an-id", "wrong")], hint="what to do")
    return kind("what happened", hint="what to do")


@pytest.fixture(scope="module", autouse=True)
def _everything_is_imported() -> None:
    """Import every module, so that no error class anywhere can hide."""
    for module in pkgutil.walk_packages(ebrule.__path__, "ebrule."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def test_the_tree_is_as_drawn() -> None:
    """The drawing has every class of error, under its parent, and no other."""
    there = {kind.__name__: kind.__base__.__name__ for kind in all_below(EbruleError) if kind.__base__}
    expected = {name: parent for name, (parent, _) in drawn().items() if parent}

    assert expected == there


def test_the_exit_codes_are_as_drawn() -> None:
    """The drawing has the exit code of every class of error; for signals, all of them."""
    signals = [ExitCode.SIGHUP, ExitCode.SIGINT, ExitCode.SIGTERM]
    there = {
        kind.__name__: signals if kind is InterruptedRunError else [kind.exit_code] for kind in all_below(EbruleError)
    }

    assert {name: codes for name, (parent, codes) in drawn().items() if parent} == there


def test_every_error_is_defined_in_one_place() -> None:
    """No class of error that a user can meet stands outside the one module that draws them."""
    assert {errors.__name__} == {kind.__module__ for kind in all_below(EbruleError)}


def test_every_error_says_what_and_why_and_has_a_name() -> None:
    """Each class takes a message and a hint, and has a code of its own and an exit code, not a bug's."""
    kinds = list(all_below(EbruleError))
    for kind in kinds:
        error = example(kind)
        assert error.message == str(error) != ""
        assert kind is InterruptedRunError or error.hint == "what to do"
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", error.code)
        assert kind.exit_code is not ExitCode.BUG
        assert kind.__doc__

    assert len(kinds) == len({kind.code for kind in kinds})


def test_every_exit_code_is_explained() -> None:
    """The table has each exit code once, and says something about the org's rule."""
    assert list(ExitCode) == list(MEANINGS)
    assert all(meaning and rule for meaning, rule in MEANINGS.values())
    assert len(MEANINGS) + 1 == len(exit_table().splitlines())


def test_every_error_ends_with_a_code_of_the_table() -> None:
    """Whatever error ends a command, the process's status is one that the table explains."""
    for kind in all_below(EbruleError):
        assert exit_code(example(kind)) in MEANINGS


@pytest.mark.parametrize("bug", [KeyError("x"), RuntimeError(), EbruleError("bare")], ids=repr)
def test_what_is_no_error_of_ebrule_is_a_bug(bug: Exception) -> None:
    """Anything that no class was made for ends with 1."""
    assert exit_code(bug) == ExitCode.BUG


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_as_a_shell_reports_it(signum: int, status: int) -> None:
    """An interrupted run's status is 128 and the signal's number, and its message names the signal."""
    error = InterruptedRunError(signum)

    assert (status, True) == (exit_code(error), signal.Signals(signum).name in error.message)


def test_an_error_has_what_the_reply_said() -> None:
    """Status and reference of the reply, and a code finer than the class's, are kept."""
    error = UnavailableError("no", hint="later", code="past-deadline", http_status=503, correlation_id="c")

    assert (
        error.code, error.http_status, error.correlation_id, error.result,
    ) == ("past-deadline", 503, "c", None)  # fmt: skip
    assert UnavailableError.code == "unavailable"


@pytest.mark.parametrize("kind", [ConflictError, UnknownOutcomeError])
def test_overlaps_are_kept_in_order(kind: Any) -> None:
    """A conflict, and a fate that is unknown, show what overlaps."""
    overlaps = [Overlap("b", 1, 2, 3), Overlap("a", 1, 2, 3)]

    assert tuple(overlaps) == kind("no", overlaps).overlaps


def test_a_source_does_not_show_its_text() -> None:
    """The lines of a file, which may hold secrets, do not show in a traceback's ``repr``."""
    assert "password" not in repr(Source("rule.yaml", ("password: x",)))
