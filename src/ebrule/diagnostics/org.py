"""What can be wrong with a rule in one org: what it refers to, what it would change, what the API says."""

from __future__ import annotations

from typing import Final

from ebrule.diagnostics.diagnostic import Diagnostic

ORG: Final = (
    Diagnostic(
        "unknown-rule",
        "the rule that a file names does not exist in the org",
        "Or this client may not see it. Correct the id, or look at the region and the kind; ebrule makes no new rules.",
        wrong="id: rule-of-another-org",
        right="id: demo-rule",
    ),
    Diagnostic(
        "unknown-target",
        "a target does not exist in the org",
        "Or this client may not see it. Create it first, or correct the id. Updates can skip this: --no-check-targets.",
        wrong="targets:\n  - id: target-of-another-org",
        right="targets:\n  - id: target-uuid-12345",
    ),
    Diagnostic(
        "unknown-flow",
        "a flow does not exist in the org",
        "Or this client may not see it: it needs the permission to view flows.",
        wrong="kind: trigger\ntarget: {type: Workflow, id: flow-of-another-org}",
        right="kind: trigger\ntarget: {type: Workflow, id: ae1e0cde-875d-4d13-a498-615e7a9fe956}",
    ),
    Diagnostic(
        "unfit-flow",
        "a flow cannot be started by a trigger",
        "It must be a workflow, active, and published.",
        wrong="kind: trigger\ntarget: {type: Workflow, id: id-of-an-inbound-call-flow}",
        right="kind: trigger\ntarget: {type: Workflow, id: id-of-a-published-workflow}",
    ),
    Diagnostic(
        "unknown-topic",
        "a topic is not among those of the org",
        "The message names the nearest.",
        wrong="kind: trigger\ntopicName: v2.detail.events.conversation.{id}.ended",
        right="kind: trigger\ntopicName: v2.detail.events.conversation.{id}.customer.end",
    ),
    Diagnostic(
        "unknown-integration",
        "an integration does not exist in the org",
        "Or this client may not see it: it needs the permission to view integrations.",
        wrong="kind: eventbridge-source\nid: integration-of-another-org",
        right="kind: eventbridge-source\nid: id-of-an-eventbridge-source",
    ),
    Diagnostic(
        "unfit-integration",
        "an integration is of another type",
        "This kind of rule is the configuration of an integration of type amazon-eventbridge-source.",
        wrong="kind: eventbridge-source\nid: id-of-a-webhook-integration",
        right="kind: eventbridge-source\nid: id-of-an-eventbridge-source",
    ),
    Diagnostic(
        "no-such-path",
        "--set names a place that the rule does not have",
        "Elements of a list are named by their key, as diff prints them, or by their number, from 0.",
        wrong="$ ebrule diff --rule-id demo-rule --set targets[nowhere].url=https://example.com",
        right="$ ebrule diff --rule-id demo-rule --set targets[target-uuid-12345].url=https://example.com",
    ),
    Diagnostic(
        "secret-needed",
        "a rollback needs a value that the ledger holds only redacted",
        "Secrets are never recorded, and the org does not have this one any more. Give it with --set.",
        wrong="$ ebrule rollback --rule-id demo-rule",
        right="$ ebrule rollback --rule-id demo-rule --set 'targets[crm].headers.Authorization=${env:MESH_TOKEN}'",
    ),
    Diagnostic(
        "immutable-field",
        "an update would change a field that cannot change",
        "The org refuses it, or drops it silently. What has another value there is another rule: create a new one.",
        wrong="kind: trigger\ntopicName: another-topic-than-the-org-has",
        right="kind: trigger\ntopicName: the-topic-that-the-org-has",
    ),
    Diagnostic(
        "identity-change",
        "an update would make another thing of the rule",
        "These fields say where events go: another account is another source. If it is meant: --allow-identity-change.",
        wrong='kind: eventbridge-source\nproperties:\n  awsAccountId: "999999999999"',
        right='kind: eventbridge-source\nproperties:\n  awsAccountId: "012345678901"',
    ),
    Diagnostic(
        "refused-by-org",
        "the org refused the rule",
        "It says why, and knows limits that ebrule does not. Nothing was changed.",
        wrong="conditions:\n  - {field: eventType, operator: fuzzy, value: 1}",
        right="conditions:\n  - {field: eventType, operator: equals, value: 1}",
    ),
)
