"""What a command line asks for, told without Typer: it may be that nothing else of ebrule is loaded yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SHORT_WITH_VALUE = frozenset("fknopr")
LONG_WITH_VALUE = frozenset(
    """
    --api-url --as --audit-log --audit-otlp --authors --base --ca-file --cases --client-secret-file --deadline
    --event-id --expect-head --expect-version --fault --file --host --junit --kind --last --latency-ms --login-url
    --max-attempts --on-conflict --on-drift --operation --org --org-id --out --output --parallel --port --profile
    --proxy --reason --region --replica-lag --replicas --result --rule-id --run --set --set-string --since --stores
    --to-version --transport --until --webhook-format --webhook-url
    """.split()  # noqa: SIM905 - a list of strings in quotes would not be read
)
"""The options of all commands that take a value: the word after one is that value, whatever it looks like."""


def wants_json(arguments: Iterable[str]) -> bool:
    """Return whether the last ``--output`` of a command line asks for JSON."""
    asked: str | None = None
    words = iter(arguments)
    for word in words:
        if word == "--":
            break
        option, value = _option_in(word)
        if option is not None and value is None:
            value = next(words, None)
        if option in ("--output", "-o"):
            asked = value
    return asked == "json"


def wants_details(arguments: Iterable[str], environ: Mapping[str, str]) -> bool:
    """Return whether a command line asks for all that can help to find a mistake, or the environment does."""
    if is_debugging(environ):
        return True
    words = iter(arguments)
    for word in words:
        if word == "--":
            break
        if word == "--verbose" or _has_flag(word, "v"):
            return True
        option, value = _option_in(word)
        if option is not None and value is None:
            next(words, None)
    return False


def is_debugging(environ: Mapping[str, str]) -> bool:
    """Return whether ``EBRULE_DEBUG`` stands for ``--verbose`` in every command, as in a pipeline."""
    return environ.get("EBRULE_DEBUG", "").lower() not in ("", "0", "false", "no", "off")


def _has_flag(word: str, flag: str) -> bool:
    letters = word[1:] if word.startswith("-") and not word.startswith("--") else ""
    before = next((at for at, letter in enumerate(letters) if letter in SHORT_WITH_VALUE), len(letters))
    return flag in letters[:before]


def _option_in(word: str) -> tuple[str | None, str | None]:
    """Return the option in a word that takes a value, and the value where that is in the word too."""
    if word.startswith("--"):
        name, equals, value = word.partition("=")
        return (name, value if equals else None) if name in LONG_WITH_VALUE else (None, None)
    letters = word[1:] if word.startswith("-") else ""
    for end, letter in enumerate(letters, start=2):  # flags may stand before it
        if letter in SHORT_WITH_VALUE:
            return f"-{letter}", word[end:] or None
    return None, None
