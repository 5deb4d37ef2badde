"""What is secret does not leave; what is not stays readable; and a change of either still shows."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ebrule
from ebrule.errors import LedgerError
from ebrule.redaction import Redactor, each_text, is_sensitive, load_key, present_key

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = b"k" * 32
SECRET = "s3cr/et value"
REDACTOR = Redactor(KEY, [SECRET, ""])


def hidden(text: str) -> str:
    """What stands in the place of ``text``."""
    return REDACTOR.value(text)


# --- names ------------------------------------------------------------------------------------------------

SENSITIVE = """
    Authorization authorization AUTHORIZATION AuThOrIzAtIoN authorisation Proxy-Authorization authorizer
    auth x-auth X-Auth-Token oauth OAuth2 basicAuth authenticity_token WWW-Authenticate authToken
    attributes.authToken Cookie Set-Cookie set_cookie cookies token X-Token access_token accessToken
    accesstoken AccessTokens id_token X-CSRF-Token X-XSRF-TOKEN csrf secret client_secret clientSecret
    clientsecret secrets SECRET_2 key Key X-Api-Key apiKey api_key apikey APIKEY XAPIKey API-KEY2 api%key
    x-functions-key Ocp-Apim-Subscription-Key AWSAccessKeyId privateKey private_key keys sshkey keyId
    keystore Idempotency-Key monkeyKey keyboard_key password Password passwd passphrase passcode
    userPassword pass db_pass pwd PWD user-pwd pw X-Hub-Signature X-Hub-Signature-256 signature
    webhook-signature X-Amz-Signature sig sign X-Sig credential credentials X-Amz-Credential creds bearer
    jwt X-JWT sid session sessionId JSESSIONID otp pin auth[token]
    connectionString connection_string ConnectionStrings__Default connStr CONN_STR dsn sentryDsn
    DATABASE_URL databaseUrl db_uri REDIS_URL mongodbUri hmac X-Hmac-Sha256 hmacsha256 sas SAS_URL
    blobSas session_id private isPrivate cert clientCert certificate SSL_CERTIFICATE assertion
    client_assertion saml SAMLResponse X-SAML-Issuer
"""

LOOK_ALIKES = """
    ｔｏｋｅｎ Ａｕｔｈｏｒｉｚａｔｉｏｎ тоkеn Аuthоrizаtiоn раsswоrd ΤΟΚΕΝ tokén to\u200bken to\u00adken ᴛᴏᴋᴇɴ 𝐭𝐨𝐤𝐞𝐧
    T0KEN auth0r1zation
"""  # noqa: RUF001 - they are meant to look like other letters

PLAIN = """
    name description status priority conditions targets field operator value values jsonPath id type url
    headers topicName matchCriteria eventTTLSeconds eventFilter awsAccountId awsAccountRegion enabled
    version author authors authorId X-Author coauthor authority authorities keyboard keyboardLayout keyword
    keywords Keynote monkey monkeys donkey turkey hockey hotkey turnkey secretary secretariat Content-Type
    X-Source Accept User-Agent Host X-Request-Id ETag design assign signal signup passage passenger bypass
    trespass pinned spinning considered inside insider resident tok
    connection connectionStream reconnectStrategy concert certain url imageUrl databaseName disasName lambdas assist
    privately deprivation Straße naïve ключ τύπος 名前 dateCreated dateModified createdBy modifiedBy selfUri notes
    properties advanced eventSourceSuffix dataFormat workflowTargetSettings delayBySeconds topic
"""


@pytest.mark.parametrize("name", [*SENSITIVE.split(), *LOOK_ALIKES.split()])
def test_names_that_speak_of_secrets_are_sensitive(name: str) -> None:
    """A name that speaks of a secret does so in any case, spelling and company."""
    assert is_sensitive(name)


@pytest.mark.parametrize("name", PLAIN.split())
def test_plain_names_are_not_sensitive(name: str) -> None:
    """A name in which such a word only happens to stand, and a rule's own names, stay readable."""
    assert not is_sensitive(name)


# --- values -----------------------------------------------------------------------------------------------


def test_a_digest_stands_in_the_place_of_a_value() -> None:
    """The digest is HMAC-SHA256 with the user's key, cut to 16 digits."""
    assert Redactor(b"key").value("The quick brown fox jumps over the lazy dog") == "redacted:f7bc83f430538424"


def test_a_change_of_a_secret_shows() -> None:
    """The same secret has the same digest; another secret, or another key, has another."""
    digests = {hidden("one"), hidden("one"), hidden("two"), Redactor(b"x" * 32).value("one")}

    assert len(digests) == 3


def test_any_text_can_be_redacted() -> None:
    """The empty text and text that no encoding holds have digests too."""
    assert all(hidden(text).startswith("redacted:") for text in ("", "\ud800", "ü"))


@given(st.text() | st.from_regex(r"redacted:[0-9a-f]{16}", fullmatch=True))
def test_what_is_redacted_stays_as_it_is(text: str) -> None:
    """Redacting again changes nothing, as where the server's copy of a record is redacted again."""
    once = hidden(text)

    assert hidden(once) == once


# --- data -------------------------------------------------------------------------------------------------

RULE = {
    "name": "Key calls",
    "priority": 50,
    "conditions": [{"field": "attributes.authToken", "operator": "equals", "value": "x"}],
    "matchCriteria": [{"jsonPath": "$.a[?(@.key=='b' && @.code==1)]", "operator": "Equal", "values": ["x"]}],
    "targets": [
        {
            "id": "key-service",
            "type": "webhook",
            "url": "https://internal.example.com/process?a=1",
            "headers": {"X-Source": "EventBridge", "authorization": "Bearer abc"},
        }
    ],
}


def test_only_the_secrets_of_a_rule_are_hidden() -> None:
    """Of a rule, the value of a sensitive header is hidden; all else stays, the values of conditions too."""
    expected = json.loads(json.dumps(RULE).replace("Bearer abc", hidden("Bearer abc")))

    assert expected == REDACTOR.data(RULE)


def test_the_data_itself_is_left_alone() -> None:
    """What is redacted is a copy, down to its last list."""
    before = json.dumps(RULE)

    copy = REDACTOR.data(RULE)
    copy["conditions"].append("changed")

    assert before == json.dumps(RULE)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param({"token": 12}, {"token": hidden("12")}, id="number"),
        pytest.param({"token": True}, {"token": hidden("true")}, id="boolean"),
        pytest.param({"token": None}, {"token": None}, id="nothing"),
        pytest.param({"keys": ["a", 1]}, {"keys": [hidden("a"), hidden("1")]}, id="list"),
        pytest.param({"keys": ("a",)}, {"keys": [hidden("a")]}, id="tuple"),
        pytest.param(
            {"credentials": {"basic": {"id": "a", "type": "b"}}},
            {"credentials": {"basic": {"id": hidden("a"), "type": hidden("b")}}},
            id="leaves",
        ),
        pytest.param([1, 2.5, None, True, "a"], [1, 2.5, None, True, "a"], id="nothing-sensitive"),
    ],
)
def test_every_leaf_under_a_sensitive_name_is_hidden(data: Any, expected: Any) -> None:
    """Whatever stands under a sensitive name is hidden, in its shape; only nothing stays nothing."""
    assert expected == REDACTOR.data(data)


@pytest.mark.parametrize(
    ("pair", "hides"),
    [
        pytest.param({"name": "Authorization", "value": "x"}, {"value"}, id="name"),
        pytest.param({"key": "X-Api-Key", "value": "x"}, {"value"}, id="key"),
        pytest.param({"header": "Cookie", "values": ["x"]}, {"values"}, id="header"),
        pytest.param({"Key": "X-Token", "Value": "x"}, {"Value"}, id="capitals"),
        pytest.param({"key": "Content-Type", "value": "text/plain"}, set(), id="plain"),
        pytest.param({"name": "X-Source", "value": "x"}, set(), id="plain-name"),
        pytest.param({"key": "x"}, {"key"}, id="no-pair"),
        pytest.param({"name": "Token refresh", "status": "enabled"}, set(), id="no-value"),
        pytest.param({"name": None, "value": "x"}, set(), id="no-name"),
    ],
)
def test_a_header_is_known_in_a_list_too(pair: dict[str, Any], hides: set[str]) -> None:
    """Where one entry names and another holds the value, the name decides, and stays readable."""
    found = REDACTOR.data({"headers": [pair]})["headers"][0]

    assert hides == {name for name in pair if found[name] != pair[name]}


@pytest.mark.parametrize(
    ("path", "hides"),
    [
        ("targets[crm].headers.Authorization", True),
        ("credentials.basic.id", True),
        ("targets[key-service].url", False),
        ("eventFilter[v2.detail.events.oauth.token]", False),
        ("priority", False),
        (("headers", "Authorization"), False),
    ],
)
def test_a_change_is_known_by_its_path(path: Any, hides: bool) -> None:
    """The two sides of a change are hidden where its path leads to something sensitive."""
    changes = REDACTOR.data(
        [
            {"path": path, "before": None, "after": "x"},
            {"path": path, "base": "x", "ours": "x", "theirs": "x"},
        ]
    )

    x = hidden("x") if hides else "x"
    assert [["x" if side is None else side for side in list(change.values())[1:]] for change in changes] == [
        ["x", x],
        [x, x, x],
    ]


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        f"Bearer {SECRET}",
        "https://example.com/s3cr%2Fet%20value",
        "https://example.com/?a=s3cr%2Fet+value",
    ],
)
def test_a_string_that_holds_a_known_secret_is_hidden_whole(text: str) -> None:
    """A secret is found wherever it stands, also as URLs spell it, and nothing around it is told."""
    assert {"a": [hidden(text)]} == REDACTOR.data({"a": [text]})


def test_a_secret_is_found_as_json_spells_it() -> None:
    """A secret with quotes is found in text that holds it as JSON."""
    secret = 'a "b"\nand c'
    redactor = Redactor(KEY, [secret])

    assert redactor.text(json.dumps(["say", secret])) == f'["say", "{redactor.value(secret)}"]'


@pytest.mark.parametrize(
    "secret", ["e", "id", "prod", "s3cr-t7", "webhook", "operator", "EventTTL", "unchanged", "redacted"]
)
def test_a_short_or_common_secret_is_not_looked_for(secret: str) -> None:
    """One of fewer than eight characters, or a word of rules or of ebrule or a piece of one, is known by place only."""
    data = {secret: f"a {secret} b", "headers": {f"X-{secret}": secret}}
    redactor = Redactor(KEY, [secret])

    assert data == redactor.data(data)
    assert f"the {secret}" == redactor.text(f"the {secret}")


def test_a_name_that_holds_a_secret_is_hidden() -> None:
    """A secret that was used as a name does not leave either."""
    assert {hidden(f"X-{SECRET}"): "a"} == REDACTOR.data({f"X-{SECRET}": "a"})
    assert {"keys": {hidden(SECRET): hidden("a")}} == REDACTOR.data({"keys": {SECRET: "a"}})


# --- URLs -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        pytest.param("https://example.com/a?b=c#d", [], id="plain"),
        pytest.param("https://user:pass@example.com:8443/a", ["user:pass"], id="userinfo"),
        pytest.param("https://user@example.com", ["user"], id="user"),
        pytest.param("https://u:p@ss@example.com/", ["u:p@ss"], id="at-in-password"),
        pytest.param("https://u:p/ss@example.com/", ["u:p/ss"], id="slash-in-password"),
        pytest.param("https://u:p#s?s@example.com/", ["u:p#s?s"], id="hash-in-password"),
        pytest.param("https://example.com/@user", [], id="at-in-path"),
        pytest.param("https://example.com:8443/@user", [], id="at-after-port"),
        pytest.param("https://[::1]:8443/@user", [], id="at-after-address"),
        pytest.param("https://u:p@[::1]/", ["u:p"], id="address"),
        pytest.param("https://example.com/?token=abc&x=1", ["abc"], id="first"),
        pytest.param("https://example.com/?x=1&api_key=abc", ["abc"], id="last"),
        pytest.param("https://example.com/?api%5Fkey=abc", ["abc"], id="encoded-name"),
        pytest.param("https://example.com/?sig=a%2Fb%3D&x=1", ["a%2Fb%3D"], id="encoded-value"),
        pytest.param("https://example.com/?x=1;token=a;b", ["a;b"], id="semicolon"),
        pytest.param("https://example.com/?token=a'\" <b>&x=1", ["a'\" <b>"], id="odd-value"),
        pytest.param("https://example.com/?token=a=b?c=d&x", ["a=b?c=d"], id="equals-in-value"),
        pytest.param("https://example.com/?token=&x=1", [], id="empty"),
        pytest.param("https://example.com/?token", [], id="no-value"),
        pytest.param("https://example.com/?code=abc", ["abc"], id="function-key"),
        pytest.param("https://example.com/#access_token=abc&x=1", ["abc"], id="fragment"),
        pytest.param("https://example.com/#/a?token=abc", ["abc"], id="route"),
        pytest.param("https://example.com/?next=https://u:p@h/?token=abc", ["u:p", "abc"], id="url-in-url"),
        pytest.param("HTTPS://u:p@example.com", ["u:p"], id="capitals"),
        pytest.param("amqp+tls://u:p@example.com", ["u:p"], id="other-scheme"),
    ],
)
def test_only_the_secret_parts_of_a_url_are_hidden(url: str, secrets: list[str]) -> None:
    """User information and sensitive parameters are hidden, each as a whole; the rest stays readable."""
    expected = url
    for secret in secrets:
        expected = expected.replace(secret, hidden(secret), 1)

    found = REDACTOR.data({"url": url})["url"]

    assert expected == found
    assert REDACTOR.data(found) == found


def test_a_long_hostile_string_takes_no_long_time() -> None:
    """Text that looks like many broken URLs is handled in about the time of its length."""
    text = "://x:y?a=b;c" * 20_000

    assert REDACTOR.data(text) == text
    assert REDACTOR.text(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"refused: {SECRET}.", f"refused: {hidden(SECRET)}."),
        ("GET https://u:p@h/?token=abc: 500", f"GET https://{hidden('u:p')}@h/?token={hidden('abc:')} 500"),
        ('{"url":"https://h/?key=abc","to":"a@b"}', f'{{"url":"https://h/?key={hidden("abc")}","to":"a@b"}}'),
        ('{"url":"https://h:8443","to":"a@b"}', '{"url":"https://h:8443","to":"a@b"}'),
        ("<https://u:p@h>, <a@b>", f"<https://{hidden('u:p')}@h>, <a@b>"),
        ("see /login?code=abc now", f"see /login?code={hidden('abc')} now"),
        ("priority: 10 -> 50", "priority: 10 -> 50"),
    ],
)
def test_a_line_for_people_keeps_everything_but_secrets(text: str, expected: str) -> None:
    """In a message, secrets and the secret parts of URLs are hidden where they stand; words stay words."""
    assert expected == REDACTOR.text(text)
    assert REDACTOR.text(expected) == expected


def test_the_longest_secret_is_taken() -> None:
    """Where one secret begins with another, nothing of the longer one is left over."""
    redactor = Redactor(KEY, ["abcdefgh", "abcdefghijkl"])

    assert redactor.text("abcdefghijkl abcdefgh") == f"{redactor.value('abcdefghijkl')} {redactor.value('abcdefgh')}"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.sampled_from(SENSITIVE.split()), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(deadline=None)
@given(json_values)
def test_data_keeps_its_shape_and_is_redacted_once(data: Any) -> None:
    """Any data keeps its shape, stays JSON, and does not change when it is redacted again."""
    once = REDACTOR.data(data)

    assert type(once) is type(data)
    assert json.loads(json.dumps(once)) == once
    assert REDACTOR.data(once) == once


@settings(deadline=None)
@given(st.text(), st.text(), st.sampled_from(SENSITIVE.split()))
def test_a_known_secret_never_leaves(before: str, after: str, name: str) -> None:
    """Whatever stands around a secret, and wherever it stands, no output holds it."""
    canary = "canary-1f3a"
    redactor = Redactor(KEY, [canary])
    text = f"{before}{canary}{after}"

    assert canary not in json.dumps(redactor.data({"a": [text], text: text, name: text}))
    assert canary not in redactor.text(text)


# --- the way back -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "known",
    [
        pytest.param(RULE, id="rule"),
        pytest.param({"url": "https://u:p@example.com/?token=abc"}, id="url"),
        pytest.param({"credentials": {"basic": [1, True, None, "a"]}}, id="leaves"),
        pytest.param({f"X-{SECRET}": f"Bearer {SECRET}"}, id="names"),
        pytest.param([("a", SECRET)], id="tuple"),
    ],
)
def test_what_is_known_can_be_restored(known: Any) -> None:
    """A record of data that is at hand unredacted reads as if it had never been redacted."""
    recorded = REDACTOR.data(known)

    assert json.loads(json.dumps(known)) == REDACTOR.restore(recorded, known)


def test_what_is_not_known_stays_redacted() -> None:
    """A secret that is at hand nowhere, such as one that was replaced since, stays hidden."""
    recorded = REDACTOR.data({"token": "old", "key": "same"})

    found = REDACTOR.restore(recorded, {"token": "new", "key": "same"})

    assert found == {"token": hidden("old"), "key": "same"}


def test_what_another_run_knew_as_a_secret_can_be_restored() -> None:
    """A value that only the recording run took for a secret is told from its digest."""
    recorded = REDACTOR.data({"url": SECRET})

    assert Redactor(KEY).restore(recorded, {"url": SECRET}) == {"url": SECRET}


# --- the key ----------------------------------------------------------------------------------------------


def test_a_key_is_made_once(tmp_path: Path) -> None:
    """The first call makes the key, for its owner only; later calls give the same."""
    folder = tmp_path / "state"

    key = load_key(folder)

    assert len(key) == 32
    assert load_key(folder) == key
    assert [path.name for path in folder.iterdir()] == ["redaction.key"]
    assert [(folder / "redaction.key").stat().st_mode & 0o777, folder.stat().st_mode & 0o777] == [
        0o600,
        0o700,
    ]
    assert load_key(tmp_path / "other") != key


def test_asking_for_the_key_that_is_there_makes_none(tmp_path: Path) -> None:
    """Whoever must leave no trace gets the key that is there, or none."""
    assert present_key(tmp_path) is None
    assert list(tmp_path.iterdir()) == []
    assert load_key(tmp_path) == present_key(tmp_path)


def test_a_key_that_others_may_read_is_closed_to_them(tmp_path: Path) -> None:
    """A key that was left readable is closed when it is used."""
    load_key(tmp_path)
    path = tmp_path / "redaction.key"
    path.chmod(0o644)

    load_key(tmp_path)

    assert path.stat().st_mode & 0o777 == 0o600


def test_processes_that_make_the_key_at_once_get_the_same(tmp_path: Path) -> None:
    """Of many processes that find no key, one makes it, and all use that one."""
    script = """
import sys
from pathlib import Path
from ebrule.redaction import load_key
sys.stdin.read()
print(load_key(Path(sys.argv[1])).hex())
"""
    source = str(Path(ebrule.__file__).parents[1])
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, tmp_path / "state"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": source},
        )
        for _ in range(6)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
    keys = set()
    for process in processes:
        with process:
            assert process.stdout is not None
            keys.add(process.stdout.read().strip())

    assert keys == {load_key(tmp_path / "state").hex()}


def no_links(*_: Any, **__: Any) -> None:
    """Link nothing, as file systems do that have no hard links."""
    raise PermissionError(errno.EPERM, "Operation not permitted")


@pytest.mark.parametrize("link", [os.link, no_links], ids=["links", "no-links"])
def test_the_key_of_a_faster_process_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, link: Callable[..., None]
) -> None:
    """Where another process makes the key meanwhile, that key is the one, also without hard links."""

    def overtaken(draft: Path, path: Path) -> None:
        path.write_bytes(KEY)
        link(draft, path)

    monkeypatch.setattr(os, "link", overtaken)

    assert load_key(tmp_path) == KEY
    assert [path.name for path in tmp_path.iterdir()] == ["redaction.key"]


def test_a_key_is_made_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without them has it whole, and nothing beside it."""
    monkeypatch.setattr(os, "link", no_links)

    key = load_key(tmp_path)
    assert (32, key) == (len(key), load_key(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["redaction.key"]


def test_no_half_written_key_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the key cannot be written to the disk, there is none, and nothing else either."""

    def failing(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", failing)

    with pytest.raises(LedgerError, match="Input/output error") as caught:
        load_key(tmp_path)

    assert caught.value.hint
    assert list(tmp_path.iterdir()) == []


def _link_to_a_key(path: Path) -> None:
    target = path.with_name("elsewhere")
    target.write_bytes(KEY)
    path.symlink_to(target)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(lambda path: path.write_bytes(b""), "damaged", id="empty"),
        pytest.param(lambda path: path.write_bytes(KEY[1:]), "damaged", id="short"),
        pytest.param(lambda path: path.write_bytes(KEY + b"\n"), "damaged", id="long"),
        pytest.param(_link_to_a_key, "cannot read or make", id="symbolic-link"),
        pytest.param(os.mkfifo, "no regular file", id="fifo"),
        pytest.param(Path.mkdir, "no regular file", id="folder"),
    ],
)
def test_what_is_no_key_is_not_taken_for_one(tmp_path: Path, make: Callable[[Path], None], message: str) -> None:
    """A damaged key, a link or a pipe in its place is an error that says so, at once."""
    make(tmp_path / "redaction.key")

    with pytest.raises(LedgerError, match=message):
        load_key(tmp_path)


def test_another_users_key_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that somebody else put there, and so knows, is not used."""
    load_key(tmp_path)
    owner = tmp_path.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)

    with pytest.raises(LedgerError, match="of this user"):
        load_key(tmp_path)


def test_what_an_earlier_run_knew_as_a_secret_stays_one() -> None:
    """A value that was redacted by value is redacted again by whoever has only the record; others are not."""
    earlier = Redactor(KEY, ["mesh phrase"])
    rule = {"name": "mesh phrase", "status": "enabled", "headers": {"X-Key": "e"}, "list": [{"note": "a mesh phrase"}]}
    recorded = earlier.data(rule)

    assert recorded == Redactor(KEY).knowing(recorded, rule).data(rule)
    assert rule["name"] == Redactor(KEY).knowing(None, rule).data(rule)["name"]


def test_every_text_in_data_can_be_hidden() -> None:
    """Names and what stands deep within lists too; the data itself stays as it was."""
    data = {"name canary": ["canary", {"deep": ("a canary", 1, None, True)}]}
    shown = each_text(data, lambda text: text.replace("canary", "…"))

    assert {"name …": ["…", {"deep": ["a …", 1, None, True]}]} == shown
    assert ["name canary"] == list(data)
