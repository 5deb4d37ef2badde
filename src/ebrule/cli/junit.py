"""Test results as JUnit XML, which pipelines show."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from ebrule.sanitizer import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ebrule.pipeline.cases import CaseResult

MARK = re.compile(rb"\A(?:\s*(?:<\?xml[^>]*>\s*)?<testsuites?\b|\Z)")
"""What a JUnit file begins with; one that is empty may become one."""

_NO_XML = re.compile("[\ufffe\uffff]")


def junit_xml(rule: str, results: Sequence[CaseResult], explanations: Sequence[list[str] | None]) -> bytes:
    """Return the document, in UTF-8.

    Args:
        rule: the rule file's name.
        results: what came of each case.
        explanations: for each case that failed, the lines that tell why, the message first; None for the others.
    """
    failures = sum(lines is not None for lines in explanations)
    counts = {"tests": str(len(results)), "failures": str(failures), "errors": "0", "skipped": "0"}
    root = ET.Element("testsuites", counts)
    suite = ET.SubElement(root, "testsuite", {"name": _text(rule), **counts})
    for result, lines in zip(results, explanations, strict=True):
        names = {"classname": _text(result.case.file), "name": _text(result.case.name)}
        case = ET.SubElement(suite, "testcase", names)
        if lines is not None:
            message, *details = map(_text, lines)
            ET.SubElement(case, "failure", {"message": message}).text = "\n".join(details)
    ET.indent(root)
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _text(text: str) -> str:
    """Return text without what XML cannot hold."""
    return _NO_XML.sub("", clean(text))
