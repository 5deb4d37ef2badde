"""Takes secrets out of what is recorded, announced, printed or logged.

In the place of a secret stands ``redacted:`` and a keyed digest of it. The same secret gives the same text,
so a change still shows; without the key nobody can test guesses against it.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import hmac
import json
import os
import re
import stat
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, quote_plus, unquote_plus

from ebrule.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from ebrule.errors import Problem

_REDACTED = re.compile(r"redacted:[0-9a-f]{16}")
# The shortest secret that is looked for inside prose and names: a shorter one would be found all over.
_MIN_LENGTH = 4
# The same for what only its name makes a secret: behind "auth" may stand a plain word.
_MIN_QUOTED_LENGTH = 8

# A name is sensitive where one of these stands anywhere in it …
_SENSITIVE = re.compile("auth|cookie|token|secret|key|passw|passphrase|passcode|signature|credential|session")
# … other than as a piece of a plain word …
_PLAIN = re.compile(
    "author(?!i[sz])|secretar|(?:mon|don|tur|turn|hoc|joc|lac|whis|hot)key|key(?:board|frame|note|pad|stroke|word)"
)
# … or where one of these is a whole word of it.
_SENSITIVE_WORD = re.compile("bearer|creds?|csrf|jwt|otp|pass|pin|pw|pwd|sid|sig|sign|xsrf")
# Names that are sensitive only in a URL: an OAuth code, the key of an Azure function.
_SENSITIVE_PARAMETER = re.compile("code")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

# Two entries of one mapping can hold a name and its value, as in a list of headers; and three a change of
# what `path` names. A bracketed part of a path is an id or an index, no name.
_NAMING = frozenset(("name", "key", "header"))
_NAMED = frozenset(("value", "values"))
_CHANGED = frozenset(("before", "after", "base", "ours", "theirs"))
_BRACKETED = re.compile(r"\[[^\]]*\]")


@functools.lru_cache(maxsize=1_000)  # a rule has few names, and each of them is asked about again and again
def is_sensitive(name: str) -> bool:
    """Whether the name of a header, a field or a query parameter says that its value is a secret.

    It does when it speaks of auth, cookie, token, secret, key, password, signature, credential or session,
    in whatever case and spelling (``X-Api-Key``, ``apiKey``, ``apikey``), though not as ``keyboard`` and
    ``author`` do. When in doubt, it does.
    """
    lower = name.lower()
    if _SENSITIVE.search(_PLAIN.sub(" ", lower)):
        return True
    return any(_SENSITIVE_WORD.fullmatch(word.lower()) for word in _WORD.findall(name) + _WORD.findall(lower))


class Redactor:
    """Redacts the values of sensitive names, the sensitive parts of URLs, and what contains a known secret.

    Args:
        key: What the digests are keyed with: see `load_key`.
        secrets: The secrets that are known; empty ones do not count.
        quoted: What is secret where it is quoted in prose, and not in data: there, the name beside it tells.
    """

    def __init__(self, key: bytes, secrets: Iterable[str] = (), quoted: Iterable[str] = ()) -> None:
        self.key = key
        self._secrets = _spelled(secrets)
        self._quoted = {**_spelled(quoted), **self._secrets}
        self._in_names = _any_of(self._secrets)
        self._in_prose = _any_of(self._quoted)

    def value(self, text: str) -> str:
        """What stands in the place of ``text``: itself, if it is redacted already."""
        if _REDACTED.fullmatch(text):
            return text
        digest = hmac.new(self.key, text.encode("utf-8", "surrogatepass"), hashlib.sha256)
        return f"redacted:{digest.hexdigest()[:16]}"

    def data(self, data: Any) -> Any:
        """A deep copy of JSON-like data, redacted.

        Under a sensitive name every leaf is redacted but None, which holds nothing. A string that contains a
        secret is redacted as a whole; of a URL, only user information and sensitive parameters are. The
        value that a condition compares with stays, whatever its field.
        """
        if isinstance(data, Mapping):
            hidden = _hidden_names(data)
            return {
                self._name(name): (self._leaves if name in hidden else self.data)(value) for name, value in data.items()
            }
        if isinstance(data, (list, tuple)):
            return [self.data(item) for item in data]
        return self._string(data) if isinstance(data, str) else data

    def text(self, text: str) -> str:
        """A line for people, without secrets of four characters or more and without secret parts of URLs."""
        return self._urls(self.without_known(text), _URL_IN_TEXT)

    def without_known(self, text: str) -> str:
        """A line for people, without the known secrets; URLs are left, of which these may be only a part."""
        return self._in_prose.sub(lambda match: self.value(self._quoted.get(match[0], match[0])), text)

    def knowing(self, recorded: Any, data: Any) -> Redactor:
        """A redactor that takes for secrets also what ``recorded`` has redacted and ``data`` would show.

        So a value that only an earlier run knew as a secret stays one. What is redacted of ``data`` for its name is
        a secret in prose from now on: a server may quote it without the name.
        """
        hidden = set(_strings(recorded))
        noting = _Noting(self.key, self._secrets.values())
        texts = [(text, shown) for text, shown in _leaves(data, noting.data(data)) if isinstance(text, str)]
        forgotten = {text for text, shown in texts if shown != self.value(text) and self.value(text) in hidden}
        quoted = {word for text in noting.noted for word in (text, *text.split()) if len(word) >= _MIN_QUOTED_LENGTH}
        return Redactor(self.key, {*self._secrets.values(), *forgotten}, {*self._quoted.values(), *quoted})

    def problem(self, problem: Problem) -> Problem:
        """A problem whose message, path and hint are without secrets."""
        path = tuple(self.text(part) if isinstance(part, str) else part for part in problem.path)
        hint = self.text(problem.hint) if problem.hint else None
        return problem._replace(message=self.text(problem.message), path=path, hint=hint)

    def restore(self, recorded: Any, known: Any) -> Any:
        """A deep copy of redacted data, in which what ``known`` holds unredacted stands as it is again.

        What stands nowhere in ``known`` stays redacted.
        """
        originals: dict[str, Any] = {}
        for value, shown in _leaves(known, self.data(known)):
            if isinstance(value, str):
                # Another run may have known it as a secret that this one does not know.
                originals[self.value(value)] = value
            if isinstance(shown, str):
                originals[shown] = value
        return _replaced(recorded, originals)

    def _leaves(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            return {self._name(name): self._leaves(value) for name, value in data.items()}
        if isinstance(data, (list, tuple)):
            return [self._leaves(item) for item in data]
        if data is None:
            return None
        return self.value(data if isinstance(data, str) else json.dumps(data))

    def _name(self, name: str) -> str:
        return self.value(name) if self._in_names.search(name) else name

    def _string(self, text: str) -> str:
        if any(secret in text for secret in self._secrets):
            return self.value(text)
        return self._urls(text, _URL_ALONE if _URL.match(text) else _URL_IN_TEXT)

    def _urls(self, text: str, grammar: _Grammar) -> str:
        if "://" in text:
            text = grammar.user_information.sub(lambda match: self.value(match[0]), text)
        if "=" not in text:
            return text
        done, position = [], 0
        for parameter in grammar.parameter.finditer(text):
            if parameter.start() < position or not _is_sensitive_parameter(unquote_plus(parameter[1])):
                continue
            value = grammar.value.match(text, parameter.end())
            if value and value[0]:
                done += [text[position : value.start()], self.value(value[0])]
                position = value.end()
        return "".join((*done, text[position:]))


class _Noting(Redactor):
    """A redactor that keeps what it takes out."""

    def __init__(self, key: bytes, secrets: Iterable[str]) -> None:
        super().__init__(key, secrets)
        self.noted: set[str] = set()

    def value(self, text: str) -> str:
        self.noted.add(text)
        return super().value(text)


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


def _is_sensitive_parameter(name: str) -> bool:
    return is_sensitive(name) or bool(_SENSITIVE_PARAMETER.fullmatch(name.lower()))


def _spelled(secrets: Iterable[str]) -> dict[str, str]:
    """The secrets by their spellings: as they are, and as they stand in a URL, in JSON and in Python."""
    secrets, found = set(secrets), dict[str, str]()
    for secret in secrets:
        url = secret.encode("utf-8", "surrogatepass")
        in_json = (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])
        found |= dict.fromkeys((quote(url), quote(url, safe=""), quote_plus(url), *in_json, repr(secret)[1:-1]), secret)
    found |= {secret: secret for secret in secrets}
    found.pop("", None)
    return found


def _any_of(spelled: Iterable[str]) -> re.Pattern[str]:
    """What finds these, the longest first, as one may begin with another; what is redacted already is stepped over."""
    long = sorted((one for one in spelled if len(one) >= _MIN_LENGTH), key=len, reverse=True)
    return re.compile("|".join((_REDACTED.pattern, *map(re.escape, long))))


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


class _Grammar(NamedTuple):
    """The sensitive parts of URLs in a string, and what parameters look like there."""

    user_information: re.Pattern[str]
    parameter: re.Pattern[str]
    value: re.Pattern[str]


def _grammar(end: str) -> _Grammar:
    """How to read URLs that end before one of the characters ``end``.

    User information ends at the last "@" of the authority. A password that holds a "/", "?" or "#" breaks
    the URL and must not show for that: the second form, told by a "port" that is no number. Its length has a
    limit, so that no string takes quadratic time.
    """
    broken = rf"[^/?#:@\[{end}]*:(?!\d+\b|[/?#])[^{end}]{{1,100}}"
    return _Grammar(
        user_information=re.compile(rf"(?<=://)(?:[^/?#{end}]+|{broken})(?=@)"),
        parameter=re.compile(rf"[?&;#]([^?&;#=@(\s{end}]+)="),  # with "@" or "(" it is a filter in a JSONPath
        value=re.compile(rf"[^&#{end}]*"),
    )


_URL = re.compile(r"\s*[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_URL_ALONE = _grammar(end=r"\n")
_URL_IN_TEXT = _grammar(end=r"\s\"<>")

_KEY_SIZE = 32
_KEY_NAME = "redaction.key"
_HINT = "Choose another folder with EBRULE_STATE_DIR."


def each_text(data: Any, hide: Callable[[str], str]) -> Any:
    """A deep copy of JSON-like data in which every text, names included, is as ``hide`` shows it."""
    if isinstance(data, Mapping):
        return {hide(name): each_text(value, hide) for name, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [each_text(item, hide) for item in data]
    return hide(data) if isinstance(data, str) else data


def holds_redacted(text: str) -> bool:
    """Whether a secret, or a part of a URL, has been taken out of this text."""
    return _REDACTED.search(text) is not None


def without_secrets(problem: Problem, secrets: Iterable[str]) -> Problem:
    """A problem that shows nothing of these secrets; of other values, only what the redactor always hides."""
    return Redactor(os.urandom(32), secrets).problem(problem)


def load_key(state_dir: Path) -> bytes:
    """The key of this user's digests: 32 random bytes in ``redaction.key``, made at the first call.

    Of many processes that make it at once, one does, and all get that one. The file never holds part of a
    key.

    Raises:
        LedgerError: the file cannot be read or made, is not this user's own, or holds no key.
    """
    path = state_dir / _KEY_NAME
    try:
        with suppress(FileNotFoundError):
            return _read_key(path)
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make_key(path)
        return _read_key(path)
    except OSError as exc:
        raise LedgerError(f"cannot read or make the key {path}: {exc.strerror or exc}", hint=_HINT) from exc


def present_key(state_dir: Path) -> bytes | None:
    """The key of this user's digests, or None where none was made yet; makes none.

    Raises:
        LedgerError: as `load_key` does.
    """
    return load_key(state_dir) if os.path.lexists(state_dir / _KEY_NAME) else None


def _read_key(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
            raise LedgerError(f"the key {path} is no regular file of this user", hint=_HINT)
        if stat.S_IMODE(status.st_mode) & 0o077:
            try:
                os.fchmod(descriptor, 0o600)
            except PermissionError as exc:
                raise OSError(exc.errno, "its file system keeps no permissions, so others could read it") from exc
        key = os.read(descriptor, _KEY_SIZE + 1)
    finally:
        os.close(descriptor)
    if len(key) != _KEY_SIZE:
        raise LedgerError(
            f"the key {path} is damaged: it is not {_KEY_SIZE} bytes long",
            hint="Remove it: a new one is made, and digests of before no longer compare with new ones.",
        )
    return key


def _name(draft: Path, path: Path) -> None:
    """Give a whole file its name, unless it is taken: a key that is in use is never replaced."""
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    except OSError:  # the file system may have no hard links: a rename would replace, so nobody else may do it now
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            if not os.path.lexists(path):
                draft.rename(path)
        finally:
            os.close(folder)


def _make_key(path: Path) -> None:
    """Put a whole, synced key at ``path``, unless another process was faster."""
    draft = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(os.urandom(_KEY_SIZE))
            file.flush()
            os.fsync(descriptor)
        _name(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
