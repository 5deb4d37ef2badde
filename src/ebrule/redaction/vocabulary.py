"""The words of rules and of ebrule itself: where one of them stands, it means itself, and no secret."""

from __future__ import annotations

_RULES = """
    conditions description field headers id kind name operator priority status targets type url value version
    delayBySeconds dataFormat enabled eventTTLSeconds jsonPath matchCriteria target topicName values
    workflowTargetSettings
    advanced awsAccountId awsAccountRegion credentials eventFilter eventSourceSuffix notes properties
    selfUri dateCreated dateModified createdBy modifiedBy
    disabled Workflow Json TopLevelPrimitives true false null
    equals notEquals greaterThan greaterThanOrEquals lessThan lessThanOrEquals contains startsWith endsWith in notIn
    exists matches
    Equal NotEqual GreaterThan GreaterThanOrEqual LessThan LessThanOrEqual In NotIn Contains All Exists Size
    eventbridge trigger eventbridge-source webhook queue cases event event_file expect match no-match
"""

_EBRULE = """
    schema schema_version type intent outcome delivery resolution repair timestamp operation_id rule_id kind prev head
    org_id base_version attempt attempts conflicts deadline before after changes actor user host run commit login
    region reason tool_version webhook_format overwrites success error result exit_code correlation_id event
    event_id state seen_version key_id latency_ms merged drift stored_differently webhook audit log code message hint
    http_status problems conflict path base ours theirs file live severity line column
    updated unchanged planned rolled_back created deleted failed unknown applied not_applied interrupted open
    delivered pending gone stopped running elsewhere not_sent overwrite overwritten keep
    eventType data previousVersion auditHead specversion source subject time datacontenttype previousversion
    auditheadhash genesys cloudevents ebrule redacted sandbox trigger rollback validate update pull diff create delete
"""

_MESSAGES = """
    accepted access accounts acknowledged ambiguous announce announced announcement announces another answered answers
    anything argument assignments attention attribute attributes authenticated authentication authorization automation
    beginning brackets cannot certificate certificates changed changes character characters checking collector commands
    comments compared complete condition configuration confirmed connection continue conversation correlation credential
    criterion customer deadline deliveries diagnostics differences different differently directive
    disagree disagreement document documents duplicate duration elements encoding endpoint environment everything
    examples exceeded expected expression extra_forbidden failures firewall followed forbidden function functions
    genesys.eventbridge.rule.updated genesys.processautomation.trigger.updated
    genesys.integration.eventbridge-source.updated
    happened hexadecimal identity immutable included indentation infinity installed integration integrations internal
    invalid ledger location localhost loopback mapping mappings matching meanwhile misplaced mistakes multiply nothing
    official operation operations organization overwrote participants permission permissions permitted pipeline
    possibilities presence problems processautomation profile profiles programs provider published question rate-limited
    readonly receiver receives recorded redaction redirects rejected relative repeated replaced repository requests
    required resolved response searched security sequence settings signature somebody something standard substitution
    surrogate terminal terraform together transfer transport unanswered unauthorized unavailable unexpected unreachable
    unreadable unterminated untouched untrusted unusable unwritable updating validation variable variables verification
    versions warnings whatever whole wildcards
"""

WORDS = frozenset(f"{_RULES}{_EBRULE}{_MESSAGES}".split())
_TEXT = "\n".join(sorted(WORDS)).casefold()
_LEAST = 8


def is_rare(text: str) -> bool:
    """Whether a secret is long and rare enough to mean itself wherever it stands, so that it can be looked for.

    It has 8 characters or more, and is neither a word of rules or of ebrule nor a piece of one.
    """
    return len(text) >= _LEAST and text.casefold() not in _TEXT
