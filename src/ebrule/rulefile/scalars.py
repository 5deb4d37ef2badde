"""What an unquoted scalar means, to ebrule and to other readers of YAML.

YAML 1.1 (PyYAML, Ruby, Ansible) and YAML 1.2 (Go, JavaScript, most newer ones) disagree on many: ``on`` is a
boolean to one and text to the other, ``012`` is ten or twelve. ebrule takes a scalar for a number, a boolean
or null only where the two agree on the value, and calls the others ambiguous. Dates are text.

Sources: https://yaml.org/spec/1.2.2/#1032-tag-resolution and https://yaml.org/type/.
"""

from __future__ import annotations

import re
from functools import reduce
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Kind: TypeAlias = Literal["null", "true", "false", "number", "ambiguous", "text"]

CONSTANTS: Final[Mapping[str, Any]] = {"null": None, "true": True, "false": False}
"""The values of three kinds, which JSON spells as the kinds are called."""


class Notation(NamedTuple):
    """How a format writes single values.

    Attributes:
        kind_of: Classifies an unquoted value.
        as_text: What to do so that the value ``text`` of the variable ``name`` is text.
    """

    kind_of: Callable[[str], Kind]
    as_text: str


_PLAIN: Final = re.compile(
    r"""
      (?P<null> ~ | null | Null | NULL | )
    | (?P<true> true | True | TRUE )
    | (?P<false> false | False | FALSE )
    | (?P<number> [-+]? (?:0|[1-9][0-9]*) (?: \.[0-9]* (?:[eE][-+][0-9]+)? )?
                | \.[0-9]+ (?:[eE][-+][0-9]+)? )
    | (?P<ambiguous>
          [yYnN] | yes | Yes | YES | no | No | NO | on | On | ON | off | Off | OFF
        | = | <<
        | [-+]? \. (?: inf | Inf | INF ) | \. (?: nan | NaN | NAN )
        | [-+]? 0 (?: [xX]_*[0-9a-fA-F][0-9a-fA-F_]* | [oO]_*[0-7][0-7_]* | [bB]_*[01][01_]* )
        | [-+]? [0-9][0-9_]* (?: : [0-5]?[0-9] )+ (?: \.[0-9_]* )?
        | [-+]? (?: [0-9][0-9_]* (?:\.[0-9_]*)? | \.[0-9][0-9_]* ) (?: [eE][-+]?[0-9]+ )?
      )
    """,
    re.VERBOSE,
)
_LEADING_ZERO: Final = re.compile(r"0[0-9]+")
_TRUE_WORDS: Final = frozenset({"y", "yes", "on"})
_FALSE_WORDS: Final = frozenset({"n", "no", "off"})


def kind_of(text: str) -> Kind:
    """What an unquoted scalar is."""
    found = _PLAIN.fullmatch(text)
    return "text" if found is None else found.lastgroup  # type: ignore[return-value]  # the names of the groups


YAML: Final = Notation(kind_of, 'write "${{var:{name}}}", with the quotes')


def clear_ways(text: str, variable: str | None = None) -> str:
    """How to write an ambiguous scalar clearly: a hint for the user.

    Args:
        text: The scalar.
        variable: The name of the environment variable that holds it; None where it stands in the file.
    """
    word = text.lower()
    write, as_text = "write", f'"{text}" for the text'
    if variable:
        write, as_text = f"set {variable} to", f"{YAML.as_text.format(name=variable)}, for the text"
    only_text = as_text if variable else f"{write} {as_text}"
    if word in _TRUE_WORDS:
        return f"{write} true for the boolean, or {as_text}"
    if word in _FALSE_WORDS:
        return f"{write} false for the boolean, or {as_text}"
    if word in {"=", "<<"}:
        return only_text
    if word.endswith(("inf", "nan")) and "x" not in word:
        return f"a rule holds no infinity and no NaN; {only_text}, or a number"
    longest = 40
    if len(text) > longest:
        return f"{write} the number in plain decimal digits, or put {'it' if variable else 'the text'} in double quotes"
    return f"{write} {_decimal(word.replace('_', ''))} for the number, or {as_text}"


def float_text(value: float) -> str:
    """A finite float as every reader of YAML understands it: with a point, and a sign in the exponent."""
    text = repr(value)
    return text if "." in text else text.replace("e", ".0e")


def _decimal(text: str) -> str:
    """A number of one of YAML 1.1's notations in the common one; both values, if readers differ on it."""
    sign = "-" if text.startswith("-") else ""
    digits = text.lstrip("+-")
    if ":" in digits:
        total = reduce(lambda total, part: total * 60 + float(part), digits.split(":"), 0.0)
        return sign + float_text(total).removesuffix(".0")
    if _LEADING_ZERO.fullmatch(digits):
        values = {int(digits, 8 if set(digits) <= set("01234567") else 10), int(digits)}
        return " or ".join(f"{sign}{value}" for value in sorted(values))
    try:
        return f"{sign}{int(digits, 0)}"
    except ValueError:
        return sign + float_text(float(digits)) if isfinite(float(digits)) else "a smaller one"
