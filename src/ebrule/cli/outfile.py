"""A file that a command writes for its user: over nothing but an earlier one of its kind, and whole or not at all."""

from __future__ import annotations

import contextlib
import os
from functools import partial
from secrets import token_hex
from typing import TYPE_CHECKING, NamedTuple

from ebrule.errors import UsageError

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator
    from pathlib import Path

_HEAD = 512  # bytes, among which a file says what it is


class OutFile(NamedTuple):
    """Where to write, and what may be written over.

    Attributes:
        path: the file.
        option: the option that named it.
        what: what is written, in a word.
        mark: what is found in the beginning of an earlier one.
        mode: the permissions of a new one, of which the umask takes some away.
    """

    path: Path
    option: str
    what: str
    mark: re.Pattern[bytes]
    mode: int = 0o666

    def check_replaceable(self) -> None:
        """Raise :class:`UsageError` where there is something else than an earlier one: the ledger itself, for one."""
        with self._write_errors():
            if not self.path.exists():
                return
            with self.path.open("rb") if self.path.is_file() else contextlib.nullcontext() as file:
                if file is not None and self.mark.search(file.read(_HEAD)):
                    return
        message = f"{self.path} exists and is no {self.what}; it was left as it is"
        raise UsageError(message, hint="Choose another name, or remove it first.", code="out-exists")

    def write(self, content: bytes) -> None:
        """Write the whole content or nothing: into a file beside it, which then takes its name."""
        draft = self.path.with_name(f".{self.path.name}.{token_hex(4)}")
        with self._write_errors(), open(draft, "xb", opener=partial(os.open, mode=self.mode)) as file:
            try:
                file.write(content)
                file.close()
                draft.replace(self.path)
            except BaseException:
                draft.unlink()
                raise

    @contextlib.contextmanager
    def _write_errors(self) -> Iterator[None]:
        """Turn what the system refuses into a :class:`UsageError`."""
        try:
            yield
        except OSError as error:
            message = f"cannot write {self.path}: {error.strerror}"
            raise UsageError(message, hint=f"Choose another {self.option}.", code="bad-out") from error
