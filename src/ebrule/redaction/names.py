"""Which names speak of secrets."""

from __future__ import annotations

import functools
import re

# A name is sensitive where one of these stands anywhere in it …
_SENSITIVE = re.compile(
    "auth|cookie|token|secret|key|passw|passphrase|passcode|signature|credential|session|hmac|saml|assertion"
    "|conn(?:ection)?[^a-z]*(?:string|str(?![a-z]))"
    "|(?:database|db|redis|mongo|mongodb|postgres|postgresql|mysql|amqp|broker)[^a-z]*ur[il]"
)
# … other than as a piece of a plain word …
_PLAIN = re.compile(
    "author(?!i[sz])|secretar|(?:mon|don|tur|turn|hoc|joc|lac|whis|hot)key|key(?:board|frame|note|pad|stroke|word)"
)
# … or where one of these is a whole word of it.
_SENSITIVE_WORD = re.compile(
    "bearer|certs?|certificates?|creds?|csrf|dsn|jwt|otp|pass|pin|private|pw|pwd|sas|sid|sig|sign|xsrf"
)
# Names that are sensitive only in a URL: an OAuth code, the key of an Azure function.
_SENSITIVE_PARAMETER = re.compile("code")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

_LOOK_ALIKES = str.maketrans(
    "аԁеһіјӏкмоԛрѕтуѵԝхАВЕНІЈКМОРЅТУԜХαβεικνορτυχωγηΑΒΕΖΗΙΚΜΝΟΡΤΥΧıɑɡɩłøđħŧᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ",
    "adehijlkmoqpstyvwxABEHIJKMOPSTYWXabeikvoptuxwynABEZHIKMNOPTYXiagilodhtabcdefghijklmnoprstuvwyz",
)
"""Letters of other scripts that look like Latin ones (source: Unicode's confusables.txt, its Latin letters)."""
_DIGITS = str.maketrans("01", "ol")


@functools.lru_cache(maxsize=1_000)  # a rule has few names, and each of them is asked about again and again
def is_sensitive(name: str) -> bool:
    """Whether the name of a header, a field or a query parameter says that its value is a secret.

    It does when it speaks of auth, cookie, token, secret, key, password, signature, credential, session, certificate or
    connection string, in whatever case and spelling (``X-Api-Key``, ``apiKey``, ``apikey``), also in letters that look
    like those, though not as ``keyboard`` and ``author`` do. When in doubt, it does.
    """
    if not name.isascii():
        name = _folded(name)
    return _speaks_of_secrets(name) or _speaks_of_secrets(name.translate(_DIGITS))


def is_sensitive_parameter(name: str) -> bool:
    """Whether the name of a query parameter says so: `is_sensitive`, and what is a secret in URLs only."""
    return is_sensitive(name) or bool(_SENSITIVE_PARAMETER.fullmatch(name.lower()))


def _speaks_of_secrets(name: str) -> bool:
    lower = name.lower()
    if _SENSITIVE.search(_PLAIN.sub(" ", lower)):
        return True
    return any(_SENSITIVE_WORD.fullmatch(word.lower()) for word in _WORD.findall(name) + _WORD.findall(lower))


def _folded(name: str) -> str:
    """A name in the Latin letters that it looks like, without accents and what cannot be seen."""
    import unicodedata  # noqa: PLC0415 - nearly every name is ASCII

    parts = unicodedata.normalize("NFKD", name).translate(_LOOK_ALIKES)
    return "".join(char for char in parts if unicodedata.category(char) not in {"Mn", "Me", "Cf"})
