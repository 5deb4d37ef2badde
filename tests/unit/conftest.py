"""What several unit tests share."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from clocks import FakeClock, ScriptedTransport
from ebrule.core.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ebrule.core.notices import Notice


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own: whoever runs it may have profiles."""
    path = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(path / ".config"))
    return path


@pytest.fixture
def clock() -> FakeClock:
    """A clock that nobody has to wait for."""
    return FakeClock()


@pytest.fixture
def notices() -> list[Notice]:
    """What the pace's observer was told."""
    return []


@pytest.fixture
def pace(clock: FakeClock, notices: list[Notice]) -> Pace:
    """A run of 120 seconds on the fake clock, whose jitter is always half of the most."""
    return Pace(120.0, clock=clock, random=lambda: 0.5, observe=notices.append)


@pytest.fixture
def wire() -> Iterator[Callable[..., ScriptedTransport]]:
    """Make scripted transports; a script that was not played to its end fails the test."""
    made: list[ScriptedTransport] = []

    def make(*script: Any, **options: Any) -> ScriptedTransport:
        made.append(ScriptedTransport(*script, **options))
        return made[-1]

    yield make
    for transport in made:
        transport.check_all_used()


@pytest.fixture
def never() -> Iterator[threading.Event]:
    """Something that calls wait for and that does not come before the test is over."""
    event = threading.Event()
    yield event
    event.set()
