"""Takes secrets out of what is recorded, announced, printed or logged; see `ebrule.redaction.redactor`."""

from __future__ import annotations

from ebrule.redaction.keys import (
    Key,
    load_key,
    present_key,
    present_redaction_key,
    redaction_key,
    redaction_key_at_hand,
)
from ebrule.redaction.names import is_sensitive
from ebrule.redaction.places import Place, Places
from ebrule.redaction.redactor import (
    Redactor,
    aligned,
    each_text,
    holds_digests,
    holds_redacted,
    with_key_id,
    without_secrets,
)

__all__ = [
    "Key",
    "Place",
    "Places",
    "Redactor",
    "aligned",
    "each_text",
    "holds_digests",
    "holds_redacted",
    "is_sensitive",
    "load_key",
    "present_key",
    "present_redaction_key",
    "redaction_key",
    "redaction_key_at_hand",
    "with_key_id",
    "without_secrets",
]
