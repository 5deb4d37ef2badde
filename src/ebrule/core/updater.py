"""Optimistic-lock updater: the versioned PUT and everything that can come of it.

The state of an update is the base version, the body that is wanted, and whether an earlier PUT may have been
applied without our knowing: then the update is *tainted*. A tainted update never merges onto a newer version
before it has asked the org what became of that PUT (:meth:`Updater._resolve`), and it never ends in an error
that says "not applied" unless the org's own answer rules it out.

What is seen is not what was made: where versions grow by one, an applied PUT made the version after its base, however
far the rule has moved on by the time it is read again.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

from ebrule.core.client import as_json
from ebrule.core.failures import failure, wait
from ebrule.core.fetcher import fetch_recent, rule_in
from ebrule.core.notices import AskingBack
from ebrule.core.pace import OutOfTimeError
from ebrule.core.put_outcome import Evidence, PutOutcome, SentPut, judge_put, made_version
from ebrule.core.reply import Reply, TransportError
from ebrule.core.retry import (
    CONFLICT_BACKOFF,
    NOT_SENT_BACKOFF,
    RATE_LIMIT_BACKOFF,
    Backoff,
    Meaning,
    meaning_of,
    wait_seconds,
)
from ebrule.errors import (
    EbruleError,
    InterruptedRunError,
    Overlap,
    UnavailableError,
    UnknownOutcomeError,
)
from ebrule.rules.equivalence import equivalent
from ebrule.rules.merge import merge3, missing_changes

if TYPE_CHECKING:
    from collections.abc import Callable

    from ebrule.core.auth import Session
    from ebrule.core.pace import Pace
    from ebrule.core.policy import Policy
    from ebrule.rules.kind import Data, Kind, Rule

NOT_SENT_TRIES = 3
LAST_WORD_SECONDS = 0.25


class Intent(NamedTuple):
    """A PUT that is about to be sent: its number, what it replaces, and the content that it carries."""

    attempt: int
    base: Rule
    wanted: Data
    overwritten: tuple[Overlap, ...] = ()


class Landed(NamedTuple):
    """How an update ended well.

    Attributes:
        rule: the org's state as it was seen last.
        made_version: the version that the PUT made. None where it is not known, since versions need not grow by one
            and the answer got lost, and where nothing was changed.
        changed: False where somebody else had made it so already.
        confirmed: True where the org's own answer got lost and reading back settled it.
        latency_ms: of the accepted PUT; None where it was confirmed.
        correlation_id: of the accepted PUT.
    """

    rule: Rule
    made_version: int | None = None
    changed: bool = True
    confirmed: bool = False
    latency_ms: float | None = None
    correlation_id: str | None = None


class Hooks(NamedTuple):
    """What the updater asks of its caller, each time.

    ``before_put`` must not return before the intent is durable. ``check`` raises for a merged rule that is not
    valid. ``merged`` is called with the two states between which others changed the rule, and what of that is not kept.
    ``evidence`` returns what else is known of the version after a given one.
    """

    before_put: Callable[[Intent], None]
    check: Callable[[Data], None] = lambda _: None
    merged: Callable[[Rule, Rule, tuple[Overlap, ...]], None] = lambda _was, _present, _overlaps: None
    evidence: Callable[[int], Evidence] = lambda _: Evidence()


class Updater:
    """One update of one rule, from its first PUT until it is known how it ended.

    Args:
        session: the org.
        kind: the rule's kind.
        base: the rule as it was read.
        wanted: the content that it should have.
        pace: the run's time.
        policy: what the caller allows.
        hooks: what the caller does on the way.
        overwritten: what others changed before, and the caller has already given up.
    """

    def __init__(
        self,
        session: Session,
        kind: Kind,
        base: Rule,
        wanted: Data,
        *,
        pace: Pace,
        policy: Policy,
        hooks: Hooks,
        overwritten: tuple[Overlap, ...] = (),
    ) -> None:
        self.attempts = 0
        self.conflicts = 0
        self.base = base
        self.wanted = wanted
        self._session = session
        self._kind = kind
        self._pace = pace
        self._policy = policy
        self._hooks = hooks
        self._shield = contextlib.ExitStack()
        self._tainted = False
        self._newest = base.version
        self._invisible_steps = 0
        self._refusal: EbruleError | None = None
        self._overwritten = overwritten
        self._waits: dict[Meaning, int] = {}

    def run(self) -> Landed:
        """Bring the rule to what is wanted.

        Raises :class:`UnknownOutcomeError` where a PUT may have been applied and the org does not tell;
        :class:`ConflictError`, :class:`InvalidRuleError`, :class:`AccessError`, :class:`RuleNotFoundError`,
        :class:`UnavailableError`, :class:`LedgerError` or :class:`InterruptedRunError` where it was not applied.
        """
        with self._shield:
            try:
                landed = None
                while landed is None:
                    landed = self._last_word() if self._told_to_stop() else self._attempt()
            except UnknownOutcomeError:
                raise
            except EbruleError as error:
                if self._tainted:
                    raise self._unknown(_why_unknown(error), cause=error) from error
                raise
            except Exception as bug:
                if self._tainted:
                    raise self._unknown(f"a bug in ebrule: {type(bug).__name__}") from bug
                raise
            return landed

    # --- one attempt ----------------------------------------------------------------------------------------------

    def _attempt(self) -> Landed | None:
        if self.attempts >= self._policy.max_attempts:
            raise UnavailableError(
                f"{self.attempts} attempts were not enough to update {self.base.id}",
                hint="The rule is changed by others all the time, or the org is in trouble: try again later.",
                code="attempts-spent",
            )
        self._session.patience.hold()
        body = as_json({**self.wanted, "version": self.base.version})
        self._hooks.before_put(Intent(self.attempts + 1, self.base, self.wanted, self._overwritten))
        self._pace.check()
        if self._told_to_stop():
            return None
        self.attempts += 1
        was_tainted = self._taint()
        outcome = self._put(body)
        meaning = meaning_of(outcome)
        if not was_tainted and meaning not in (Meaning.OK, Meaning.UNCLEAR):
            self._untaint()
        return self._after(meaning, outcome)

    def _put(self, body: bytes) -> Reply | TransportError:
        try:
            return self._session.client.put(self._kind.path_of(self.base.id), body)
        except TransportError as error:
            return error

    def _after(self, meaning: Meaning, outcome: Reply | TransportError) -> Landed | None:
        """Act on how a PUT ended; None means that there is to be another one."""
        if meaning in (Meaning.OK, Meaning.UNCLEAR):
            return self._after_success(outcome) if meaning is Meaning.OK else self._after_silence(outcome)
        if meaning is Meaning.RATE_LIMITED:
            self._wait(meaning, outcome, RATE_LIMIT_BACKOFF, "rate limited by the org")
            return None
        if meaning is Meaning.NOT_SENT and self._waits.get(meaning, 0) < NOT_SENT_TRIES - 1:
            self._wait(meaning, outcome, NOT_SENT_BACKOFF, "no connection to the org")
            return None
        if meaning is Meaning.UNAUTHORIZED and self._session.client.renew_token():
            return None
        if meaning is Meaning.STALE:
            # Waiting comes before reading: what is read is then as fresh as can be when the next PUT goes out.
            self._wait(meaning, outcome, CONFLICT_BACKOFF, f"{self.base.id} has been changed meanwhile")
            if not self._tainted:
                present = self._read_not_older()
                return self._confirmed(present) if self._is_ours(present) else self._rebase(present)
        else:
            refusal = failure(outcome, f"updating {self._kind.title} {self.base.id}")
            if not self._tainted:
                return self._applied_all_the_same(meaning, refusal)
            self._refusal = refusal
        # An earlier PUT may have been applied, whatever became of this one.
        return self._resolve("an earlier try may have been applied")

    def _after_success(self, outcome: Reply | TransportError) -> Landed | None:
        landed = self._accepted(outcome) if isinstance(outcome, Reply) else None
        return landed or self._resolve("the answer does not say that the update was taken")

    def _after_silence(self, outcome: Reply | TransportError) -> Landed | None:
        if not isinstance(outcome, Reply):
            return self._resolve(str(outcome))
        reason = f"the org answered {outcome.status}"
        self._wait(Meaning.UNCLEAR, outcome, CONFLICT_BACKOFF, reason)
        return self._resolve(reason)

    def _accepted(self, reply: Reply) -> Landed | None:
        rule = rule_in(reply, self._kind, self.base.id)
        if rule is None or not self._is_next(rule):
            return None
        # The lock lets one writer take this step, and the org says that it was us, whatever it made of the content.
        return Landed(rule, rule.version, latency_ms=reply.milliseconds, correlation_id=reply.correlation_id)

    def _is_next(self, rule: Rule) -> bool:
        """Return whether a rule has a version that a PUT to the base makes."""
        steps = rule.version - self.base.version
        return steps == 1 if self._kind.version_increments_by_one else steps > 0

    def _is_ours(self, present: Rule) -> bool:
        """Return whether a PUT that was refused is there all the same: a gateway may have sent it twice (RFC 9110)."""
        return (
            self._is_next(present)
            and equivalent(self._kind.shape, self._kind.content(present.data), self.wanted)
            and self._hooks.evidence(self.base.version).other_maker() is None
        )

    def _confirmed(self, present: Rule) -> Landed:
        return Landed(present, made_version(self._kind, self._sent(), present), confirmed=True)

    def _sent(self) -> SentPut:
        return SentPut(self.base.version, self._kind.content(self.base.data), self.wanted)

    def _applied_all_the_same(self, meaning: Meaning, refusal: EbruleError) -> Landed:
        """Raise the refusal of a PUT, unless the rule is as sent: of a PUT sent twice, the second one is refused."""
        if meaning in _MAY_BE_AN_ECHO:
            with contextlib.suppress(EbruleError):
                present = self._read_not_older()
                if self._is_ours(present):
                    return self._confirmed(present)
        raise refusal

    def _wait(self, meaning: Meaning, outcome: Reply | TransportError | None, backoff: Backoff, reason: str) -> None:
        tries = self._waits[meaning] = self._waits.get(meaning, 0) + 1
        headers = outcome.headers if isinstance(outcome, Reply) else {}
        pace = self._pace
        seconds = wait_seconds(headers, tries, backoff, now=pace.clock.now(), random=pace.random)
        wait(pace, seconds, reason, self.attempts + 1, self._policy.max_attempts)

    # --- somebody else was faster -----------------------------------------------------------------------------------

    def _rebase(self, present: Rule) -> Landed | None:
        """Bring what is wanted onto the present version, or raise where that cannot be done."""
        self.conflicts += 1
        kind, shape = self._kind, self._kind.shape
        was, theirs = kind.content(self.base.data), kind.content(present.data)
        merge = merge3(shape, was, self.wanted, theirs)
        if equivalent(shape, merge.content, theirs):
            return Landed(present, changed=False)
        if present.version != self.base.version or not equivalent(shape, was, theirs):
            self._policy.check_merge(self.base, present, merge.overlaps)
            self._hooks.check(merge.content)
            self._hooks.merged(self.base, present, merge.overlaps)
        self._overwritten += merge.overlaps
        self.base, self.wanted = present, merge.content
        return None

    # --- what became of a PUT -----------------------------------------------------------------------------------------

    def _resolve(self, reason: str) -> Landed | None:
        """Ask the org what became of a PUT that may have been applied; None means that it is to be sent again."""
        self._pace.observe(AskingBack(reason))
        present = self._read_not_older()
        if present.version > self.base.version:
            return self._judge(present)
        if self._refusal is not None:
            raise self._refusal
        if not self._told_to_stop():
            self._wait(Meaning.UNCLEAR, None, CONFLICT_BACKOFF, "the update has not been applied yet")
        return None

    def _judge(self, present: Rule) -> Landed | None:
        """Act on what a newer version says of our PUT; None means that another one is to be sent."""
        kind = self._kind
        was, theirs = kind.content(self.base.data), kind.content(present.data)
        verdict = judge_put(kind, self._sent(), present, self._hooks.evidence(self.base.version))
        if verdict.outcome is PutOutcome.APPLIED:
            return self._confirmed(present)
        if verdict.outcome is PutOutcome.NOT_APPLIED and not self._repeats_invisibly(was, theirs):
            self._untaint()
            return self._rebase(present)
        raise self._unknown(verdict.reason, overlaps=missing_changes(kind.shape, was, self.wanted, theirs))

    def _repeats_invisibly(self, was: Data, theirs: Data) -> bool:
        """Return whether this is the second version of this run that changes nothing: the org may undo what we send."""
        self._invisible_steps += equivalent(self._kind.shape, was, theirs)
        return self._invisible_steps > 1

    def _last_word(self) -> Landed:
        """The user wants to stop and a PUT may have been applied: find out, in the time that a signal leaves."""
        while True:
            present = self._read_not_older()
            if present.version > self.base.version:
                landed = self._judge(present)
                if landed is not None:
                    return landed
                self._pace.check()
            try:
                self._pace.sleep(LAST_WORD_SECONDS)
            except OutOfTimeError:
                raise self._unknown("it had not been applied when the time was up, and still may be") from None

    def _read_not_older(self) -> Rule:
        """Read the rule; a state older than one that was seen before is a lagging replica's, and is read again."""
        present = fetch_recent(self._session, self._kind, self.base.id, self._newest)
        self._newest = present.version
        return present

    # --- taint --------------------------------------------------------------------------------------------------------

    def _taint(self) -> bool:
        """Note that from now on a PUT may have been applied; return whether that was so before."""
        was_tainted = self._tainted
        if not was_tainted:
            self._shield.enter_context(self._pace.shield())
            self._tainted = True
        return was_tainted

    def _untaint(self) -> None:
        self._shield.close()
        self._tainted = False
        self._refusal = None

    def _told_to_stop(self) -> bool:
        return self._tainted and self._pace.interrupted is not None

    def _unknown(
        self, reason: str, *, overlaps: tuple[Overlap, ...] = (), cause: EbruleError | None = None
    ) -> UnknownOutcomeError:
        return UnknownOutcomeError(
            f"it is not known whether {self.base.id} was updated: {reason}",
            overlaps,
            hint="Ask again with: ebrule audit resolve",
            http_status=cause.http_status if cause else None,
            correlation_id=cause.correlation_id if cause else None,
        )


_MAY_BE_AN_ECHO = frozenset({Meaning.UNAUTHORIZED, Meaning.FORBIDDEN, Meaning.NOT_FOUND, Meaning.UNSUPPORTED})


def _why_unknown(error: EbruleError) -> str:
    # The error's own message says that nothing was changed, which is just what is not known.
    if isinstance(error, InterruptedRunError):
        return "a second signal came before the org had told"
    return error.message
