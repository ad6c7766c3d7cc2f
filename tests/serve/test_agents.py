"""Agents: the right value of each tool, and what no tool ever shows."""

from __future__ import annotations

import inspect
import json

import duckdb
import httpx
import pytest
import yaml
from typer.testing import CliRunner

from featurestore.cli.app import app
from featurestore.errors import FeatureStoreError, MissingExtra
from featurestore.serve.mcp_server import refuse_missing_protocol, run_http_agents
from featurestore.serve.server_config import ServerConfig
from featurestore.serve.tokens import hash_of, new_secret
from tests.support.agent_client import agent_server_of, http_agent, stdio_agent
from tests.support.builders import PROJECT, Table, column, model, service
from tests.support.online_project import Shop

CANARY = "canary.alice@example.com"
KEYS = {"tailnum": "varchar", "observed_at": "timestamp"}
COLUMNS = {**KEYS, "n": "bigint"}
LABELS = {"tailnum": "varchar", "event_timestamp": "timestamp", "late": "boolean"}
EVENT = "2024-03-10 11:00:00"
GROUP = {"name": "people", "owner": {"name": "Ann"}}
PRIVATE = {"group": "people", "access": "private"}
RAW = {
    "unique_id": f"source.{PROJECT}.raw.orders",
    "source_name": "raw",
    "name": "orders",
    "relation_name": '"warehouse"."main"."raw_orders"',
    "original_file_path": "models/sources.yml",
    "columns": {name: column(name, kind) for name, kind in COLUMNS.items()},
}
TOOLS = {
    "search_features": {"words": ""},
    "show_definition": {"name": "orders"},
    "who_uses": {"name": "orders:n"},
    "trace_upstream": {"name": "orders:n"},
    "find_dependents": {"column": "raw.orders.n"},
    "write_training_sql": {"entity_table": "ref:labels", "service": "checkout"},
    "read_current_values": {"service": "checkout", "entities": [{"tailnum": "N1"}]},
    "explain_value": {"feature": "orders:n", "keys": {"tailnum": "N1"}, "at": "2024-03-10T12:00"},
}
"""Each tool with arguments that have an answer."""


def node(expression: str) -> dict[str, object]:
    """Return the fields of a model that is computed from the source."""
    sql = f'select tailnum, observed_at, {expression} from "main"."raw_orders"'
    needs = {"nodes": [RAW["unique_id"]]}
    return {"compiled_code": sql, "raw_code": sql, "depends_on": needs}


@pytest.fixture
def shop(tmp_path, redis_client, redis_server):
    """A published project: a public view, a private one, and one with personal data."""
    text = {"description": "Open orders of a plane."}
    columns = [*(column(*one) for one in KEYS.items()), {**column("n", "bigint"), **text}]
    email = [*(column(*one) for one in COLUMNS.items()), column("email", "varchar", pii=True)]
    models = [
        model("orders", columns, ttl="30 days", node=node("n + 1 as n")),
        model("salaries", COLUMNS, config=PRIVATE, node={**PRIVATE, **node("n * 2 as n")}),
        model("customers", email),
        model("labels", LABELS, meta={}),
    ]
    services = [
        service("checkout", ["orders:n"], description="Decides about a discount."),
        service("payroll", ["salaries:n"], config={"group": "people"}),
        service("mailing", ["customers:email", "orders:n"]),
    ]
    tables = {
        "raw_orders": Table(COLUMNS, [("N1", EVENT, 6)]),
        "orders": Table(COLUMNS, [("N1", "2024-03-09 11:00:00", 5), ("N1", EVENT, 7)]),
        "salaries": Table(COLUMNS, [("N1", EVENT, 12)]),
        "customers": Table({**COLUMNS, "email": "varchar"}, [("N1", EVENT, 3, CANARY)]),
        "labels": Table(LABELS, [("N1", "2024-03-10 10:59:59", True)]),
    }
    project = Shop(tmp_path / "shop", redis_server)
    project.write(models, tables, exposures=services, groups=[GROUP], sources=[RAW])
    project.open().sync(allow_pii=True)
    return project


@pytest.fixture
def uds(shop):
    """The socket of a server that asks for no token."""
    with agent_server_of(shop) as path:
        yield path


def manifest(shop):
    return shop.folder / "target" / "manifest.json"


async def test_every_tool_on_stdio(shop, tmp_path):
    """A process of its own gives the right values, and its log goes to standard error."""
    log = tmp_path / "log"
    with log.open("w", encoding="utf-8") as errors:
        async with stdio_agent(shop, errors, "--log-level", "debug") as agent:
            found = {tool: await agent.answer(tool, **given) for tool, given in TOOLS.items()}
            unknown = await agent.error("show_definition", name="ordrs")

    names = [match["name"] for match in found["search_features"]["matches"]]
    assert ["checkout", "customers", "customers:email", "customers:n", "mailing"] == names[:5]
    definition = found["show_definition"]
    assert ("view", "30 days", ["tailnum"]) == (
        definition["kind"],
        definition["ttl"],
        [key["name"] for key in definition["join_keys"]],
    )
    assert ["checkout", "mailing"] == definition["services"]
    assert ["checkout", "mailing"] == [use["service"] for use in found["who_uses"]["services"]]
    edge = {"source": "raw.orders.n", "target": "orders.n", "direct": True}
    assert [edge] == found["trace_upstream"]["edges"]
    dependents = found["find_dependents"]["dependents"]
    assert ["orders:n", "salaries:n"] == [one["name"] for one in dependents]
    assert {"n": [7]} == found["read_current_values"]["values"]
    assert {"orders": ["2024-03-10T11:00:00Z"]} == found["read_current_values"]["event_timestamps"]
    verdicts = [(row["value"], row["verdict"]) for row in found["explain_value"]["rows"]]
    assert ("chosen" == verdicts[0][1], 7, 5) == (True, verdicts[0][0], verdicts[1][0])
    assert "Unknown feature view, service or entity 'ordrs'. Did you mean 'orders'?" == unknown
    assert "Traceback" not in log.read_text(encoding="utf-8")


async def test_the_training_sql_is_right_and_not_executed(shop, uds):
    """Executed elsewhere, it gives the value that was known at the row's instant."""
    async with http_agent(uds) as agent:
        found = await agent.answer("write_training_sql", **TOOLS["write_training_sql"])
        query = await agent.error(
            "write_training_sql", entity_table="select 1 as x", features=["orders:n"]
        )
        missing = await agent.error(
            "write_training_sql", entity_table="ref:lables", features=["orders:n"]
        )

    with duckdb.connect(str(shop.folder / "warehouse.duckdb")) as connection:
        rows = connection.sql(found["sql"]).fetchall()
    # The row of 11:00 is one second too late.
    assert [("N1", True, 5)] == [(row[0], row[2], row[3]) for row in rows]
    assert "duckdb" == found["dialect"]
    assert query.startswith("'select 1 as x' is not a table.")
    assert "Did you mean 'labels'?" in missing


async def test_each_tool_says_that_it_only_reads(uds):
    """Its description, its input and its output are typed."""
    async with http_agent(uds) as agent:
        tools = (await agent.client.list_tools()).tools

    assert [*TOOLS] == [tool.name for tool in tools]
    for tool in tools:
        hints = tool.annotations
        assert (True, True, False) == (
            hints.read_only_hint,
            hints.idempotent_hint,
            hints.destructive_hint,
        )
        assert "Use it" in tool.description or "Start here" in tool.description
        assert inspect.cleandoc(tool.description) == tool.description
        assert tool.output_schema["properties"]
        assert tool.input_schema["additionalProperties"] is False


SEARCHES = [
    ("discount", "any", ["checkout"]),
    ("open orders", "feature", ["orders:n"]),
    ("orders", "view", ["orders"]),
    ("plane tailnum", "view", ["customers", "orders", "salaries"]),
]
"""Words and a kind, with the names that they find."""


async def test_search_by_words(uds):
    """Names count more than descriptions, and more words more than fewer."""
    async with http_agent(uds) as agent:
        for words, kind, expected in SEARCHES:
            found = await agent.answer("search_features", words=words, kind=kind)
            assert expected == [match["name"] for match in found["matches"]]


async def test_answers_are_bounded(uds):
    """A note says what was left out."""
    async with http_agent(uds) as agent:
        few = await agent.answer("search_features", limit=2)
        none = await agent.answer("search_features", words="ordrs")
        shown = await agent.answer("show_definition", name="customers", limit=1)
        why = await agent.answer("explain_value", **TOOLS["explain_value"], limit=1)
        many = await agent.error(
            "read_current_values", features=["orders:n"], entities=[{"tailnum": "N1"}] * 101
        )

    assert (2, "These are 2 of 10. Add words, or raise `limit`.") == (
        len(few["matches"]),
        few["note"],
    )
    assert "Nothing has these words. Did you mean 'orders'?" == none["note"]
    assert ["n"] == [feature["name"] for feature in shown["features"]]
    assert shown["note"].startswith("These are 1 of 2.")
    assert (1, True) == (len(why["rows"]), why["note"].startswith("These are the 1 rows"))
    assert "101 entities" in many


MISTAKES = [
    ("show_definition", {"name": "orders:m"}, "Unknown feature 'm' in 'orders'."),
    ("who_uses", {"name": "ordes"}, "Did you mean 'orders'?"),
    ("trace_upstream", {"name": "ordes:n"}, "Did you mean 'orders'?"),
    ("find_dependents", {"column": "raw.order.n"}, "Did you mean 'raw.orders'?"),
    ("read_current_values", {"entities": []}, "Give either features or a feature service"),
    (
        "read_current_values",
        {"service": "checkot", "entities": []},
        "Did you mean 'checkout'?",
    ),
    (
        "read_current_values",
        {"service": "checkout", "entities": [{"tail": "N1"}]},
        "tailnum",
    ),
    (
        "explain_value",
        {"feature": "orders:n", "keys": {"tail": "N1"}, "at": "2024-03-10"},
        "'tail' is not a join key of 'orders'.",
    ),
    (
        "explain_value",
        {"feature": "orders:n", "keys": {"tailnum": "N1"}, "at": "noon"},
        "'noon' is not a timestamp.",
    ),
    ("show_definition", {"name": "orders", "limt": 3}, "limt"),
    ("search_features", {"limit": 1000}, "less than or equal to 100"),
]
"""A tool, wrong arguments, and a part of the error."""


async def test_wrong_arguments_are_clear_errors(uds):
    """They name what is wrong, without a traceback."""
    async with http_agent(uds) as agent:
        for tool, arguments, message in MISTAKES:
            error = await agent.error(tool, **arguments)
            assert message in error
            assert "Traceback" not in error


async def test_personal_data_never_appears(shop, tmp_path):
    """Neither on this machine nor with a token that may read personal data by HTTP."""
    values = {"entities": [{"tailnum": "N1"}]}
    asks = [
        ("show_definition", {"name": "customers:email"}),
        ("read_current_values", {"features": ["customers:email"], **values}),
        ("read_current_values", {"features": ["customers:*"], **values}),
        ("read_current_values", {"service": "mailing", **values}),
        ("explain_value", TOOLS["explain_value"] | {"feature": "customers:email"}),
        ("write_training_sql", {"entity_table": "ref:labels", "service": "mailing"}),
        ("write_training_sql", {"entity_table": "ref:labels", "features": ["customers:*"]}),
    ]
    secret, file = new_secret(), tmp_path / "tokens.yml"
    write(file, secret, views="*", services="*", groups=["people"], personal=True, operator=True)
    texts = []
    with agent_server_of(shop, tokens_file=file) as uds:
        async with http_agent(uds, secret) as agent:
            texts += [await agent.all(tool, **given) for tool, given in asks]
    with (tmp_path / "log").open("w+", encoding="utf-8") as errors:
        async with stdio_agent(shop, errors, "--log-level", "debug") as agent:
            texts += [await agent.all(tool, **given) for tool, given in asks]
            refused = await agent.error(*asks[3][:1], **asks[3][1])
            others = await agent.answer(*asks[2][:1], **asks[2][1])
        errors.seek(0)
        texts.append(errors.read())

    assert CANARY not in "".join(texts)
    assert refused.startswith("Personal data: customers:email. Agents never read it")
    assert {"n": [3]} == others["values"]


def write(file, secret, **rights):
    """Write a file with one token."""
    entry = {"name": "agent", "sha256": hash_of(secret), **rights}
    file.write_text(yaml.safe_dump({"tokens": [entry]}), encoding="utf-8")


async def test_a_token_sees_what_it_names(shop, tmp_path):
    """All other definitions are absent from every tool, and unknown when they are asked for."""
    secret, file = new_secret(), tmp_path / "tokens.yml"
    write(file, secret, services=["checkout"], views=["orders"])
    with agent_server_of(shop, tokens_file=file) as uds:
        async with http_agent(uds, secret) as agent:
            texts = [await agent.all(tool, **given) for tool, given in TOOLS.items()]
            found = await agent.answer("find_dependents", column="raw.orders.n")
            hidden = await agent.error("show_definition", name="salaries")
            unknown = await agent.error("show_definition", name="salarie")
            table = await agent.error(
                "write_training_sql", entity_table="ref:salaries", features=["orders:n"]
            )
            other = await agent.error("find_dependents", column="salaries.n")
            own = await agent.answer(
                "write_training_sql", entity_table="ref:orders", features=["orders:n"],
                event_timestamp="observed_at", full_feature_names=True,
            )  # fmt: skip
            why = await agent.error(
                "explain_value", **TOOLS["explain_value"] | {"feature": "salaries:n"}
            )

    text = "".join(texts).replace("ref:labels", "")
    assert [] == [name for name in ("salaries", "payroll", "mailing", "customers") if name in text]
    assert ["orders:n"] == [one["name"] for one in found["dependents"]]
    assert hidden.replace("salaries", "salarie") == unknown
    assert "Unknown model 'salaries'. Known: orders." == table
    assert "Unknown column 'salaries.n'." in other
    assert "orders__n" in own["sql"]
    assert why.startswith("Unknown feature view 'salaries'.")


async def test_a_service_alone_does_not_show_its_views(shop, tmp_path):
    """Its features and keys are known, its values are read, and its SQL is refused."""
    secret, file = new_secret(), tmp_path / "tokens.yml"
    write(file, secret, services=["checkout"])
    asks = ("show_definition", {"name": "checkout"}), ("search_features", {})
    with agent_server_of(shop, tokens_file=file) as uds:
        async with http_agent(uds, secret) as agent:
            texts = [await agent.all(tool, **given) for tool, given in asks]
            shown = await agent.answer("show_definition", name="checkout")
            texts.append(await agent.all("read_current_values", **TOOLS["read_current_values"]))
            found = await agent.answer("read_current_values", **TOOLS["read_current_values"])
            texts.append(await agent.error("write_training_sql", **TOOLS["write_training_sql"]))

    assert [("n", None)] == [(one["name"], one["view"]) for one in shown["features"]]
    assert ["tailnum"] == [key["name"] for key in shown["join_keys"]]
    assert {"n": [7]} == found["values"]
    assert "may not see" in texts[-1]
    assert '"orders' not in "".join(texts)


def test_without_a_token_nothing_is_answered(shop, tmp_path):
    """The answer is 401, also after the token is taken out of the file."""
    secret, file = new_secret(), tmp_path / "tokens.yml"
    write(file, secret, views="*")
    with agent_server_of(shop, tokens_file=file) as uds:
        transport = httpx.HTTPTransport(uds=uds)
        with httpx.Client(transport=transport, base_url="http://server", timeout=60) as http:
            none = http.post("/mcp", json={})
            given = {"authorization": f"Bearer {secret}"}
            before = http.post("/mcp", json={}, headers=given)
            write(file, new_secret(), views="*")
            after = http.post("/mcp", json={}, headers=given)

    assert (401, True, 401) == (none.status_code, before.status_code != 401, after.status_code)
    assert "token" in none.json()["detail"]


def test_a_web_page_cannot_ask_for_a_browser(shop):
    """Without tokens, a name that leads to the loopback address is refused, as is its origin."""
    headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
    with agent_server_of(shop, uds=None, port=0) as url, httpx.Client(timeout=60) as http:
        foreign = http.post(url, json={}, headers=headers | {"host": "evil.example:80"})
        origin = http.post(url, json={}, headers=headers | {"origin": "http://evil.example"})

    assert (421, 403) == (foreign.status_code, origin.status_code)


async def test_a_broken_manifest_is_an_error_until_it_is_repaired(shop, tmp_path):
    """Also at the start: the agent learns the reason, and the server heals."""
    good = manifest(shop).read_text(encoding="utf-8")
    manifest(shop).write_text("{", encoding="utf-8")
    with (tmp_path / "log").open("w", encoding="utf-8") as errors:
        async with stdio_agent(shop, errors) as agent:
            first = await agent.error("search_features")
            manifest(shop).write_text(good, encoding="utf-8")
            repaired = await agent.answer("read_current_values", **TOOLS["read_current_values"])
            content = json.loads(good)
            del content["exposures"][f"exposure.{PROJECT}.checkout"]
            manifest(shop).write_text(json.dumps(content), encoding="utf-8")
            changed = await agent.error("show_definition", name="checkout")

    assert str(manifest(shop)) in first
    assert "Traceback" not in first
    assert {"n": [7]} == repaired["values"]
    assert "Unknown feature view, service or entity 'checkout'." in changed


async def test_no_error_shows_a_secret(shop):
    """Redis does not answer, and its password is nowhere."""
    url = "redis://reader:pass-canary@127.0.0.1:1/0"
    with agent_server_of(shop, redis_url=url) as uds:
        async with http_agent(uds) as agent:
            text = await agent.all("read_current_values", **TOOLS["read_current_values"])
            works = await agent.answer("who_uses", name="orders")

    assert "pass-canary" not in text
    assert "127.0.0.1" in text
    assert 2 == len(works["services"])


async def test_a_bug_does_not_show_its_text(uds, monkeypatch, caplog):
    """The log has the traceback, and the agent a sentence."""

    def fail(*_: object, **__: object) -> None:
        raise ValueError("secret-canary")

    monkeypatch.setattr("featurestore.serve.agent_tools.search_catalog", fail)
    async with http_agent(uds) as agent:
        error = await agent.error("search_features")

    assert "The server failed. Its log has the reason." == error
    assert "secret-canary" in caplog.text


def test_a_missing_extra_is_named(monkeypatch):
    """The error says what to install."""
    monkeypatch.setattr("featurestore.serve.mcp_server.find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"pip install 'featurestore\[mcp\]'"):
        refuse_missing_protocol()
    found = CliRunner().invoke(app, ["mcp"])

    assert (1, "") == (found.exit_code, found.stdout)


def test_other_machines_need_tokens(tmp_path):
    """And tokens need HTTP: on stdio an agent has the rights of its user."""
    with pytest.raises(FeatureStoreError, match=r"--host 0\.0\.0\.0 opens the server"):
        run_http_agents(ServerConfig(host="0.0.0.0"))
    found = CliRunner().invoke(app, ["mcp", "--tokens", str(tmp_path / "tokens.yml")])

    assert 1 == found.exit_code
    assert "without --http" in found.output
