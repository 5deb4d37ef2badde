"""Options, environment and defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from platformdirs import user_state_path
from pydantic import SecretStr

from ebrule.errors import AccessError, UsageError
from ebrule.settings import Network, Options, Org, Settings, load_settings, wants_sandbox
from ebrule.settings.hosts import REGIONS, SANDBOX, checked_url

CREDENTIALS = {"GENESYSCLOUD_OAUTHCLIENT_ID": "id", "GENESYSCLOUD_OAUTHCLIENT_SECRET": "canary-secret"}
IRELAND = {"GENESYSCLOUD_REGION": "eu-west-1", **CREDENTIALS}


def org(environ: dict[str, str], **options: Any) -> Org:
    """Resolve an org."""
    return load_settings(Options(**options), {**CREDENTIALS, **environ}).require_org()


def missing(environ: dict[str, str], **options: Any) -> AccessError:
    """Resolve an org that cannot be."""
    with pytest.raises(AccessError) as caught:
        load_settings(Options(**options), environ).require_org()
    assert caught.value.code == "no-credentials"
    return caught.value


# --- regions --------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["", "api.", "login.", "my.", "apps."])
@pytest.mark.parametrize(("region", "domain"), REGIONS.items(), ids=list(REGIONS))
def test_a_region_is_known_by_name_and_domain(region: str, domain: str, prefix: str) -> None:
    """The AWS region, its domain, and the hosts that people paste lead to the same org, under one name."""
    said = "GENESYSCLOUD_OAUTHCLIENT_ID and GENESYSCLOUD_OAUTHCLIENT_SECRET"
    secret = SecretStr("canary-secret")
    expected = Org(region, f"https://api.{domain}", f"https://login.{domain}", "id", secret, credentials=said)
    assert expected == org({}, region=region)
    assert expected == org({}, region=f" {prefix}{domain.upper()} ")
    assert expected == org({}, region=f"https://{prefix}{domain}/")
    assert expected == org({}, region=region.replace("-", "_"))


# --- precedence -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "environ", "api", "login"),
    [
        pytest.param(
            {}, {"GENESYSCLOUD_REGION": "eu-west-1"},
            "https://api.mypurecloud.ie", "https://login.mypurecloud.ie",
            id="region-of-environment",
        ),
        pytest.param(
            {}, {"GENESYS_ENVIRONMENT": "mypurecloud.ie"},
            "https://api.mypurecloud.ie", "https://login.mypurecloud.ie",
            id="seeds-environment",
        ),
        pytest.param(
            {}, {"GENESYSCLOUD_REGION": "eu-west-1", "GENESYS_ENVIRONMENT": "mypurecloud.de"},
            "https://api.mypurecloud.ie", "https://login.mypurecloud.ie",
            id="seeds-environment-is-a-fallback",
        ),
        pytest.param(
            {}, {"GENESYSCLOUD_REGION": "", "GENESYS_ENVIRONMENT": "mypurecloud.de"},
            "https://api.mypurecloud.de", "https://login.mypurecloud.de",
            id="empty-is-not-set",
        ),
        pytest.param(
            {"region": "eu-central-1"}, {"GENESYSCLOUD_REGION": "eu-west-1"},
            "https://api.mypurecloud.de", "https://login.mypurecloud.de",
            id="region-option",
        ),
        pytest.param(
            {"region": "eu-central-1"},
            {"EBRULE_API_URL": "https://other.example", "EBRULE_LOGIN_URL": "https://o.example"},
            "https://api.mypurecloud.de", "https://login.mypurecloud.de",
            id="region-option-before-urls-of-environment",
        ),
        pytest.param(
            {}, {"GENESYSCLOUD_REGION": "eu-west-1", "EBRULE_API_URL": "https://a.example/"},
            "https://a.example", "https://a.example",
            id="api-url-alone",
        ),
        pytest.param(
            {}, {"EBRULE_API_URL": "https://a.example", "EBRULE_LOGIN_URL": "https://l.example"},
            "https://a.example", "https://l.example",
            id="both-urls",
        ),
        pytest.param(
            {}, {"GENESYSCLOUD_REGION": "eu-west-1", "EBRULE_LOGIN_URL": "https://l.example"},
            "https://api.mypurecloud.ie", "https://l.example",
            id="login-url-with-region",
        ),
        pytest.param(
            {"api_url": "https://b.example", "login_url": "https://m.example"},
            {"EBRULE_API_URL": "https://a.example", "EBRULE_LOGIN_URL": "https://l.example"},
            "https://b.example", "https://m.example",
            id="url-options",
        ),
        pytest.param(
            {"region": "eu-west-1", "login_url": "https://m.example"}, {},
            "https://api.mypurecloud.ie", "https://m.example",
            id="region-and-login-options",
        ),
        pytest.param(
            {"region": SANDBOX}, {"EBRULE_API_URL": "http://127.0.0.1:8080"},
            "http://127.0.0.1:8080", "http://127.0.0.1:8080",
            id="sandbox-that-runs-already",
        ),
    ],
)  # fmt: skip
def test_the_org_is_what_comes_first(options: dict[str, str], environ: dict[str, str], api: str, login: str) -> None:
    """An option goes before the environment, and the environment's own names before the seed's."""
    found = org(environ, **options)
    assert (api, login) == (found.api_url, found.login_url)


@pytest.mark.parametrize(
    ("options", "environ", "credentials"),
    [
        pytest.param({}, CREDENTIALS, ("id", "canary-secret", None), id="environment"),
        pytest.param(
            {}, {"GENESYS_CLIENT_ID": "seed", "GENESYS_CLIENT_SECRET": "s"}, ("seed", "s", None),
            id="seeds-names",
        ),
        pytest.param(
            {}, {**CREDENTIALS, "GENESYS_CLIENT_ID": "seed", "GENESYS_CLIENT_SECRET": "s"},
            ("id", "canary-secret", None), id="seeds-names-are-fallbacks",
        ),
        pytest.param({}, {"GENESYSCLOUD_ACCESS_TOKEN": "t"}, (None, None, "t"), id="token"),
        pytest.param(
            {}, {**CREDENTIALS, "GENESYSCLOUD_ACCESS_TOKEN": "t"}, (None, None, "t"), id="token-and-client"
        ),
        pytest.param({"client_id": "o"}, CREDENTIALS, ("o", "canary-secret", None), id="client-id-option"),
        pytest.param(
            {"client_id": "o", "client_secret": SecretStr("p")},
            {**CREDENTIALS, "GENESYSCLOUD_ACCESS_TOKEN": "t"},
            ("o", "p", None), id="client-options-before-token",
        ),
    ],
)  # fmt: skip
def test_the_credentials_are_what_comes_first(
    options: dict[str, Any], environ: dict[str, str], credentials: tuple[str | None, ...]
) -> None:
    """A client's id and secret, or an access token: options, then the environment, then the seed's names."""
    found = load_settings(Options(region="eu-west-1", **options), environ).require_org()
    secrets = [secret and secret.get_secret_value() for secret in (found.client_secret, found.access_token)]
    assert credentials == (found.client_id, *secrets)


@pytest.mark.parametrize(
    ("options", "environ", "attribute", "expected"),
    [
        ({}, {"EBRULE_WEBHOOK_URL": "https://e.example"}, "webhook_url", "https://e.example"),
        ({"webhook_url": "https://o"}, {"EBRULE_WEBHOOK_URL": "https://e"}, "webhook_url", "https://o"),
        ({}, {"EBRULE_WEBHOOK_URL": ""}, "webhook_url", None),
        ({}, {"EBRULE_WEBHOOK_SECRET": "whsec_x"}, "webhook_secret", SecretStr("whsec_x")),
        ({}, {"EBRULE_WEBHOOK_SECRET": ""}, "webhook_secret", None),
        ({}, {"EBRULE_STATE_DIR": "/e"}, "state_dir", Path("/e")),
        ({"state_dir": Path("/o")}, {"EBRULE_STATE_DIR": "/e"}, "state_dir", Path("/o")),
        ({}, {"EBRULE_STATE_DIR": "/e"}, "audit_log", Path("/e/audit.jsonl")),
        ({}, {"EBRULE_STATE_DIR": "/e", "EBRULE_AUDIT_LOG": "/l/a"}, "audit_log", Path("/l/a")),
        ({"audit_log": Path("/o/a")}, {"EBRULE_AUDIT_LOG": "/l/a"}, "audit_log", Path("/o/a")),
        ({"audit_log": "a.jsonl"}, {"EBRULE_AUDIT_LOG": "/l/a"}, "audit_log", Path("a.jsonl")),
        ({"state_dir": "/o"}, {}, "audit_log", Path("/o/audit.jsonl")),
        ({}, {}, "deadline", 120.0),
        ({"deadline": 5.0}, {}, "deadline", 5.0),
        ({"ca_file": __file__, "proxy": "http://p"}, {}, "network", Network(__file__, "http://p")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else None,
)  # fmt: skip
def test_everything_else_is_what_comes_first(
    options: dict[str, Any], environ: dict[str, str], attribute: str, expected: Any
) -> None:
    """Option, then environment, then default."""
    assert expected == getattr(load_settings(Options(**options), environ), attribute)


def test_the_home_is_the_users(home: Path) -> None:
    """The default state folder is the user's own, and ``~`` is understood."""
    found = load_settings(Options(), {"EBRULE_AUDIT_LOG": "~/a"})
    assert (user_state_path("ebrule"), home / "a") == (found.state_dir, found.audit_log)


# --- profiles -------------------------------------------------------------------------------------

PROFILES = """
[DEFAULT]
region = "eu-west-2"
client_id = "default-id"
client_secret = "default-secret"

[prod]
region = "eu-west-1"
client_id = "prod-id"
client_secret = "prod-secret"

[token]
api_url = "https://api.example"
login_url = "https://login.example"
access_token = "profile-token"
client_id = "unused"

[where]
region = "eu-central-1"

[who]
client_id = "who-id"
client_secret = "who-secret"

[local]
region = "sandbox"
"""
IRELAND_API, FRANKFURT_API, LONDON_API = (
    f"https://api.{REGIONS[f'eu-{name}']}" for name in ("west-1", "central-1", "west-2")
)


@pytest.fixture
def profiles(tmp_path: Path) -> dict[str, str]:
    """The environment that leads to a file of profiles."""
    path = tmp_path / "config.toml"
    path.write_text(PROFILES)
    path.chmod(0o600)
    return {"EBRULE_CONFIG": str(path)}


ENVIRONMENT = {
    "GENESYSCLOUD_REGION": "eu-central-1",
    "GENESYSCLOUD_OAUTHCLIENT_ID": "e",
    "GENESYSCLOUD_OAUTHCLIENT_SECRET": "s",
}


@pytest.mark.parametrize(
    ("options", "environ", "expected"),
    [
        pytest.param({}, {}, (LONDON_API, "default-id", "default-secret", None), id="default"),
        pytest.param({"profile": "prod"}, {}, (IRELAND_API, "prod-id", "prod-secret", None), id="option"),
        pytest.param({}, {"EBRULE_PROFILE": "prod"}, (IRELAND_API, "prod-id", "prod-secret", None), id="environment"),
        pytest.param(
            {"profile": "prod"}, {"EBRULE_PROFILE": "token"}, (IRELAND_API, "prod-id", "prod-secret", None),
            id="option-before-environment",
        ),
        pytest.param({"profile": "token"}, {}, ("https://api.example", None, None, "profile-token"), id="token"),
        pytest.param(
            {"profile": "prod", "region": "eu-central-1"}, {}, (FRANKFURT_API, "prod-id", "prod-secret", None),
            id="region-option-before-profile",
        ),
        pytest.param(
            {"profile": "token", "region": "eu-west-1"}, {}, (IRELAND_API, None, None, "profile-token"),
            id="region-option-before-urls-of-profile",
        ),
        pytest.param(
            {"profile": "prod"}, ENVIRONMENT, (IRELAND_API, "prod-id", "prod-secret", None),
            id="option-before-org-of-environment",
        ),
        pytest.param(
            {"profile": "prod"}, {"EBRULE_API_URL": "https://a.example", "EBRULE_LOGIN_URL": "https://l.example"},
            (IRELAND_API, "prod-id", "prod-secret", None), id="option-before-urls-of-environment",
        ),
        pytest.param(
            {}, {**ENVIRONMENT, "EBRULE_PROFILE": "prod"}, (FRANKFURT_API, "e", "s", None),
            id="environment-before-the-profile-that-it-names",
        ),
        pytest.param({}, ENVIRONMENT, (FRANKFURT_API, "e", "s", None), id="environment-before-default"),
        pytest.param(
            {}, {"GENESYSCLOUD_REGION": "eu-central-1"}, (FRANKFURT_API, "default-id", "default-secret", None),
            id="default-where-credentials-are-missing",
        ),
        pytest.param(
            {"profile": "prod"}, {"GENESYSCLOUD_ACCESS_TOKEN": "t"}, (IRELAND_API, "prod-id", "prod-secret", None),
            id="client-of-option-before-token-of-environment",
        ),
        pytest.param(
            {"profile": "token"}, CREDENTIALS, ("https://api.example", None, None, "profile-token"),
            id="token-of-option-before-client-of-environment",
        ),
        pytest.param(
            {}, {"GENESYSCLOUD_ACCESS_TOKEN": "t", "EBRULE_PROFILE": "prod"}, (IRELAND_API, None, None, "t"),
            id="token-of-environment-before-client-of-its-profile",
        ),
        pytest.param(
            {}, {**CREDENTIALS, "EBRULE_PROFILE": "token"}, ("https://api.example", "id", "canary-secret", None),
            id="client-of-environment-before-token-of-its-profile",
        ),
        pytest.param(
            {"profile": "prod", "api_url": "https://o.example"}, {"EBRULE_LOGIN_URL": "https://l.example"},
            ("https://o.example", "prod-id", "prod-secret", None), id="url-option-before-profile",
        ),
        pytest.param(
            {"profile": "prod", "client_secret": SecretStr("file")}, {}, (IRELAND_API, "prod-id", "file", None),
            id="secret-by-itself-with-id-of-profile",
        ),
        pytest.param(
            {"profile": "prod", "client_secret": SecretStr("file")}, {"GENESYSCLOUD_OAUTHCLIENT_ID": "e"},
            (IRELAND_API, "prod-id", "file", None), id="secret-by-itself-with-id-of-option",
        ),
        pytest.param(
            {"client_secret": SecretStr("file")}, {"GENESYSCLOUD_OAUTHCLIENT_ID": "e", "EBRULE_PROFILE": "prod"},
            (IRELAND_API, "e", "file", None), id="secret-by-itself-with-id-of-environment",
        ),
    ],
)  # fmt: skip
def test_a_profile_fills_what_is_not_told_otherwise(
    profiles: dict[str, str], options: dict[str, Any], environ: dict[str, str], expected: tuple[str | None, ...]
) -> None:
    """Option, profile of an option, environment, its profile; credentials are always those of one client."""
    found = load_settings(Options(**options), {**profiles, **environ}).require_org()
    secrets = [secret and secret.get_secret_value() for secret in (found.client_secret, found.access_token)]
    assert expected == (found.api_url, found.client_id, *secrets)


@pytest.mark.parametrize(
    ("options", "environ", "message"),
    [
        ({"profile": "who"}, {}, "no org to talk to: profile who of FILE has no region"),
        (
            {"profile": "where"},
            {},
            "no credentials for eu-central-1: profile where of FILE has no client_id and no client_secret",
        ),
        ({"profile": "who"}, ENVIRONMENT, "no org to talk to: profile who of FILE has no region"),
        (
            {"profile": "where"},
            ENVIRONMENT,
            "no credentials for eu-central-1: profile where of FILE has no client_id and no client_secret",
        ),
        (
            {},
            {"GENESYSCLOUD_OAUTHCLIENT_ID": "e", "EBRULE_PROFILE": "prod"},
            "no credentials for eu-west-1: GENESYSCLOUD_OAUTHCLIENT_SECRET is not set",
        ),
    ],
    ids=["no-region", "no-credentials", "environments-region", "environments-credentials", "half-of-the-environments"],
)
def test_what_a_profile_lacks_is_told(
    profiles: dict[str, str], options: dict[str, Any], environ: dict[str, str], message: str
) -> None:
    """An id of the environment does not meet the secret of a profile, nor its region the credentials of one."""
    error = missing({**profiles, **environ}, **options)
    assert message.replace("FILE", profiles["EBRULE_CONFIG"]) == error.message
    if environ is ENVIRONMENT:
        assert "With --profile, the environment's region and credentials are not used" in (error.hint or "")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("region = 'eu-wst-1'", "'eu-wst-1' is no region"),
        ("api_url = 'http://a.example'", "plain http is for loopback"),
    ],
    ids=["region", "url"],
)
def test_what_cannot_be_meant_in_a_profile_is_told_with_the_profile(tmp_path: Path, line: str, said: str) -> None:
    """Name and file: it may not be the one that the user thinks of."""
    path = tmp_path / "config.toml"
    path.write_text(f"[x]\n{line}\n")
    with pytest.raises(UsageError) as caught:
        load_settings(Options(profile="x"), {"EBRULE_CONFIG": str(path)})
    assert caught.value.message.startswith(f"profile x of {path}: ")
    assert said in caught.value.message


def test_the_gc_clis_file_is_looked_at_only_where_it_is_needed(home: Path) -> None:
    """A pipeline that sets everything is not stopped by a file that it does not use."""
    (home / ".gc").mkdir()
    (home / ".gc" / "config.toml").write_text("[")
    assert load_settings(Options(), IRELAND).require_org().name == "eu-west-1"
    with pytest.raises(UsageError):
        load_settings(Options(), CREDENTIALS)


@pytest.mark.parametrize(
    ("options", "environ", "expected"),
    [
        ({"region": SANDBOX}, {}, True),
        ({}, {"GENESYSCLOUD_REGION": SANDBOX}, True),
        ({}, {"GENESYS_ENVIRONMENT": SANDBOX}, True),
        ({"profile": "local"}, {}, True),
        ({"profile": "local", "region": "eu-west-1"}, {}, False),
        ({"profile": "local"}, {"GENESYSCLOUD_REGION": "eu-west-1"}, True),
        ({"profile": "local"}, {"EBRULE_API_URL": "https://api.example"}, True),
        ({"profile": "prod"}, {"GENESYSCLOUD_REGION": SANDBOX}, False),
        ({}, {"GENESYSCLOUD_REGION": "eu-west-1", "EBRULE_PROFILE": "local"}, False),
        ({}, {"GENESYSCLOUD_REGION": SANDBOX, "EBRULE_API_URL": "http://127.0.0.1:8080"}, False),
        ({"api_url": "http://127.0.0.1:8080"}, {"GENESYSCLOUD_REGION": SANDBOX}, False),
        ({"region": SANDBOX}, {"EBRULE_API_URL": "https://api.example"}, True),
        ({"region": " SandBox "}, {}, True),
        ({}, {"GENESYSCLOUD_REGION": "SANDBOX"}, True),
        ({"profile": "prod"}, {}, False),
    ],
    ids=str,
)
def test_the_sandbox_is_a_region_like_any_other(
    profiles: dict[str, str], options: dict[str, Any], environ: dict[str, str], expected: bool
) -> None:
    """By option, its profile, environment or its profile; a URL goes before any region but the option's."""
    assert expected is wants_sandbox(Options(**options), {**profiles, **environ})


@pytest.mark.parametrize(
    ("options", "url", "warns"),
    [
        ({}, "https://api.example", True),
        ({}, "http://127.0.0.1:8080", False),
        ({"api_url": "https://api.example"}, "https://b.example", False),
    ],
    ids=["org", "sandbox-that-is-served", "option"],
)
def test_an_org_where_a_shell_says_sandbox_too_is_warned_of(options: dict[str, Any], url: str, warns: bool) -> None:
    """Who believes to be on the sandbox reads which org it is; an address of this machine may well be a sandbox."""
    environ = {**CREDENTIALS, "GENESYSCLOUD_REGION": SANDBOX, "EBRULE_API_URL": url}
    warning = "EBRULE_API_URL of the environment goes before its region sandbox: this is api.example"
    assert ((warning,) if warns else ()) == load_settings(Options(**options), environ).warnings


def test_an_exposed_file_is_warned_of(profiles: dict[str, str]) -> None:
    """Only where a secret is taken from it."""
    path = Path(profiles["EBRULE_CONFIG"])
    assert load_settings(Options(profile="prod"), profiles).warnings == ()
    path.chmod(0o644)
    (warning,) = load_settings(Options(profile="prod"), profiles).warnings
    assert f"chmod 600 {path}" in warning
    assert load_settings(Options(profile="where"), profiles).warnings == ()
    assert load_settings(Options(), {**profiles, **IRELAND}).warnings == ()


NAMED = {"EBRULE_PROFILE": "prod"}


@pytest.mark.parametrize(
    ("options", "environ", "said"),
    [
        ({}, {**ENVIRONMENT, **NAMED}, f"{' and '.join(ENVIRONMENT)} of the environment go"),
        ({}, {"EBRULE_API_URL": "https://a.example", **NAMED}, "EBRULE_API_URL of the environment goes"),
        ({}, {"GENESYSCLOUD_REGION": "eu-west-1", "EBRULE_PROFILE": "who"}, None),
        ({"region": "eu-west-1"}, {"GENESYSCLOUD_REGION": "eu-west-1", **NAMED}, None),
        ({"profile": "prod"}, {**ENVIRONMENT, "EBRULE_PROFILE": "who"}, None),
        ({}, {"GENESYSCLOUD_REGION": "eu-west-1"}, None),
        ({"profile": "prod"}, {"GENESYSCLOUD_REGION": SANDBOX, "EBRULE_API_URL": "https://a.example"}, None),
    ],
    ids=["all", "url", "nothing-to-win-over", "region-option", "option", "default-profile", "option-beside-sandbox"],
)
def test_a_profile_that_the_environment_overrules_is_warned_of(
    profiles: dict[str, str], options: dict[str, Any], environ: dict[str, str], said: str | None
) -> None:
    """Where the environment names a profile and another org, nobody can see which of the two is meant."""
    expected = (f"{said} before what profile prod says",) if said else ()
    assert expected == load_settings(Options(**options), {**profiles, **environ}).warnings


@pytest.mark.parametrize(
    ("options", "environ", "title"),
    [
        ({"profile": "PROD"}, {}, "eu-west-1, profile prod"),
        ({"profile": "prod", "region": "eu-west-2"}, {}, "eu-west-2, profile prod"),
        ({}, {"EBRULE_PROFILE": "prod"}, "eu-west-1, profile prod"),
        ({}, {**IRELAND, "EBRULE_PROFILE": "prod"}, "eu-west-1"),
        ({}, {"GENESYSCLOUD_REGION": "eu-west-1"}, "eu-west-1, profile DEFAULT"),
        ({}, IRELAND, "eu-west-1"),
    ],
    ids=["option", "region-option", "variable", "not-used", "default-profiles-credentials", "none"],
)
def test_an_org_is_called_as_it_was_told(
    profiles: dict[str, str], options: dict[str, Any], environ: dict[str, str], title: str
) -> None:
    """By its region, and by the profile that says any of it."""
    assert title == load_settings(Options(**options), {**profiles, **environ}).require_org().title


def test_a_token_of_a_profile_that_http_cannot_carry_is_refused(tmp_path: Path) -> None:
    """The file is told, and the token is not."""
    path = tmp_path / "config.toml"
    path.write_text('[x]\nregion = "eu-west-1"\naccess_token = "canary\\n"\n')
    with pytest.raises(UsageError) as caught:
        load_settings(Options(profile="x"), {"EBRULE_CONFIG": str(path)})
    assert f"{path}: access_token of profile 'x' contains a line break" == caught.value.message
    assert "canary" not in f"{caught.value.message} {caught.value.hint}"


# --- what is missing ------------------------------------------------------------------------------


def test_without_an_org_there_are_settings() -> None:
    """Commands that talk to no org need none; the others are told what to set."""
    found = load_settings(Options(), {})
    assert found.org is None
    assert "--region sandbox" in (missing({}).hint or "")


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"GENESYSCLOUD_OAUTHCLIENT_ID": "id"}, "GENESYSCLOUD_OAUTHCLIENT_SECRET is not set"),
        ({"GENESYSCLOUD_OAUTHCLIENT_SECRET": "s"}, "GENESYSCLOUD_OAUTHCLIENT_ID is not set"),
        ({}, "GENESYSCLOUD_OAUTHCLIENT_ID and GENESYSCLOUD_OAUTHCLIENT_SECRET are not set"),
    ],
    ids=["secret", "id", "both"],
)
def test_partial_credentials_name_what_is_missing(environ: dict[str, str], named: str) -> None:
    """The message is the variable to set, and the org that it is missing for; what is there is not asked for."""
    error = missing(environ, region="eu-west-1")
    assert error.message == f"no credentials for eu-west-1: {named}"
    assert (error.hint or "").startswith(f"Set {named.partition(' is ')[0].partition(' are ')[0]}\n")


@pytest.mark.parametrize("environ", [CREDENTIALS, {"GENESYSCLOUD_ACCESS_TOKEN": "token"}], ids=["client", "token"])
def test_where_only_the_region_lacks_only_that_is_asked_for(environ: dict[str, str]) -> None:
    """Who has set the credentials is not told to set them."""
    error = missing(environ)
    assert "no org to talk to: GENESYSCLOUD_REGION is not set" == error.message
    assert (error.hint or "").startswith("Set GENESYSCLOUD_REGION\n(the gc CLI's and Terraform's own variable), ")


UNFIT = {
    "canary\n": "contains a line break",
    "canary\r\nX: y": "contains a line break",
    "\rcanary": "contains a line break",
    " canary": "begins or ends with a blank",
    "canary\t": "begins or ends with a blank",
    "canary\u00a0": "begins or ends with a blank",
    " ": "begins or ends with a blank",
    "can\x00ary": "contains a control character, or another one that cannot be seen",
    "can\x1bary": "contains a control character, or another one that cannot be seen",
    "can\x7fary": "contains a control character, or another one that cannot be seen",
    "canary\u200b": "contains a control character, or another one that cannot be seen",
    "\ufeffcanary": "contains a control character, or another one that cannot be seen",
}
"""What no credential contains, with what is said of it."""
UNFIT_TOKENS = {**UNFIT, **dict.fromkeys(["canaryß", "can ary", "canary\udcff"], "contains a ")}
CREDENTIAL_VARIABLES = {
    "GENESYSCLOUD_OAUTHCLIENT_ID": "GENESYS_CLIENT_ID",
    "GENESYSCLOUD_OAUTHCLIENT_SECRET": "GENESYS_CLIENT_SECRET",
}


def refused(environ: dict[str, str], **options: Any) -> UsageError:
    """Resolve credentials that no org can have given out."""
    with pytest.raises(UsageError) as caught:
        load_settings(Options(region="eu-west-1", **options), environ)
    assert "bad-credential" == caught.value.code
    assert "canary" not in f"{caught.value.message} {caught.value.hint}"
    return caught.value


@pytest.mark.parametrize(("token", "said"), UNFIT_TOKENS.items(), ids=map(repr, UNFIT_TOKENS))
def test_a_token_that_http_cannot_carry_is_refused(token: str, said: str) -> None:
    """A line break at the end is a common slip in a pipeline; the variable is named, and the token is not shown."""
    assert f"GENESYSCLOUD_ACCESS_TOKEN {said}" in refused({"GENESYSCLOUD_ACCESS_TOKEN": token}).message


@pytest.mark.parametrize(("value", "said"), UNFIT.items(), ids=map(repr, UNFIT))
@pytest.mark.parametrize("name", [*CREDENTIAL_VARIABLES, *CREDENTIAL_VARIABLES.values()])
def test_an_id_or_a_secret_that_no_org_gives_out_is_refused(name: str, value: str, said: str) -> None:
    """The message names the variable that it comes from, of two that may hold it."""
    others = {each: "canary" for each, fallback in CREDENTIAL_VARIABLES.items() if name not in (each, fallback)}
    assert f"{name} {said}" == refused({**others, name: value}).message


@pytest.mark.parametrize(("value", "said"), UNFIT.items(), ids=map(repr, UNFIT))
def test_credentials_of_a_library_user_are_checked_too(value: str, said: str) -> None:
    """What comes as an option is named as the option is."""
    environ = {"GENESYSCLOUD_OAUTHCLIENT_ID": "id"}
    assert f"client_secret {said}" == refused(environ, client_secret=SecretStr(value)).message
    assert f"client_id {said}" == refused({}, client_id=value, client_secret=SecretStr("canary")).message
    environ["GENESYSCLOUD_OAUTHCLIENT_ID"] = value
    assert f"GENESYSCLOUD_OAUTHCLIENT_ID {said}" == refused(environ, client_secret=SecretStr("canary")).message


@pytest.mark.parametrize("secret", ["p w", "pässwörd", "a:b", "~!@#$%^&*()"])
def test_what_can_be_sent_is_taken(secret: str) -> None:
    """An id and a secret are encoded before they are sent, so blanks inside and letters of all alphabets may stay."""
    assert SecretStr(secret) == org({"GENESYSCLOUD_OAUTHCLIENT_SECRET": secret}, region="eu-west-1").client_secret


def test_what_is_not_used_is_not_checked() -> None:
    """A variable that something else goes before stops nobody, nor does one where no org is asked."""
    environ = {"GENESYSCLOUD_ACCESS_TOKEN": "token", "GENESYSCLOUD_OAUTHCLIENT_SECRET": "canary\n"}
    assert load_settings(Options(region="eu-west-1"), environ).require_org().access_token
    environ = {**IRELAND, "GENESYSCLOUD_OAUTHCLIENT_SECRET": "canary\n"}
    assert load_settings(Options(), environ, to_org=False).org is None


def test_settings_built_by_hand_say_what_is_missing() -> None:
    """A library user who leaves the org out is told the same."""
    with pytest.raises(AccessError):
        Settings(None, None, Path(), Path()).require_org()


# --- what cannot be meant -------------------------------------------------------------------------


@pytest.mark.parametrize("deadline", [0.0, -1.0, 86_401.0, float("nan"), float("inf")])
def test_a_deadline_is_from_above_zero_to_a_day(deadline: float) -> None:
    """A run needs some time, and not for ever."""
    with pytest.raises(UsageError) as caught:
        load_settings(Options(deadline=deadline), {})
    assert caught.value.code == "bad-deadline"


def test_a_file_of_certificates_must_exist(tmp_path: Path) -> None:
    """A wrong path is told before anything is sent."""
    with pytest.raises(UsageError) as caught:
        load_settings(Options(ca_file=str(tmp_path / "none.pem")), {})
    assert caught.value.code == "bad-ca-file"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        pytest.param("http://api.mypurecloud.com", "plain-http", id="plain-http"),
        pytest.param("http://10.0.0.1", "plain-http", id="plain-http-to-private-address"),
        pytest.param("http://localhost.evil.example", "plain-http", id="looks-like-localhost"),
        pytest.param("http://0.0.0.0", "plain-http", id="unspecified"),
        pytest.param("http://2130706433", "plain-http", id="decimal-loopback"),
        pytest.param("https://user@host", "bad-url", id="user"),
        pytest.param("https://user:canary@host", "bad-url", id="user-and-password"),
        pytest.param("https://@host", "bad-url", id="empty-user"),
        pytest.param("https://host?a=b", "bad-url", id="query"),
        pytest.param("https://host?", "bad-url", id="empty-query"),
        pytest.param("https://host#a", "bad-url", id="fragment"),
        pytest.param("https://host/#", "bad-url", id="empty-fragment"),
        pytest.param("https://host:0", "bad-url", id="port-zero"),
        pytest.param("https://host:65536", "bad-url", id="port-too-large"),
        pytest.param("https://host:x", "bad-url", id="port-no-number"),
        pytest.param("https://[::1", "bad-url", id="bracket"),
        pytest.param("https://", "bad-url", id="no-host"),
        pytest.param("https:///path", "bad-url", id="only-path"),
        pytest.param("host", "bad-url", id="no-scheme"),
        pytest.param("ftp://host", "bad-url", id="other-scheme"),
        pytest.param("file:///etc/passwd", "bad-url", id="file"),
        pytest.param("https://host\n", "bad-url", id="newline"),
        pytest.param("https://ho\tst", "bad-url", id="tab"),
        pytest.param("https://host ", "bad-url", id="space"),
        pytest.param("https://host\x1b[2J", "bad-url", id="escape"),
    ],
)
@pytest.mark.parametrize("option", ["api_url", "login_url"])
def test_a_url_that_cannot_be_meant_is_refused(url: str, code: str, option: str) -> None:
    """Each host must be one that a token may go to; what is refused is not repeated with a password in it."""
    with pytest.raises(UsageError) as caught:
        org({"GENESYSCLOUD_REGION": "eu-west-1"}, **{option: url})
    assert code == caught.value.code
    assert caught.value.message.startswith("--" + option.replace("_", "-"))
    assert "canary" not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize(
    ("url", "checked"),
    [
        ("https://host/", "https://host"),
        ("https://host/base/", "https://host/base"),
        ("HTTPS://API.MyPureCloud.com", "https://api.mypurecloud.com"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://127.0.0.1", "http://127.0.0.1"),
        ("http://127.9.9.9:1", "http://127.9.9.9:1"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_a_url_is_taken_without_its_last_slash(url: str, checked: str) -> None:
    """However it is written, the same host is the same text, and https is told by its name."""
    assert checked == checked_url(url, "--api-url")


@pytest.mark.parametrize(
    ("url", "region", "name"),
    [
        ("https://api.mypurecloud.ie", None, "eu-west-1"),
        ("https://API.mypurecloud.ie/", None, "eu-west-1"),
        ("https://other.example:8443", None, "other.example:8443"),
        ("https://other.example", "eu-west-1", "other.example"),
        ("http://127.0.0.1:8080", SANDBOX, SANDBOX),
    ],
)
def test_an_org_has_one_name(url: str, region: str | None, name: str) -> None:
    """Records of the same org agree, however it was given."""
    assert name == org({}, api_url=url, region=region).name


# --- secrets --------------------------------------------------------------------------------------


def test_no_secret_stands_in_a_representation() -> None:
    """What a traceback or a log might show of the settings has no secret in it."""
    environ = {
        **IRELAND,
        "GENESYSCLOUD_OAUTHCLIENT_SECRET": "canary-1",
        "EBRULE_WEBHOOK_SECRET": "canary-2",
    }
    shown = repr(load_settings(Options(client_secret=SecretStr("canary-3")), environ))
    shown += repr(load_settings(Options(), {**environ, "GENESYSCLOUD_ACCESS_TOKEN": "canary-4"}))
    shown += repr(Options(client_secret=SecretStr("canary-5")))
    assert "canary" not in shown


def test_credentials_may_hold_any_bytes() -> None:
    """What is no text becomes replacement characters, which no org accepts, instead of an error of Python's."""
    environ = dict.fromkeys(("GENESYSCLOUD_OAUTHCLIENT_ID", "GENESYSCLOUD_OAUTHCLIENT_SECRET"), "\udcff")
    org = load_settings(Options(region="eu-west-1"), environ).require_org()
    assert ("\ufffd", SecretStr("\ufffd")) == (org.client_id, org.client_secret)
