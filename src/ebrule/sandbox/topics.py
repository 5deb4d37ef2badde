"""The topics that triggers and integrations may name: a choice of those that the service has, spelled as it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHANNELS: Final = "callbacks calls chats cobrowseSessions emails messages screenshares socialexpressions videos"
_OUTBOUND: Final = (
    "attemptlimits callabletimesets campaignrules campaigns contactlistfilters contactlists digitalrulesets dnclists"
    " emailcampaigns filespecificationtemplates importtemplates messagingcampaigns rulesets sequences"
    " whatsappcampaigns wrapupcodemappings"
)

# What stands before the braces, and what may follow them; a dash is nothing.
_GROUPS: Final = {
    "v2.detail.events.conversation.{id}": "acd.end acd.start acw attributes contact customer.end customer.start"
    " flow.end flow.outcome flow.start outbound user.end user.start voicemail.end voicemail.start wrapup",
    "v2.analytics.conversation.{id}": "metrics",
    "v2.analytics.flow.{id}": "aggregates executiondata",
    "v2.analytics.flows.{id}": "activity observations",
    "v2.analytics.queues.{id}": "activity observations",
    "v2.analytics.users.{id}": "activity aggregates observations",
    "v2.architect.prompts.{id}": "- resources.{id}",
    "v2.architect.systemprompts.{id}": "resources.{id}",
    "v2.audits.entitytype.{id}": "entityid.{id}",
    "v2.authorization.divisions.{id}": "-",
    "v2.authorization.roles.{id}": "-",
    "v2.bots.flows.{id}": "turns",
    "v2.callbacks.scheduled.{id}": "-",
    "v2.coaching.appointments.{id}": "- annotations statuses",
    "v2.contentmanagement.documents.{id}": "-",
    "v2.contentmanagement.workspaces.{id}": "documents",
    "v2.conversations.{id}": "agentchecklists checklists knowledgesuggestions recordings sentiment summaries topics"
    " transcription typing",
    "v2.conversations.emails.{id}": "drafts",
    "v2.conversations.messages.{id}": "deliverystatus typing",
    "v2.externalcontacts.contacts.{id}": "- notes unresolved",
    "v2.externalcontacts.organizations.{id}": "- notes",
    "v2.externalcontacts.relationships.{id}": "-",
    "v2.fax.documents.{id}": "-",
    "v2.flows.{id}": "- executions outcomes versions",
    "v2.flows.executions.{id}": "- errors milestones",
    "v2.gamification.scorecards.{id}": "-",
    "v2.groups.{id}": "greetings members",
    "v2.integrations.{id}": "status",
    "v2.journey.actionmaps.{id}": "-",
    "v2.journey.segments.{id}": "assignments",
    "v2.journey.sessions.{id}": "events",
    "v2.knowledge.knowledgebases.{id}": "documents imports",
    "v2.languageunderstanding.miners.{id}": "- drafts",
    "v2.learning.assignments.{id}": "- rules",
    "v2.operations.events.{id}": "-",
    "v2.outbound.campaigns.{id}": "progress stats",
    "v2.outbound.contactlists.{id}": "importstatus",
    "v2.outbound.dnclists.{id}": "importstatus",
    "v2.outbound.emailcampaigns.{id}": "progress",
    "v2.outbound.messagingcampaigns.{id}": "progress",
    "v2.outbound.schedules.campaigns.{id}": "-",
    "v2.outbound.schedules.sequences.{id}": "-",
    "v2.outbound.whatsappcampaigns.{id}": "progress",
    "v2.quality.calibrations.{id}": "-",
    "v2.quality.evaluations.{id}": "- assigned released reviewed",
    "v2.quality.surveys.{id}": "-",
    "v2.recording.jobs.{id}": "-",
    "v2.recordings.{id}": "- archive transcode",
    "v2.reporting.exports.{id}": "-",
    "v2.responsemanagement.assets.{id}": "-",
    "v2.routing.queues.{id}": "conversations users wrapupcodes",
    "v2.routing.skills.{id}": "-",
    "v2.routing.wrapupcodes.{id}": "-",
    "v2.scripts.{id}": "publish",
    "v2.social.posts.{id}": "-",
    "v2.speechandtextanalytics.programs.{id}": "- publish",
    "v2.speechandtextanalytics.topics.{id}": "- publish",
    "v2.stations.{id}": "-",
    "v2.taskmanagement.workbins.{id}": "- workitems",
    "v2.taskmanagement.workitems.{id}": "- attachments statuses terminated wrapups",
    "v2.taskmanagement.workitems.queues.{id}": "-",
    "v2.taskmanagement.worktypes.{id}": "- flows.datebased.rules flows.onattributechange.rules flows.oncreate.rules",
    "v2.telephony.providers.edges.{id}": "- logicalinterfaces metrics softwareupdate",
    "v2.telephony.providers.edges.phones.{id}": "-",
    "v2.telephony.providers.edges.trunks.{id}": "- metrics",
    "v2.users.{id}": "activity alerting.alerts alerting.interactionstats.alerts alerting.interactionstats.rules"
    " conversations conversationsummary fax.documents geolocation learning.assignments outofoffice"
    " persistentconnection presence quality.evaluations routingStatus station tokens voicemail.messages"
    " wem.coaching.notification workforcemanagement.adherence workforcemanagement.adherence.explanation"
    " workforcemanagement.notifications workforcemanagement.schedules workforcemanagement.timeoffrequests",
    "v2.video.conferences.{id}": "-",
    "v2.webdeployments.configurations.{id}": "-",
    "v2.webdeployments.deployments.{id}": "-",
    "v2.wem.engagement.celebrations.users.{id}": "-",
    "v2.workforcemanagement.agents.{id}": "adherence adherence.explanation schedules",
    "v2.workforcemanagement.businessunits.{id}": "activityplans.jobs adherence.explanations intraday intraday.alerts"
    " schedules schedules.runs shorttermforecasts shorttermforecasts.generate shorttermforecasts.import",
    "v2.workforcemanagement.historicaldata.{id}": "status",
    "v2.workforcemanagement.managementunits.{id}": "adherence agents.move intraday schedules shifttrades"
    " timeoffrequests",
    "v2.workforcemanagement.teams.{id}": "adherence",
    "v2.workforcemanagement.timeoffbalance.jobs.{id}": "-",
}


def _topics() -> Iterator[str]:
    yield "v2.outbound.settings"
    for channel in _CHANNELS.split():
        yield f"v2.routing.queues.{{id}}.conversations.{channel}"
        yield f"v2.users.{{id}}.conversations.{channel}"
        yield f"v2.conversations.{channel}.{{id}}"
    for entity in _OUTBOUND.split():
        yield f"v2.outbound.{entity}.{{id}}"
    for prefix, suffixes in _GROUPS.items():
        for suffix in suffixes.split():
            yield prefix if suffix == "-" else f"{prefix}.{suffix}"


TOPICS: Final = tuple(sorted(set(_topics())))
"""Their ids, in order; ``{id}`` stands for one segment."""
