"""What can be wrong with a rule by itself: its keys, their types, and the limits of its kind."""

from __future__ import annotations

from typing import Final

from ebrule.diagnostics.diagnostic import Diagnostic

_CONDITION = "{field: a, operator: equals, value: 1}"

LIMITS: Final = (
    # Every kind.
    Diagnostic(
        "unknown-kind",
        "there is no such kind of rule",
        "The kind decides what every other key means, so nothing else of the rule is looked at.",
        wrong="kind: event-bridge",
        right="kind: eventbridge",
    ),
    Diagnostic(
        "two-kinds",
        "--kind says one kind, and the file another",
        "One of them is a mistake. Leave out --kind: the file says it.",
        wrong="$ ebrule validate --kind trigger rule.yaml",
        right="$ ebrule validate rule.yaml",
    ),
    Diagnostic(
        "bad-id",
        "the id is none that a rule can have",
        "An id becomes part of a URL: 1 to 128 letters, digits, '.', '_' or '-', and not only dots. Nothing else could "
        "come from the org.",
        wrong="id: ../oauth/clients",
        right="id: demo-rule",
    ),
    Diagnostic(
        "version-range",
        "the version is less than 0",
        "Versions count from 0. The one in a file means: update only if the org still has this one.",
        wrong="version: -1",
        right="version: 7",
    ),
    Diagnostic(
        "unknown-key",
        "a key is none that this kind of rule has",
        "A misspelled key would be sent, ignored, and missed. The message names the nearest that there is.",
        wrong="description: Calls\nprioriti: 50",
        right="description: Calls\npriority: 50",
    ),
    Diagnostic(
        "missing-key",
        "a key that the rule needs is not there",
        "The place told is that of the mapping that lacks it.",
        wrong="conditions:\n  - {field: eventType, operator: equals}",
        right="conditions:\n  - {field: eventType, operator: equals, value: call.answered}",
    ),
    Diagnostic(
        "wrong-type",
        "a value is of another type than its key takes",
        "Types are strict: text is never taken for a number, nor a number for text. Add or remove quotes. In YAML, an "
        "unquoted ${var:NAME} that is the whole value has the type of its value, and a quoted one is text.",
        wrong='priority: "50"',
        right="priority: 50",
    ),
    Diagnostic(
        "unknown-value",
        "a value is none of those that its key takes",
        "The message lists them, and names the nearest. One that the org has already may stay: ebrule show -o yaml "
        "prints it as ${keep}.",
        wrong="status: on-hold",
        right="status: disabled",
    ),
    Diagnostic(
        "empty-text",
        "a text is empty",
        "The org needs something there. To leave a field as it is, leave out its key.",
        wrong='name: ""',
        right="name: Answered calls",
    ),
    Diagnostic(
        "text-too-long",
        "a text is longer than its key takes",
        "The message says how long it may be.",
        wrong=f"kind: trigger\nname: {'long ' * 60}",
        right="kind: trigger\nname: short",
    ),
    Diagnostic(
        "invalid-value",
        "a value breaks a limit of its key",
        "The message says which.",
        wrong="priority: 50.5",
        right="priority: 50",
    ),
    Diagnostic(
        "nothing-to-keep",
        "${keep} stands where there is nothing to keep",
        "It leaves a value as the org has it. That takes a value there, and a name to find it by: the elements of most "
        "lists have none, and id and version are the file's own.",
        wrong='conditions: ["${keep}"]',
        right=f"conditions:\n  - {_CONDITION}",
    ),
    Diagnostic(
        "unknown-operator",
        "an operator is none that ebrule knows",
        "The org may know more operators than ebrule, so it decides. The message names the nearest.",
        wrong="conditions:\n  - {field: eventType, operator: equal, value: call.answered}",
        right="conditions:\n  - {field: eventType, operator: equals, value: call.answered}",
        warning=True,
    ),
    # Kind eventbridge.
    Diagnostic(
        "priority-range",
        "the priority is not from 1 to 1000",
        "The org takes whole numbers from 1 to 1000.",
        wrong="priority: 1001",
        right="priority: 1000",
    ),
    Diagnostic(
        "too-many-conditions",
        "there are more than 15 conditions",
        "The org takes 15. Split the rule in two, or test several values with one `in` condition.",
        wrong=f"conditions: [{', '.join([_CONDITION] * 16)}]",
        right=f"conditions: [{', '.join([_CONDITION] * 15)}]",
    ),
    Diagnostic(
        "expression-too-long",
        "the conditions are longer than 1,000 characters in all",
        "The org counts each condition as its JSON. Shorten names or values, or split the rule in two.",
        wrong=f"conditions:\n  - {{field: queue, operator: in, value: [{', '.join(['queue-name'] * 90)}]}}",
        right=f"conditions:\n  - {{field: queue, operator: in, value: [{', '.join(['queue-name'] * 3)}]}}",
    ),
    Diagnostic(
        "bad-target-id",
        "the id of a target is none that the org can have",
        "As bad-id.",
        wrong="targets:\n  - id: https://internal.example.com/process",
        right="targets:\n  - id: crm\n    url: https://internal.example.com/process",
    ),
    Diagnostic(
        "duplicate-target",
        "a target stands twice",
        "Targets are known by their id: two of one id could not be told apart.",
        wrong="targets:\n  - id: crm\n  - id: crm",
        right="targets:\n  - id: crm",
    ),
    Diagnostic(
        "bad-header-name",
        "a header name is not valid in HTTP",
        "It is a token of RFC 9110: letters, digits, and some signs, but no space and no colon.",
        wrong='targets:\n  - id: crm\n    headers: {"X Source": EventBridge}',
        right="targets:\n  - id: crm\n    headers: {X-Source: EventBridge}",
    ),
    Diagnostic(
        "bad-header-value",
        "the value of a header contains a control character",
        "A line break in it would end the header and begin another one. It often comes from a variable whose value "
        "ends with a line break.",
        wrong='targets:\n  - id: crm\n    headers: {X-Source: "EventBridge\\nX-Other: 1"}',
        right='targets:\n  - id: crm\n    headers: {X-Source: "EventBridge", X-Other: "1"}',
    ),
    # Kind trigger.
    Diagnostic(
        "ttl-and-delay",
        "eventTTLSeconds and delayBySeconds stand together",
        "An event that waits for its delay would outlive its time to live. Keep one of the two.",
        wrong="kind: trigger\neventTTLSeconds: 60\ndelayBySeconds: 60",
        right="kind: trigger\ndelayBySeconds: 60",
    ),
    Diagnostic(
        "value-or-values",
        "a criterion has both value and values, or neither",
        "A criterion compares with one value, or with a list of them.",
        wrong="kind: trigger\nmatchCriteria:\n  - {jsonPath: mediaType, operator: Equal}",
        right="kind: trigger\nmatchCriteria:\n  - {jsonPath: mediaType, operator: Equal, value: VOICE}",
    ),
    Diagnostic(
        "event-ttl-seconds-range",
        "eventTTLSeconds is less than 10",
        "The org takes 10 seconds or more.",
        wrong="kind: trigger\neventTTLSeconds: 5",
        right="kind: trigger\neventTTLSeconds: 10",
    ),
    Diagnostic(
        "delay-by-seconds-range",
        "delayBySeconds is not from 60 to 900",
        "The org takes delays from one minute to fifteen.",
        wrong="kind: trigger\ndelayBySeconds: 30",
        right="kind: trigger\ndelayBySeconds: 60",
    ),
    Diagnostic(
        "bad-flow-id",
        "the id of a flow is none that the org can have",
        "As bad-id.",
        wrong='kind: trigger\ntarget: {type: Workflow, id: "My Flow"}',
        right="kind: trigger\ntarget: {type: Workflow, id: ae1e0cde-875d-4d13-a498-615e7a9fe956}",
    ),
    # Kind eventbridge-source.
    Diagnostic(
        "bad-account-id",
        "awsAccountId is not 12 digits",
        "Quotes keep its leading zeros.",
        wrong='kind: eventbridge-source\nproperties:\n  awsAccountId: "1234"',
        right='kind: eventbridge-source\nproperties:\n  awsAccountId: "012345678901"',
    ),
    Diagnostic(
        "empty-event-filter",
        "eventFilter names no topic",
        "A source that sends nothing is better disabled.",
        wrong="kind: eventbridge-source\nproperties:\n  eventFilter: []",
        right="kind: eventbridge-source\nproperties:\n  eventFilter: [v2.users.{id}.presence]",
    ),
    Diagnostic(
        "duplicate-topic",
        "eventFilter names a topic twice",
        "It is a set: once is enough.",
        wrong="kind: eventbridge-source\nproperties:\n  eventFilter: [v2.users, v2.users]",
        right="kind: eventbridge-source\nproperties:\n  eventFilter: [v2.users]",
    ),
)
