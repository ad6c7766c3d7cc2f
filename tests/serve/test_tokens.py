"""Tokens: what a caller may read, and what an answer does not name."""

from __future__ import annotations

import asyncio
import json
import re
import stat
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from typer.testing import CliRunner

from featurestore.cli.app import app
from featurestore.errors import FeatureStoreError
from featurestore.serve.callers import Callers, TokenSource
from featurestore.serve.grants import EVERYTHING, Grant, visible_registry
from featurestore.serve.permissions import Permissions
from featurestore.serve.problems import HttpProblem
from featurestore.serve.server_config import ServerConfig
from featurestore.serve.tokens import find_token, hash_of, new_secret, parse_tokens
from tests.support.builders import Table, column, model, service
from tests.support.online_project import Shop
from tests.support.running_server import running_server, wait_for

KEYS = {"tailnum": "varchar", "observed_at": "timestamp"}
COLUMNS = {**KEYS, "n": "bigint"}
ROW = ("N1", "2024-03-10 11:00:00", 7)
BODY = {"entities": {"tailnum": ["N1"]}}
GROUP = {"name": "people", "owner": {"name": "Ann"}}
HASH = hash_of("fst_x")


@pytest.fixture
def shop(tmp_path, redis_client, redis_server):
    """A project with a public view, a private one of a group, and one with personal data."""
    private = {"group": "people", "access": "private"}
    email = [column(*one) for one in COLUMNS.items()] + [column("email", "varchar", pii=True)]
    models = [
        model("orders", COLUMNS),
        model("salaries", COLUMNS, config=private, node=private),
        model("customers", email),
    ]
    services = [
        service("checkout", ["orders:n"]),
        service("payroll", ["salaries:n"], config={"group": "people"}),
        service("mailing", ["customers:email", "orders:n"]),
    ]
    tables = {
        "orders": Table(COLUMNS, [ROW]),
        "salaries": Table(COLUMNS, [ROW]),
        "customers": Table({**COLUMNS, "email": "varchar"}, [(*ROW, "a@example.org")]),
    }
    shop = Shop(tmp_path / "shop", redis_server)
    shop.write(models, tables, exposures=services, groups=[GROUP])
    shop.open().sync(allow_pii=True)
    return shop


@pytest.fixture
def serve(shop, tmp_path):
    """Return a function that serves with a file of tokens, and sends one of them."""
    file = tmp_path / "tokens.yml"

    @contextmanager
    def start(**rights):
        secret = new_secret()
        write(file, {"name": "caller", "sha256": hash_of(secret), **rights})
        with running_server(shop, tokens_file=file) as server:
            server.http.headers["authorization"] = f"Bearer {secret}"
            server.file = file
            yield server

    return start


def write(file, *entries):
    """Write a file of tokens."""
    file.write_text(yaml.safe_dump({"tokens": list(entries)}), encoding="utf-8")


def outcome(answer):
    """Return the status of an answer, and its values or its title."""
    content = answer.json()
    return answer.status_code, content.get("values", content.get("title"))


@pytest.mark.parametrize(
    ("rights", "body", "expected"),
    [
        ({"services": ["checkout"]}, {"service": "checkout"}, (200, {"n": [7]})),
        ({"services": "*"}, {"service": "checkout"}, (200, {"n": [7]})),
        ({"views": ["orders"]}, {"service": "checkout"}, (422, "Unknown feature service")),
        ({"services": ["checkout"]}, {"features": ["orders:n"]}, (422, "Unknown feature view")),
        ({"views": ["orders"]}, {"features": ["orders:n"]}, (200, {"n": [7]})),
        ({"views": "*"}, {"features": ["orders:n"]}, (200, {"n": [7]})),
        # A private view needs its group, also if its name is there.
        ({"views": ["salaries"]}, {"features": ["salaries:n"]}, (422, "Unknown feature view")),
        ({"views": "*"}, {"features": ["salaries:n"]}, (422, "Unknown feature view")),
        ({"groups": ["people"]}, {"features": ["salaries:n"]}, (200, {"n": [7]})),
        ({"groups": ["people"]}, {"service": "payroll"}, (200, {"n": [7]})),
        ({"groups": ["people"]}, {"service": "checkout"}, (422, "Unknown feature service")),
        # Personal data needs its own right.
        ({"services": "*"}, {"service": "mailing"}, (403, "Personal data")),
        ({"views": "*"}, {"features": ["customers:email"]}, (403, "Personal data")),
        ({"views": "*"}, {"features": ["customers:*"]}, (200, {"n": [7]})),
        (
            {"services": "*", "personal": True},
            {"service": "mailing"},
            (200, {"email": ["a@example.org"], "n": [7]}),
        ),
    ],
)
def test_a_token_reads_what_it_names(serve, rights, body, expected):
    """The two hot paths agree."""
    with serve(**rights) as server:
        found = outcome(server.read(**BODY, **body))
        feast = {"feature_service" if key == "service" else key: body[key] for key in body}
        feast_found = server.feast(**BODY, **feast)

    assert expected == found
    assert expected[0] == feast_found.status_code


def test_an_answer_names_nothing_that_the_caller_may_not_know(serve):
    """A forbidden name looks like one that does not exist, in each answer."""
    with serve(services=["checkout"], views=["orders"]) as server:
        forbidden = server.read(service="payroll", **BODY).json()
        unknown = server.read(service="payrol", **BODY).json()
        misspelt = server.read(features=["salarie:n"], **BODY).json()
        pages = [server.http.get(f"/v1/{page}") for page in ("views/salaries", "services/payroll")]
        registry = server.http.get("/v1/registry").json()
        description = server.http.get("/openapi.json").text
        ready = server.http.get("/readyz").json()

    assert forbidden["detail"].replace("payroll", "payrol") == unknown["detail"]
    assert [404, 404] == [page.status_code for page in pages]
    assert ["orders"] == [*registry["views"]]
    assert ["checkout"] == [*registry["services"]]
    assert {"status": "ready"} == ready
    for text in (forbidden["remedy"], unknown["remedy"], str(misspelt), description):
        assert not re.search("salaries|payroll|people|mailing", text)


def test_a_service_is_described_whose_view_is_not_visible(serve):
    """The caller reads the service's own features, so it learns their view from the service."""
    with serve(groups=["others"], services=["checkout"]) as server:
        page = server.http.get("/v1/services/checkout")
        registry = server.http.get("/v1/registry").json()
        description = server.http.get("/openapi.json")

    assert ["tailnum"] == page.json()["join_keys"]
    assert {} == registry["views"] == registry["entities"]
    assert 200 == description.status_code
    assert '"example":{"service":"checkout","entities":{"tailnum":["abc"]}}' in description.text


@pytest.mark.parametrize("name", ["payroll", "payrol"])
def test_a_request_of_two_forms_names_nothing(serve, name):
    """A service beside a list of features is refused before its request fields are looked at."""
    with serve(views=["orders"]) as server:
        answer = server.read(service=name, features=["orders:n"], request={"band": [1]}, **BODY)

    assert 422 == answer.status_code
    assert "Give either features or a feature service" in answer.json()["detail"]
    assert "payroll" not in answer.text


def test_a_view_without_a_version_means_the_latest(shop):
    """As in a reference; another version is named in full."""
    registry = shop.open().registry
    views = {
        name: replace(registry.view("orders"), name=name) for name in ("orders.v1", "orders.v2")
    }
    registry = replace(registry, feature_views=views, latest={"orders": "orders.v2"})
    latest, first = (
        visible_registry(registry, Grant(views=frozenset({name})))
        for name in ("orders", "orders.v1")
    )

    assert (["orders.v2"], "orders.v2") == ([*latest.feature_views], latest.view("orders").name)
    assert (["orders.v1"], {}) == ([*first.feature_views], first.latest)


def test_a_refusal_holds_no_earlier_request(shop):
    """The decision is kept, and each refusal is an error of its own."""
    permissions = Permissions(shop.open().registry, Grant(services=frozenset("*")))
    refused = []
    for _ in range(2):
        with pytest.raises(HttpProblem) as found:
            permissions.check(None, "mailing")
        refused.append(found.value)

    assert refused[0] is not refused[1]
    assert "customers:email" in refused[1].detail


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:6566", 200),
        ("localhost", 200),
        ("[::1]:6566", 200),
        ("attacker.example:6566", 421),
        ("127.0.0.1.attacker.example", 421),
        ("127.0.0.1@attacker.example", 421),
        ("10.0.0.1", 421),
    ],
)
def test_without_tokens_only_this_machine_is_answered(host, status):
    """A browser that asks under another site's name gets nothing (DNS rebinding)."""
    scope = {"headers": [(b"host", host.encode())]}
    try:
        asyncio.run(Callers(TokenSource(None), local=True).caller(scope))
        found = 200
    except HttpProblem as problem:
        found = problem.status

    assert status == found
    assert asyncio.run(Callers(TokenSource(None)).caller(scope)).grant is EVERYTHING


def test_a_server_on_a_port_looks_at_the_host(shop):
    """Without tokens; health is open to all."""
    with running_server(shop, tcp=True) as server:
        answers = [
            server.http.get(path, headers={"host": host}).status_code
            for path in ("/v1/registry", "/healthz")
            for host in ("localhost", "attacker.example")
        ]

    assert [200, 421, 200, 200] == answers


def test_an_empty_list_opens_nothing(tmp_path):
    """Whether tokens are asked for depends on the settings, and not on what they hold."""
    file = tmp_path / "tokens.yml"
    file.write_text("tokens: []", encoding="utf-8")
    for source in (TokenSource(None, "[]"), TokenSource(file)):
        with pytest.raises(HttpProblem, match="no token"):
            asyncio.run(Callers(source).caller({"headers": []}))


def test_a_lost_file_changes_nothing(tmp_path):
    """Also an emptied one, and one with a date that does not exist; a swapped link is followed."""
    old, new = new_secret(), new_secret()
    for name, secret in (("1", old), ("2", new)):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "t.yml", {"name": name, "sha256": hash_of(secret)})
    data, file = tmp_path / "data", tmp_path / "t.yml"
    data.symlink_to("1")
    file.symlink_to("data/t.yml")
    source = TokenSource(file)
    for lose in (
        data.unlink,
        lambda: data.symlink_to("nowhere"),
        lambda: (data.unlink(), data.symlink_to("1"), file.write_text("", encoding="utf-8")),
        lambda: file.write_text(f"[{{name: a, sha256: {HASH}, expires: 2027-13-01}}]"),
    ):
        lose()
        source.refresh()
        assert find_token(source.tokens, old)
        assert source.error
    (tmp_path / "next").symlink_to("2")
    (tmp_path / "next").replace(data)
    source.refresh()

    assert (None, "") == (find_token(source.tokens, old), source.error)
    assert find_token(source.tokens, new)


def test_token_new_keeps_a_link(tmp_path):
    """The entry goes to the file behind it."""
    link = tmp_path / "link.yml"
    link.symlink_to("tokens.yml")
    words = ["token", "new", "--name", "a", "--view", "*", "--file", str(link)]
    assert 0 == CliRunner().invoke(app, words).exit_code

    assert link.is_symlink()
    assert "name: a" in (tmp_path / "tokens.yml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "header", [None, "", "Basic eDp5", "Bearer", "Bearer fst_wrong", "Bearer é"]
)
def test_without_a_right_token_nothing_is_read(serve, header):
    """The answer is 401 and says how; only what names nothing of the project is open."""
    with serve(views="*", operator=True) as server:
        del server.http.headers["authorization"]
        given = {} if header is None else {"authorization": header.encode()}
        answers = [
            server.http.post(
                "/v1/features", json={"features": ["orders:n"], **BODY}, headers=given
            ),
            server.http.post("/get-online-features", json=BODY, headers=given),
            *(server.http.get(path, headers=given) for path in ("/v1/registry", "/openapi.json")),
        ]
        healthy = [server.http.get(path, headers=given) for path in ("/healthz", "/readyz", "/")]

    assert {401} == {answer.status_code for answer in answers}
    assert {'Bearer realm="featurestore"'} == {one.headers["www-authenticate"] for one in answers}
    assert {200} == {answer.status_code for answer in healthy}
    assert "orders" not in "".join(answer.text for answer in (*answers, *healthy))


def test_the_operator_sees_the_state(serve):
    """The views and the manifest of /readyz."""
    with serve(operator=True) as server:
        state = server.http.get("/readyz").json()

    assert {"orders", "customers", "salaries"} <= {*state["views"]}


def test_an_expired_token_is_refused(serve):
    """By the server's clock."""
    for expires, status in ((timedelta(hours=-1), 401), (timedelta(hours=1), 200)):
        moment = (datetime.now(UTC) + expires).isoformat()
        with serve(views="*", expires=moment) as server:
            answer = server.read(features=["orders:n"], **BODY)
        assert status == answer.status_code
        if status == 401:
            assert "The token 'caller' has expired." == answer.json()["detail"]


def test_a_new_file_counts_without_a_restart(serve, caplog):
    """Two tokens count at once while one replaces the other; a broken file changes nothing."""
    old, new = new_secret(), new_secret()
    entries = [{"name": "caller", "sha256": hash_of(one), "views": "*"} for one in (old, new)]

    def status(server, secret):
        headers = {"authorization": f"Bearer {secret}"}
        body = {"features": ["orders:n"], **BODY}
        return server.http.post("/v1/features", json=body, headers=headers).status_code

    with serve(views="*") as server:
        assert 401 == status(server, old)
        write(server.file, *entries)
        wait_for(lambda: [200, 200] == [status(server, one) for one in (old, new)])
        write(server.file, entries[1])
        wait_for(lambda: [401, 200] == [status(server, one) for one in (old, new)])
        server.file.write_text("tokens: [", encoding="utf-8")
        wait_for(lambda: "The new tokens do not count, the old ones still do" in caplog.text)
        assert [401, 200] == [status(server, one) for one in (old, new)]


def test_a_server_for_other_machines_needs_tokens(tmp_path):
    """Loopback and Unix sockets do not."""
    with pytest.raises(FeatureStoreError, match=r"--host 0\.0\.0\.0 opens the server") as refused:
        ServerConfig(host="0.0.0.0").checked()
    assert "featurestore token new" in refused.value.remedy
    for settings in ({"host": "::1"}, {"uds": "/tmp/s", "host": "10.0.0.1"}):
        ServerConfig(**settings).checked()
    ServerConfig(host="0.0.0.0", tokens_file=tmp_path / "tokens.yml").checked()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tokens: [", r"t\.yml is not YAML at line 1\."),
        ("", r"t\.yml has no list of tokens\."),
        ("[{expires: 2027-13-01}]", r"t\.yml cannot be read: month must be in 1\.\.12"),
        ("[" * 10_000, r"t\.yml cannot be read: it is nested too deeply"),
        ("[1]", r"t\.yml, token 1, is not a mapping\."),
        (f"[{{sha256: {HASH}}}]", "token 1, has no name"),
        ("[{name: a, sha256: abc}]", "token 1, has no sha256 of 64 hexadecimal digits"),
        (f"[{{name: a, sha256: {HASH}, servces: [x]}}]", r"'servces'.*Did you mean 'services'\?"),
        (f"[{{name: a, sha256: {HASH}, views: [1]}}]", r"has `views: \[1\]`.*list of names"),
        (f"[{{name: a, sha256: {HASH}, personal: 1}}]", "has `personal: 1`.*true or false"),
        (f"[{{name: a, sha256: {HASH}, expires: soon}}]", "has `expires: soon`.*2027-01-31"),
        (f"[{{name: a, sha256: {HASH}}}, {{name: b, sha256: {HASH}}}]", "token 2.*another token"),
    ],
)
def test_a_wrong_file_is_refused(text, message):
    """The error names the place and the remedy."""
    with pytest.raises(FeatureStoreError, match=message):
        parse_tokens(text, "t.yml")


def test_a_day_ends_a_token_at_its_beginning():
    """A date is the midnight of UTC, with which a moment without a zone agrees."""
    ends = {
        expires: parse_tokens(f"[{{name: a, sha256: {HASH}, expires: {expires}}}]", "t")[0].expires
        for expires in ("2027-01-31", "2027-01-31T00:00:00", "'2027-01-31T01:00:00+01:00'")
    }
    assert {datetime(2027, 1, 31, tzinfo=UTC)} == {*ends.values()}


def test_a_secret_is_random_and_found_by_its_hash():
    """256 bits, as text."""
    secrets = {new_secret() for _ in range(100)}
    tokens = parse_tokens(json.dumps([{"name": s, "sha256": hash_of(s)} for s in secrets]), "t")

    assert {100} == {len(secrets)}
    assert all(re.fullmatch(r"fst_[\w-]{43}", secret) for secret in secrets)
    assert all(find_token(tokens, secret).name == secret for secret in secrets)
    assert find_token(tokens, hash_of(secrets.pop())) is None


def test_token_new_prints_the_secret_once(tmp_path):
    """The file has its hash, rights for its owner alone, and all that was in it."""
    file = tmp_path / "tokens.yml"
    words = ["token", "new", "--file", str(file)]
    first = CliRunner().invoke(app, [*words, "--name", "a", "--service", "x", "--service", "y"])
    assert 0o600 == stat.S_IMODE(file.stat().st_mode)
    file.write_text("# ours\n" + file.read_text(encoding="utf-8"), encoding="utf-8")
    second = CliRunner().invoke(
        app, [*words, "--name", "b", "--view", "*", "--expires-in", "90 days", "--format", "json"]
    )
    a, b = parse_tokens(file.read_text(encoding="utf-8"), "t")

    assert (0, 0) == (first.exit_code, second.exit_code)
    assert hash_of(first.stdout.split()[0]) == a.sha256
    assert hash_of(json.loads(second.stdout)["token"]) == b.sha256
    assert (frozenset("xy"), frozenset("*")) == (a.grant.services, b.grant.views)
    assert timedelta(days=89) < b.expires - datetime.now(UTC) <= timedelta(days=90)
    assert file.read_text(encoding="utf-8").startswith("# ours\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--name", "a"], "The token 'a' could read nothing."),
        (["--name", "a", "--view", "v", "--expires-in", "soon"], "--expires-in soon"),
    ],
)
def test_token_new_refuses(tmp_path, words, message):
    """Nothing is written."""
    file = tmp_path / "tokens.yml"
    found = CliRunner().invoke(app, ["token", "new", "--file", str(file), *words])

    assert 1 == found.exit_code
    assert message in found.output
    assert not file.exists()
