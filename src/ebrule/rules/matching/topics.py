"""The topics that a source integration sends to Amazon EventBridge.

An event carries its topic as ``detail-type``. Genesys Cloud writes the pattern itself there, ``{id}`` and all; a topic
with the id filled in, as ``detail.topicName`` has it, is taken as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from ebrule.rules.matching.condition import MISSING, Condition, unknown_conditions

if TYPE_CHECKING:
    from ebrule.errors import Problem
    from ebrule.rules.kind import Data

TOPIC: Final = "detail-type"
_ANY: Final = "{id}"


def topic_conditions(rule: Data) -> Iterator[Condition | Problem]:
    """Return the one condition of a source: the event's topic is one of ``properties.eventFilter``."""
    properties = rule.get("properties")
    topics = properties.get("eventFilter") if isinstance(properties, Mapping) else None
    if not isinstance(topics, list):
        yield unknown_conditions("properties.eventFilter")
        return
    text = f"is {topics[0]}" if len(topics) == 1 else f"is one of {', '.join(topics)}"
    yield Condition(TOPIC, text, _topic, lambda topic: any(is_topic(pattern, topic) for pattern in topics))


def is_topic(pattern: str, topic: Any) -> bool:
    """Return whether a topic is one that a pattern means: ``{id}`` stands for exactly one segment."""
    if not isinstance(topic, str):
        return False
    wanted, segments = pattern.split("."), topic.split(".")
    return len(wanted) == len(segments) and all(
        want == segment or (want == _ANY and segment != "") for want, segment in zip(wanted, segments, strict=True)
    )


def _topic(event: Any) -> Any:
    return event.get(TOPIC, MISSING) if isinstance(event, Mapping) else MISSING
