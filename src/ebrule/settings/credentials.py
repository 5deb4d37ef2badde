"""What an id, a secret or a token may contain: one with a line break at its end is a common slip in a pipeline."""

from __future__ import annotations

from ebrule.errors import UsageError


def check_credential(value: str, what: str, *, is_token: bool = False) -> None:
    """Refuse a credential that no org can have given out, before it is sent anywhere.

    Args:
        value: the credential; no message shows it.
        what: the variable or the file and key that it comes from, for the message.
        is_token: whether it is an access token. A token goes into a header as it is, so it must be visible ASCII; an
            id and a secret are encoded before.

    Raises:
        UsageError: it contains a line break or another character that cannot be seen, it begins or ends with a
            blank, or it is a token that no header can carry.
    """
    if "\n" in value or "\r" in value:
        reason = "contains a line break"
    elif value != value.strip():
        reason = "begins or ends with a blank"
    elif not value.isprintable():
        reason = "contains a control character, or another one that cannot be seen"
    elif is_token and (not value.isascii() or " " in value):
        reason = "contains a character that no access token has"
    else:
        return
    raise UsageError(f"{what} {reason}", hint="Remove it there, and try again.", code="bad-credential")
