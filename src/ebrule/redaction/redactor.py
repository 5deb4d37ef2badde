"""Takes secrets out of what is recorded, announced, printed or logged.

In the place of a secret stands ``redacted:`` and a keyed digest of it. The same secret gives the same text,
so a change still shows; without the key nobody can test guesses against it.

Places come first: what stands where a rule file says ``${env:…}`` is hidden whatever it is. By its value, a secret is
looked for everywhere else only where it is long and rare enough to mean itself: a short or common one would hide
words that are none of it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

from ebrule.redaction.keys import Key, digest
from ebrule.redaction.names import is_sensitive
from ebrule.redaction.places import DIGEST, NOWHERE, Place, Places, behind, within
from ebrule.redaction.urls import IN_TEXT, Grammar, grammar_of, without_secret_parts
from ebrule.redaction.vocabulary import WORDS, is_rare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ebrule.errors import Problem

# Two entries of one mapping can hold a name and its value, as in a list of headers; and three a change of
# what `path` names. A bracketed part of a path is an id or an index, no name.
_NAMING = frozenset(("name", "key", "header"))
_NAMED = frozenset(("value", "values"))
_CHANGED = frozenset(("before", "after", "base", "ours", "theirs"))
_BRACKETED = re.compile(r"\[[^\]]*\]")
# What stands between quotation marks, which may hold some; what has no end nearby is all that follows.
_QUOTED = re.compile(r"""(?<!\w)(["'])(?:(.{0,300}?)\1(?!\w)|(.*))""", re.DOTALL)


class Redactor:
    """Redacts the values of sensitive names and places, the sensitive parts of URLs, and what holds a known secret.

    Args:
        key: What the digests are keyed with: see `ebrule.redaction.redaction_key`.
        secrets: The secrets that are known; those that are short or common count at their places only.
        quoted: What is secret where it is quoted in prose, and not in data: there, the name beside it tells.
        places: Where secrets stand in the rule.
    """

    def __init__(
        self, key: bytes, secrets: Iterable[str] = (), quoted: Iterable[str] = (), *, places: Places = NOWHERE
    ) -> None:
        self.key = key if isinstance(key, Key) else Key(key)
        self.places = places
        self._secrets = _spelled(secrets)
        self._quoted = {**_spelled(quoted), **self._secrets}
        self._in_names = _any_of(self._secrets)
        self._in_prose = _any_of(self._quoted)

    @property
    def key_id(self) -> str:
        """What a record that holds digests says of their key."""
        return self.key.id

    def value(self, text: str) -> str:
        """What stands in the place of ``text``: itself, if it is redacted already."""
        return text if DIGEST.fullmatch(text) else f"redacted:{digest(self.key, text)}"

    def data(self, data: Any) -> Any:
        """A deep copy of a rule or other JSON-like data, redacted; a list is taken for one of rules.

        At the place of a secret, and under a sensitive name, every leaf is redacted but None, which holds nothing. A
        string that contains a secret is redacted as a whole; of a URL, only user information and sensitive parameters
        are. The value that a condition compares with stays, whatever its field, unless it came from the environment.
        """
        if isinstance(data, (list, tuple)):
            return [self._walk(item, self.places.known) for item in data]
        return self._walk(data, self.places.known)

    def at(self, path: str, value: Any) -> Any:
        """A deep copy of what stands at a path of the rule, such as ``targets[crm].headers``, redacted."""
        # The key of a target may look like an element of a list, brackets and all.
        _, inside, key = path.rpartition("].")
        if is_sensitive(_BRACKETED.sub("", path)) or (inside and is_sensitive(key)):
            return self._leaves(value)
        return self._walk(value, self.places.at(path))

    def text(self, text: str) -> str:
        """A line for people, without the known secrets and without secret parts of URLs."""
        return without_secret_parts(self.without_known(text), IN_TEXT, self.value)

    def without_known(self, text: str) -> str:
        """A line for people, without the known secrets; URLs are left, of which these may be only a part."""
        return self._in_prose.sub(lambda match: self.value(self._quoted.get(match[0], match[0])), text)

    def knowing(self, recorded: Any, data: Any) -> Redactor:
        """A redactor that takes for secrets also what ``recorded`` has redacted and ``data`` would show.

        So a value that only an earlier run knew as a secret stays one, and so does what has come to its place since.
        What is redacted of ``data`` is a secret in prose from now on: a server may quote it without its name.

        Args:
            recorded: One state of the rule as the ledger has it, or several, or None.
            data: The rule, or several states of it.
        """
        hidden = set(_strings(recorded))
        noting = _Noting(self.key, self._secrets.values(), places=self.places.recorded_in(recorded))
        texts = [(text, shown) for text, shown in _leaves(data, noting.data(data)) if isinstance(text, str)]
        digests = [self, *map(Redactor, self.key.former)]
        forgotten = {
            text
            for text, shown in texts
            if shown != self.value(text) and any(each.value(text) in hidden for each in digests)
        }
        quoted = noting.noted | {word for text in noting.named for word in text.split()}
        known = {*self._secrets.values(), *forgotten, *noting.placed}
        return Redactor(self.key, known, {*self._quoted.values(), *quoted}, places=noting.places)

    def also(self, secrets: Iterable[str]) -> Redactor:
        """A redactor that knows further secrets."""
        known = {*self._secrets.values(), *secrets}
        return Redactor(self.key, known, self._quoted.values(), places=self.places)

    def problem(self, problem: Problem) -> Problem:
        """A problem whose message, path and hint are without secrets; at the place of one, they quote no value."""
        show = self._text_at_a_place if self.places.cover(problem.path) else self.text
        path = tuple(self.text(part) if isinstance(part, str) else part for part in problem.path)
        hint = show(problem.hint) if problem.hint else None
        return problem._replace(message=show(problem.message), path=path, hint=hint)

    def _text_at_a_place(self, text: str) -> str:
        def hide(quoted: re.Match[str]) -> str:
            mark, said, rest = quoted.groups()
            return quoted[0] if said in WORDS else f"{mark}{self.value(said if rest is None else rest)}{mark}"

        return _QUOTED.sub(hide, self.text(text))

    def restore(self, recorded: Any, known: Any) -> Any:
        """A deep copy of redacted data, in which what ``known`` holds unredacted stands as it is again.

        What stands nowhere in ``known`` stays redacted.
        """
        originals: dict[str, Any] = {}
        places = self.places.recorded_in(recorded)
        for key in (*self.key.former, self.key):
            redactor = Redactor(key, self._secrets.values(), places=places)
            for value, shown in _leaves(known, redactor.data(known)):
                if isinstance(value, str):
                    # Another run may have known it as a secret that this one does not know.
                    originals[redactor.value(value)] = value
                if isinstance(shown, str):
                    originals[shown] = value
        return _replaced(recorded, originals)

    def _walk(self, data: Any, places: Sequence[Place]) -> Any:
        if isinstance(data, Mapping):
            hidden = _hidden_names(data)
            return {
                self._name(name): self._leaves(value) if name in hidden else self._walk(value, behind(places, name))
                for name, value in data.items()
            }
        if isinstance(data, (list, tuple)):
            if not places:
                return [self._walk(item, ()) for item in data]
            return [self._walk(item, left) for item, left in zip(data, within(places, data), strict=True)]
        if data is not None and (place := next((each for each in places if each.hides(data)), None)):
            return self._placed(_text(data), place)
        return self._string(data) if isinstance(data, str) else data

    def _leaves(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            return {self._name(name): self._leaves(value) for name, value in data.items()}
        if isinstance(data, (list, tuple)):
            return [self._leaves(item) for item in data]
        return None if data is None else self._named(_text(data))

    def _placed(self, text: str, place: Place) -> str:  # noqa: ARG002 - for who notes it
        return self.value(text)

    def _named(self, text: str) -> str:
        return self.value(text)

    def _name(self, name: str) -> str:
        return self.value(name) if self._in_names.search(name) else name

    def _string(self, text: str) -> str:
        if any(secret in text for secret in self._secrets):
            return self.value(text)
        return self._urls(text, grammar_of(text))

    def _urls(self, text: str, grammar: Grammar) -> str:
        return without_secret_parts(text, grammar, self._named)


class _Noting(Redactor):
    """A redactor that keeps what it takes out.

    Attributes:
        noted: each text as a whole.
        named: those that a name tells, of which each word may be a secret.
        placed: what of those at places came, or would have come, from the environment.
    """

    def __init__(self, key: bytes, secrets: Iterable[str], *, places: Places) -> None:
        super().__init__(key, secrets, places=places)
        self.noted: set[str] = set()
        self.named: set[str] = set()
        self.placed: set[str] = set()

    def value(self, text: str) -> str:
        self.noted.add(text)
        return super().value(text)

    def _named(self, text: str) -> str:
        self.named.add(text)
        return self.value(text)

    def _placed(self, text: str, place: Place) -> str:
        self.placed.update(place.secrets_in(text))
        self._urls(text, grammar_of(text))
        return self.value(text)


def _text(leaf: Any) -> str:
    return leaf if isinstance(leaf, str) else json.dumps(leaf)


def _strings(data: Any) -> Iterator[str]:
    """Every text in JSON-like data, names included."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, Mapping):
        for name, value in data.items():
            yield name
            yield from _strings(value)
    elif isinstance(data, (list, tuple)):
        for item in data:
            yield from _strings(item)


def _leaves(data: Any, redacted: Any) -> Iterator[tuple[Any, Any]]:
    """Every name and value in data that is neither a mapping nor a list, with what stands in its place."""
    if isinstance(data, Mapping):
        for (name, value), (shown, other) in zip(data.items(), redacted.items(), strict=True):
            yield name, shown
            yield from _leaves(value, other)
    elif isinstance(data, (list, tuple)):
        for value, other in zip(data, redacted, strict=True):
            yield from _leaves(value, other)
    else:
        yield data, redacted


def _replaced(recorded: Any, originals: Mapping[str, Any]) -> Any:
    if isinstance(recorded, Mapping):
        return {_replaced(name, originals): _replaced(value, originals) for name, value in recorded.items()}
    if isinstance(recorded, (list, tuple)):
        return [_replaced(item, originals) for item in recorded]
    if isinstance(recorded, str) and "redacted:" in recorded:
        return originals.get(recorded, recorded)
    return recorded


def _spelled(secrets: Iterable[str]) -> dict[str, str]:
    """The rare ones of secrets by their spellings: as they are, and as they stand in a URL, in JSON and in Python."""
    secrets, found = set(filter(is_rare, secrets)), dict[str, str]()
    for secret in secrets:
        url = secret.encode("utf-8", "surrogatepass")
        in_json = (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])
        found |= dict.fromkeys((quote(url), quote(url, safe=""), quote_plus(url), *in_json, repr(secret)[1:-1]), secret)
    return found | {secret: secret for secret in secrets}


def _any_of(spelled: Iterable[str]) -> re.Pattern[str]:
    """What finds these, the longest first, as one may begin with another; what is redacted already is stepped over."""
    longest_first = sorted(spelled, key=len, reverse=True)
    return re.compile("|".join((DIGEST.pattern, *map(re.escape, longest_first))))


def _hidden_names(data: Mapping[str, Any]) -> set[str]:
    """The names in this mapping whose values are to be hidden, for themselves or for what an entry says."""
    entries = {name.lower(): value for name, value in data.items()}
    naming = [entries[name] for name in _NAMING & entries.keys()] if _NAMED & entries.keys() else []
    hidden = {name for name in data if is_sensitive(name) and not (naming and name.lower() in _NAMING)}
    if any(isinstance(name, str) and is_sensitive(name) for name in naming):
        hidden |= {name for name in data if name.lower() in _NAMED}
    path = entries.get("path")
    if isinstance(path, str) and is_sensitive(_BRACKETED.sub("", path)):
        hidden |= {name for name in data if name.lower() in _CHANGED}
    return hidden


def each_text(data: Any, hide: Callable[[str], str]) -> Any:
    """A deep copy of JSON-like data in which every text, names included, is as ``hide`` shows it."""
    if isinstance(data, Mapping):
        return {hide(name): each_text(value, hide) for name, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [each_text(item, hide) for item in data]
    return hide(data) if isinstance(data, str) else data


def holds_redacted(text: str) -> bool:
    """Whether a secret, or a part of a URL, has been taken out of this text."""
    return DIGEST.search(text) is not None


def holds_digests(data: Any) -> bool:
    """Whether a secret has been taken out of JSON-like data."""
    return any(holds_redacted(text) for text in _strings(data))


def with_key_id(fields: Mapping[str, Any], key: Key) -> dict[str, Any]:
    """Return the fields of a record with ``key_id``, which tells the key of its digests, where it has any."""
    return {**fields, "key_id": key.id} if holds_digests(fields) else dict(fields)


def without_secrets(problem: Problem, secrets: Iterable[str], places: Places = NOWHERE) -> Problem:
    """A problem that shows nothing of these secrets, nor of what stands at these places."""
    return Redactor(os.urandom(32), secrets, places=places).problem(problem)


def aligned(recorded: Any, present: Any) -> Any:
    """A copy of a recorded state in which each digest of another key stands as ``present``, which is redacted, has it.

    Digests of different keys cannot be compared: whether such a secret has changed is not known, and where only the
    digests differ, the two states are taken for the same. A secret that is gone, or new, still shows.
    """
    if isinstance(recorded, Mapping) and isinstance(present, Mapping):
        return {name: aligned(value, present.get(name)) for name, value in recorded.items()}
    if isinstance(recorded, list) and isinstance(present, list):
        return [aligned(item, other) for item, other in zip(recorded, _counterparts(recorded, present), strict=True)]
    if isinstance(recorded, str) and isinstance(present, str) and DIGEST.sub("", recorded) == DIGEST.sub("", present):
        return present
    return recorded


def _counterparts(items: list[Any], others: list[Any]) -> list[Any]:
    """Return for each element of a list the one of another list that has its id, else its index."""
    by_id = {other["id"]: other for other in others if isinstance(other, Mapping) and isinstance(other.get("id"), str)}
    by_index = [*others, *[None] * len(items)]
    return [
        by_id.get(item["id"]) if isinstance(item, Mapping) and isinstance(item.get("id"), str) else by_index[at]
        for at, item in enumerate(items)
    ]
