"""The catalogue of problems: it has every id that the source can tell and no other, and its examples are true."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import ebrule
from ebrule.diagnostics import CATALOGUE
from ebrule.diagnostics.org import ORG
from ebrule.pipeline.plan import validate_rule
from ebrule.rulefile.problems import WORDINGS
from ebrule.rules.registry import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

    from ebrule.diagnostics.diagnostic import Diagnostic

SOURCE = Path(ebrule.__file__).parent
EXAMPLES = SOURCE.parents[1] / "examples"
HANG_GUARD_SECONDS = 60

BASES = {
    "eventbridge": (EXAMPLES / "rule.yaml").read_text(),
    "trigger": "name: Calls\nenabled: true\ntopicName: v2.calls\ntarget: {type: Workflow, id: flow}\n",
    "eventbridge-source": (
        "name: Source\nproperties:\n  eventSourceSuffix: x\n  awsAccountId: '012345678901'\n"
        "  awsAccountRegion: eu-west-1\n  eventFilter: [v2.users]\n"
    ),
}
"""A right rule of each kind, for an example to change."""

UNEXEMPLIFIED = {"invalid-value", "path-too-wide"}
"""What no example shows: a limit of pydantic's that ebrule has no words for, and one that takes a large event."""


def modules() -> Iterator[ast.Module]:
    """Yield the sources that can tell a problem."""
    return (ast.parse(path.read_text()) for path in SOURCE.rglob("*.py") if "sandbox" not in path.parts)


def calls(name: str) -> Iterator[ast.Call]:
    """Yield each call of a function with this name."""
    for module in modules():
        for node in ast.walk(module):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
                yield node


def constants() -> dict[str, str]:
    """Return the texts that modules have given names to."""
    return {
        node.targets[0].id: node.value.value
        for module in modules()
        for node in module.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }


def models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Yield a model and those in its fields."""
    yield model
    for field in model.model_fields.values():
        for name in re.findall(r"ebrule\.rules\.\w+\.\w+", str(field.annotation)):
            module, _, cls = name.rpartition(".")
            yield from models(getattr(sys.modules[module], cls))


def bounded() -> set[str]:
    """Return the names of the fields that pydantic bounds, in kebab case."""
    return {
        re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).lower()
        for kind in KINDS.values()
        for model in models(kind.model)
        for name, field in model.model_fields.items()
        if any(hasattr(limit, "ge") or hasattr(limit, "le") for limit in field.metadata)
    }


def computed() -> dict[str, set[str]]:
    """Return what the gaps of ids that are computed can hold, by the id as it stands in the source."""
    references = list(calls("Reference"))
    named = {ast.literal_eval(call.args[1]) for call in references}
    checked = {ast.literal_eval(call.args[1]) for call in references if len(call.args) > 4}
    ids = {ast.literal_eval(call.args[1]) for call in calls("id_problems")}
    return {
        "f'unknown-{reference.what}'": {f"unknown-{what}" for what in named},
        "f'unfit-{reference.what}'": {f"unfit-{what}" for what in checked},
        "f'bad-{what}-id'": {f"bad-{what}-id" for what in ids},
        "f'{name}-range'": {f"{name}-range" for name in bounded()},
    }


def test_the_catalogue_has_what_the_source_can_tell() -> None:
    """Every id in the source is in the catalogue, and every id of the catalogue is in the source."""
    told = set(WORDINGS)
    for call in calls("Problem"):
        first = call.args[0]
        if isinstance(first, ast.Constant):
            told.add(str(first.value))
        elif isinstance(first, ast.JoinedStr):
            told |= computed()[ast.unparse(first)]
        elif ast.unparse(first) != "kind":  # that of a wording
            told.add(constants()[ast.unparse(first)])

    assert set(CATALOGUE) == told


def test_every_wording_is_told() -> None:
    """Each problem of a file as a file is told somewhere in the room that reads files."""
    readers = [path.read_text() for path in (SOURCE / "rulefile").glob("*.py") if path.name != "problems.py"]

    assert [] == [each for each in WORDINGS if not any(f'"{each}"' in text for text in readers)]


def whole(example: str) -> str:
    """Return an example with all that it leaves out of a rule of its kind."""
    if example.startswith("{"):
        return example
    kind = re.search(r"^kind: (trigger|eventbridge-source)$", example, re.MULTILINE)
    said = set(re.findall(r"^(\w+):", example, re.MULTILINE))
    entries = re.findall(r"^\w+:.*\n(?:[ -].*\n)*", BASES[kind[1] if kind else "eventbridge"], re.MULTILINE)
    return "\n".join([example, *(entry for entry in entries if entry.split(":")[0] not in said)])


def ids_in(example: str, folder: Path) -> set[str]:
    """Return the ids of the problems that an example has."""
    if not example.startswith("$ "):
        name = folder / ("rule.json" if example.startswith("{") else "rule.yaml")
        name.write_text(whole(example))
        return {problem.id for problem in validate_rule(name, environ={}).problems}
    shutil.copytree(EXAMPLES, folder, dirs_exist_ok=True)
    shutil.copytree(EXAMPLES, folder / "rules")
    environ = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        ["bash", "-c", re.sub(r"^\$ ", "", example, flags=re.MULTILINE)],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG_GUARD_SECONDS,
    )
    assert done.returncode in (0, 3), done.stderr
    return set(re.findall(r"(?:error|warning)\[([a-z0-9-]+)\]", done.stdout + done.stderr))


@pytest.mark.parametrize(
    "diagnostic", [each for each in CATALOGUE.values() if each not in ORG], ids=lambda each: each.id
)
def test_the_examples_are_true(diagnostic: Diagnostic, tmp_path: Path) -> None:
    """Each wrong example has the problem, and the right one does not; a warning is one."""
    (tmp_path / "wrong").mkdir()
    (tmp_path / "right").mkdir()

    if diagnostic.id not in UNEXEMPLIFIED:
        assert diagnostic.id in ids_in(diagnostic.wrong, tmp_path / "wrong")
    assert diagnostic.id not in ids_in(diagnostic.right, tmp_path / "right")


def test_only_warnings_are_called_so() -> None:
    """The catalogue's severities are those of the source."""
    warnings = {
        ast.literal_eval(call.args[0])
        for call in calls("Problem")
        if any(given.arg == "severity" and ast.unparse(given.value) == "'warning'" for given in call.keywords)
    }

    assert warnings == {each.id for each in CATALOGUE.values() if each.warning}


@pytest.mark.parametrize("diagnostic", CATALOGUE.values(), ids=lambda each: each.id)
def test_an_entry_is_whole(diagnostic: Diagnostic) -> None:
    """An id is in kebab case, a title fits a line, and the text is made of sentences."""
    assert re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", diagnostic.id)
    assert 0 < len(diagnostic.title) <= 80
    assert not diagnostic.title.endswith(".")
    assert diagnostic.why.endswith(".")
    assert diagnostic.wrong != diagnostic.right
