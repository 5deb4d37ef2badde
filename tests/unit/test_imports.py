"""The house's rooms: imports point down, in no circle, and nothing heavy comes before it is needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import ebrule
from ledgers import LedgerWriter

SOURCE = Path(ebrule.__file__).parent
FLOORS = [
    ["cli", "__main__"],
    ["pipeline"],
    ["core"],
    ["rulefile", "redaction", "settings", "schema"],
    ["rules"],
    ["errors", "__init__", "sanitizer", "spelling", "diagnostics", "system"],
]
"""The rooms from the top floor down."""


@cache
def modules() -> dict[str, Path]:
    """Return each module's name below ``ebrule``, and its file."""
    return {
        ".".join(path.relative_to(SOURCE).with_suffix("").parts): path
        for path in SOURCE.rglob("*.py")
        if path.parent.name != "sandbox"
    }


def room(module: str) -> str:
    """Return the room that a module stands in."""
    return module.partition(".")[0]


def imports(path: Path, *, when_run: bool) -> set[str]:
    """Return the ebrule modules that a file imports; ``when_run`` leaves out those for type checkers alone."""
    found = set()
    tree = ast.parse(path.read_text())
    skipped = [
        node
        for node in ast.walk(tree)
        if when_run and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
    ]
    ignored = {id(below) for node in skipped for below in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in ignored or not isinstance(node, ast.ImportFrom) or node.module is None:
            continue
        if node.module == "ebrule" or node.module.startswith("ebrule."):
            base = node.module.removeprefix("ebrule").lstrip(".")
            for name in node.names:
                whole = f"{base}.{name.name}".lstrip(".")
                found.add(whole if whole in modules() else base or "__init__")
    return found


@pytest.mark.parametrize("module", sorted(modules().keys() - {"__init__"}))
def test_imports_point_down(module: str) -> None:
    """No module imports from a floor above its own, not even for a type checker; ``__init__`` is a list of names."""
    floors = {name: floor for floor, names in enumerate(FLOORS) for name in names}
    upward = {
        other
        for other in imports(modules()[module], when_run=False)
        if not other.startswith("sandbox") and floors[room(other)] < floors[room(module)]
    }

    assert upward == set()


def test_imports_form_no_circle() -> None:
    """The modules can be sorted so that each imports only earlier ones."""
    graph = {module: imports(path, when_run=True) for module, path in modules().items() if module != "__init__"}

    TopologicalSorter(graph).prepare()


def test_only_the_command_line_knows_the_sandbox() -> None:
    """No room but ``cli`` imports the sandbox."""
    knowing = {
        module
        for module, path in modules().items()
        if any(name.startswith("sandbox") for name in imports(path, when_run=False))
    }

    assert {room(module) for module in knowing} == {"cli"}


def loaded_by(*arguments: str) -> set[str]:
    """Return the modules that a command has imported when it ends."""
    code = "import sys; from ebrule.cli.app import run; run(sys.argv[1:]); print('\\n' + ' '.join(sys.modules))"
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.splitlines()[-1].split())


HEAVY = {"httpx", "pydantic", "yaml", "rich"}
NETWORK = {"httpx", "ssl", "asyncio"}
OTHER_KINDS = {"ebrule.rules.trigger", "ebrule.rules.source"}
EXAMPLES = SOURCE.parents[1] / "examples"
NOT_LOADED = {
    "": HEAVY,
    "--version": HEAVY,
    "--help": HEAVY,
    "update --help": HEAVY,
    "audit --help": HEAVY,
    "audit show --help": HEAVY,
    "explain priority-range": {*NETWORK, "yaml", "rich"},
    "schema": {*NETWORK, "rich"},
    "validate rule.yaml": {*NETWORK, "rich", *OTHER_KINDS},
    "test rule.yaml --cases cases.yaml": {*NETWORK, "rich", *OTHER_KINDS},
    "audit show": {*NETWORK, "yaml"},
    "audit verify": {*NETWORK, "yaml", "rich"},
    "audit report --out -": {*NETWORK, "yaml", "rich"},
}
"""What a command does without: only those that ask an org load what can. Typer has pydantic read any option's value."""


@pytest.mark.parametrize("command", NOT_LOADED)
def test_no_command_loads_more_than_it_uses(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command imports none of the modules that it does without."""
    monkeypatch.setenv("EBRULE_STATE_DIR", str(tmp_path))
    monkeypatch.chdir(EXAMPLES)
    LedgerWriter(tmp_path / "audit.jsonl").update()

    assert loaded_by(*command.split()) & NOT_LOADED[command] == set()


def test_little_is_loaded_before_an_interrupt_is_handled() -> None:
    """Until ``main`` runs, Python would print a traceback: the modules before it import nothing that takes time."""
    code = f"import sys; sys.path.insert(0, {str(SOURCE.parent)!r}); import ebrule.__main__; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert {"typing", "re", "enum", "contextlib", "importlib"}.isdisjoint(done.stdout.split())
