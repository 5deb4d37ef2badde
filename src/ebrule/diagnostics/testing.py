"""What can be wrong with a file of test cases, and with a rule that is to be tested without its org."""

from __future__ import annotations

from typing import Final

from ebrule.diagnostics.diagnostic import Diagnostic

_ONE_CASE = "{name: a call, event: {}, expect: no-match}"

TESTING: Final = (
    Diagnostic(
        "no-cases",
        "there are no cases in a file of cases",
        "A test of nothing must not look like a test that everything passed.",
        wrong="$ echo 'cases: []' | ebrule test rule.yaml --cases -",
        right=f"$ echo 'cases: [{_ONE_CASE}]' | ebrule test rule.yaml --cases -",
    ),
    Diagnostic(
        "event-or-event-file",
        "a case has both event and event_file, or neither",
        "A case is one event: written into the case, or in a file beside it.",
        wrong="$ echo 'cases: [{name: a call, expect: match}]' | ebrule test rule.yaml --cases -",
        right=f"$ echo 'cases: [{_ONE_CASE}]' | ebrule test rule.yaml --cases -",
    ),
    Diagnostic(
        "duplicate-case",
        "two cases have one name",
        "What failed could not be told by its name. Name each differently.",
        wrong=f"$ echo 'cases: [{_ONE_CASE}, {_ONE_CASE}]' | ebrule test rule.yaml --cases -",
        right=f"$ echo 'cases: [{_ONE_CASE}]' | ebrule test rule.yaml --cases -",
    ),
    Diagnostic(
        "unknown-conditions",
        "the conditions are not in the file, so what the rule matches cannot be told",
        "A test asks no org. Write them out: ebrule show ID -o yaml prints those that the org has.",
        wrong="$ sed -e '/- {field/d' -e 's/^conditions:/& \"${keep}\"/' rule.yaml | ebrule test - --cases cases.yaml",
        right="$ ebrule test rule.yaml --cases cases.yaml",
    ),
    Diagnostic(
        "unusable-value",
        "an operator cannot use its value",
        "It is a pattern that is none, or of another type than the operator takes: what it matches would be a guess. "
        "To validate, this is a warning, since the org may know better.",
        wrong="$ sed 's/greaterThan, value: 30/matches, value: \"[\"/' rule.yaml | ebrule test - --cases cases.yaml",
        right="$ sed 's/greaterThan, value: 30/matches, value: \"3\"/' rule.yaml | ebrule test - --cases cases.yaml",
    ),
    Diagnostic(
        "unusable-path",
        "a jsonPath is none, or one that ebrule cannot follow",
        "Names, indexes, slices, unions, wildcards and .. are followed; filters and functions are not. "
        "To validate, this is a warning, since the org may know better.",
        wrong="$ sed 's/jsonPath: [^,]*/jsonPath: \"$.a[\"/' trigger.yaml | ebrule test - --cases cases.yaml",
        right="$ sed 's/jsonPath: [^,]*/jsonPath: $.a/' trigger.yaml | ebrule test - --cases cases.yaml",
    ),
    Diagnostic(
        "path-too-wide",
        "a jsonPath takes too many steps, or leads to too much, in one event",
        "Wildcards in wildcards, and unions of thousands, could take for ever. Name the places more exactly.",
        wrong="kind: trigger\nmatchCriteria:\n  - {jsonPath: $..*..*..*, operator: Equal, value: 1}",
        right="kind: trigger\nmatchCriteria:\n  - {jsonPath: $.participants[0].purpose, operator: Equal, value: agent}",
    ),
)
