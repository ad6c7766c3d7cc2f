"""Personal data, private views, names and duplicates: the mistakes that a project must not make."""

from __future__ import annotations

import json
import re

import duckdb
import pytest

from featurestore import FeatureStore
from featurestore.cli.app import app
from featurestore.errors import OnlineStoreError, RegistryError
from featurestore.governance.access import access_problems
from featurestore.governance.across_models.duplicates import duplicate_problems
from featurestore.governance.naming import naming_problems, naming_rules
from featurestore.governance.personal_data import granted
from featurestore.lineage.graph import build_lineage
from featurestore.registry.build_registry import build_registry
from tests.support.builders import (
    ROW,
    Table,
    column,
    manifest,
    model,
    problems,
    registry,
    service,
    tiny_project,
)

EMAIL = "customer_features:email"
COLUMNS = [
    column("tailnum", "varchar"),
    column("observed_at", "timestamp"),
    column("email", "varchar", pii=True),
    column("orders", "bigint"),
    column("phone", "varchar", pii=True),
]
TYPES = {
    "tailnum": "varchar",
    "observed_at": "timestamp",
    "email": "varchar",
    "orders": "bigint",
    "phone": "varchar",
}
CUSTOMERS = model("customer_features", COLUMNS)
ROWS = [("N1", "2024-02-01", "a@example.com", 3, "555")]


@pytest.fixture
def project(tmp_path, redis_server, redis_client):
    """Return a project with a view that has two features with personal data."""
    tiny_project(tmp_path, [CUSTOMERS], {"customer_features": Table(TYPES, ROWS)})
    return FeatureStore(tmp_path, redis_url=redis_server)


def _online(store, *features):
    return store.get_online_features(list(features), [{"tailnum": "N1"}]).to_dict()


def test_a_column_is_declared_personal():
    """`pii: true` marks a feature; without it, a feature is not personal data."""
    view = registry(CUSTOMERS).checked().view("customer_features")

    assert {"email": True, "orders": False, "phone": True} == {f.name: f.pii for f in view.features}


def test_a_key_cannot_be_withheld():
    """A marked key is a problem: the online store's keys would show it."""
    columns = [column("tailnum", "varchar", pii=True), *COLUMNS[1:]]

    assert any(
        "'tailnum' is a key or a timestamp, so `pii` cannot withhold it" in problem
        for problem in problems(model("customer_features", columns))
    )


def test_what_is_neither_true_nor_false_is_a_problem():
    """A `pii` that is not a boolean is refused, with the column's name."""
    columns = [*COLUMNS[:3], column("orders", "bigint", pii="yes")]

    assert ["column 'orders': pii is 'yes'. Write true or false."] == [
        problem.partition("customer_features: ")[2]
        for problem in problems(model("customer_features", columns))
    ]


def test_a_star_leaves_personal_data_out(project):
    """`view:*` takes every allowed feature, and the job lists the ones that it left out."""
    job = project.get_historical_features(ROW, ["customer_features:*"])

    assert ["tailnum", "event_timestamp", "orders"] == job.to_arrow().column_names
    assert (EMAIL, "customer_features:phone") == job.withheld


def test_personal_data_by_name_is_refused(project):
    """The error names the feature and the remedy."""
    with pytest.raises(RegistryError) as error:
        project.get_historical_features(ROW, [EMAIL, "customer_features:orders"])

    assert f"'{EMAIL}' is personal data (`pii: true`)" in str(error.value)
    assert f'allow_pii=["{EMAIL}"]' in error.value.remedy
    assert f"--allow-pii {EMAIL}" in error.value.remedy


@pytest.mark.parametrize(
    ("allow", "expected"),
    [
        ([EMAIL], ["orders", "email"]),
        (EMAIL, ["orders", "email"]),
        (["customer_features:*"], ["orders", "email", "phone"]),
        (True, ["orders", "email", "phone"]),
    ],
)
def test_a_star_means_what_is_allowed(project, allow, expected):
    """With an allowance, `view:*` includes only the personal data that it names."""
    job = project.get_historical_features(ROW, ["customer_features:*"], allow_pii=allow)

    assert expected == job.to_arrow().column_names[2:]


def test_an_allowance_must_lead_somewhere(project):
    """A misspelled allowance is an error with a suggestion, and is not ignored."""
    with pytest.raises(RegistryError, match="Did you mean 'email'"):
        project.get_historical_features(
            ROW, ["customer_features:orders"], allow_pii=["customer_features:emial"]
        )


def test_a_service_names_its_personal_data():
    """A service's `*` never includes personal data; a named feature needs an allowance."""
    services = [
        service("quiet", ["customer_features:*"]),
        service("loud", ["customer_features:*", EMAIL]),
    ]
    found = registry(CUSTOMERS, exposures=services).checked()

    assert ("orders",) == granted(found, None, "quiet").members[0].features
    with pytest.raises(RegistryError, match="'customer_features:email' is personal data"):
        granted(found, None, "loud")
    assert (EMAIL,) == granted(found, None, "loud", [EMAIL]).personal


def test_a_view_of_nothing_else_is_refused():
    """A `*` without any allowed feature is an error, not an empty training set."""
    found = registry(model("customer_features", COLUMNS[:3])).checked()

    with pytest.raises(RegistryError, match=re.escape("'customer_features:*' is personal data")):
        granted(found, ["customer_features:*"], None)


def test_the_card_tells_what_was_allowed(project, tmp_path):
    """The card lists the allowed and the omitted personal data, and its request can be repeated."""
    job = project.get_historical_features(ROW, ["customer_features:*"], allow_pii=[EMAIL])
    job.to_parquet(tmp_path / "set.parquet")
    card = json.loads((tmp_path / "set.card.json").read_text(encoding="utf-8"))

    assert [EMAIL] == card["request"]["personal_data"]
    assert ["customer_features:phone"] == card["request"]["withheld"]
    assert [] == project.check_training_set(tmp_path / "set.card.json")


def test_a_card_from_before_can_be_checked(project, tmp_path):
    """A card of an older version is read as a card without personal data."""
    project.get_historical_features(ROW, ["customer_features:orders"]).to_parquet(
        tmp_path / "set.parquet"
    )
    path = tmp_path / "set.card.json"
    card = json.loads(path.read_text(encoding="utf-8"))
    del card["request"]["personal_data"], card["request"]["withheld"]
    path.write_text(json.dumps(card), encoding="utf-8")

    assert [] == project.check_training_set(path)


def test_personal_data_is_not_published(project, redis_client):
    """A sync writes no byte of personal data, and a read of it is a clear error."""
    report = project.sync()

    assert () == report.personal_data
    assert {"tailnum": ["N1"], "orders": [3]} == _online(project, "customer_features:*")
    stored = [redis_client.get(key) for key in redis_client.keys("fs:*")]
    assert stored
    assert not any(b"a@example.com" in value for value in stored if value)
    with pytest.raises(OnlineStoreError, match="`featurestore sync --allow-pii " + EMAIL):
        _online(project, EMAIL)


def test_personal_data_is_published_where_it_is_allowed(project):
    """With an allowance, it is online, and the report and the ledger record it."""
    report = project.sync(allow_pii=[EMAIL])

    assert (EMAIL,) == report.personal_data
    assert [EMAIL] == list(report.to_dict()["personal_data"])
    assert {"tailnum": ["N1"], "email": ["a@example.com"]} == _online(project, EMAIL)
    assert {"tailnum": ["N1"], "orders": [3]} == _online(project, "customer_features:*")
    with pytest.raises(OnlineStoreError, match="'customer_features:phone' is personal data"):
        _online(project, "customer_features:phone")
    with duckdb.connect(str(project.project.folder / "warehouse.duckdb")) as connection:
        (layout,) = connection.execute("SELECT layout FROM _featurestore_sync").fetchone()
    assert ["email", "orders"] == [name for name, _ in json.loads(layout)["columns"]][2:]


@pytest.mark.parametrize("allow", [False, [EMAIL], True])
def test_status_and_verify_know_what_was_allowed(project, allow):
    """Both compare with the publication, under the allowance that it was made with."""
    project.sync(allow_pii=allow)

    assert ["ok"] == [view.state for view in project.status().views]
    assert project.verify(sample="all").good


def test_an_allowance_holds_for_one_sync(project, redis_client):
    """The next sync without the allowance removes the personal data."""
    project.sync(allow_pii=True)
    report = project.sync()

    assert report.views[0].full
    with pytest.raises(OnlineStoreError, match="is not published"):
        _online(project, EMAIL)
    stored = [redis_client.get(key) for key in redis_client.keys("fs:*")]
    assert stored
    assert not any(b"a@example.com" in value for value in stored if value)


def test_a_dry_run_says_what_would_be_published(project):
    """A dry run counts under the given allowance, and reports it."""
    project.sync()
    same, more = project.sync(dry_run=True), project.sync(dry_run=True, allow_pii=True)

    assert (0, 1) == (same.views[0].written, more.views[0].written)
    assert (EMAIL, "customer_features:phone") == more.personal_data


def test_the_same_row_wins_with_and_without_personal_data(tmp_path, redis_server, redis_client):
    """All features break a tie of one instant, so both paths choose the same row."""
    rows = [("N1", "2024-02-01", mail, orders, "1") for mail, orders in (("a", 9), ("b", 1))]
    tiny_project(tmp_path, [CUSTOMERS], {"customer_features": Table(TYPES, rows)})
    store = FeatureStore(tmp_path, redis_url=redis_server)
    store.sync()
    offline = store.get_historical_features(ROW, ["customer_features:orders"]).to_arrow()

    assert offline["orders"].to_pylist() == _online(store, "customer_features:orders")["orders"]
    assert [1] == offline["orders"].to_pylist()


def test_a_view_of_personal_data_alone_is_not_published(tmp_path, redis_server, redis_client):
    """Such a view is not published; publishing or reading it by name is a clear error."""
    contacts = model("contacts", [*COLUMNS[:2], COLUMNS[2]])
    tables = {"contacts": Table(dict(list(TYPES.items())[:3]), [ROWS[0][:3]])}
    tiny_project(tmp_path, [contacts], tables)
    store = FeatureStore(tmp_path, redis_url=redis_server)

    assert () == store.sync().views
    with pytest.raises(RegistryError, match="Every feature of 'contacts'"):
        store.sync(["contacts"])
    with pytest.raises(OnlineStoreError, match="'contacts:email' is personal data"):
        store.get_online_features(["contacts:email"], [{"tailnum": "N1"}])
    store.sync(["contacts"], allow_pii=True)
    assert ["a@example.com"] == _online(store, "contacts:email")["email"]


def _run(capsys, *arguments):
    from typer.main import get_command

    try:
        get_command(app)(list(arguments))
    except SystemExit as stopped:
        code = stopped.code
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_command_line_allows_it_too(project, redis_server, capsys):
    """`--allow-pii` works for training sets and the sync; a note lists the omitted features."""
    folder = str(project.project.folder)
    code, out, err = _run(
        capsys, "train", ROW, "-f", "customer_features:*", "--format", "json",
        "--project-dir", folder, "--allow-pii", EMAIL,
    )  # fmt: skip
    assert (0, "a@example.com") == (code, json.loads(out)[0]["email"])
    assert "Left out as personal data: customer_features:phone;" in err

    code, out, err = _run(capsys, "train", ROW, "-f", EMAIL, "--project-dir", folder)
    assert (1, "") == (code, out)
    assert "--allow-pii customer_features:email" in err.replace("\n", " ")

    code, out, err = _run(
        capsys, "sync", "--quiet", "--format", "json", "--allow-pii", EMAIL,
        "--redis-url", redis_server, "--project-dir", folder,
    )  # fmt: skip
    assert (0, [EMAIL]) == (code, json.loads(out)["personal_data"])


PRIVATE = {"config": {"group": "fleet", "access": "private"}}
FLEET = [{"name": "fleet", "owner": {"name": "Fleet team"}}]


@pytest.mark.parametrize(
    ("fields", "fine"),
    [
        ({"config": {"meta": {"featurestore": {"group": "fleet"}}}}, True),
        ({"config": {"group": "fleet"}}, True),
        ({"owner": {"name": "Fleet team"}}, True),
        ({"owner": {"name": "Growth"}}, False),
        ({}, False),
        ({"config": {"group": "growth"}, "owner": {"name": "Fleet team"}}, False),
    ],
)
def test_a_private_view_is_for_its_group(fields, fine):
    """A service may take a private view of its own group, or else of its own owner."""
    own = {"features": ["plane_features:*"]}
    config = fields.get("config", {})
    merged = {**own, **config.get("meta", {}).get("featurestore", {})}
    exposure = service(
        "delays", **{**fields, "config": {**config, "meta": {"featurestore": merged}}}
    )
    found = registry(model(**PRIVATE), exposures=[exposure], groups=FLEET).checked()

    assert fine == (access_problems(found) == [])


def test_a_trespass_is_told_with_its_remedy():
    """The problem names both sides and the remedy."""
    found = registry(
        model(**PRIVATE), exposures=[service("delays", ["plane_features:*"])], groups=FLEET
    )
    (problem,) = access_problems(found)

    assert ("models/exposures.yml", "delays") == (problem.path, problem.resource)
    assert "`access: private` to group 'fleet'; the service belongs to no group" in problem.message
    assert "Add `group: fleet`" in problem.remedy


def test_a_public_view_is_for_all():
    """A view with any other access is open to every group."""
    found = registry(
        model(config={"group": "fleet", "access": "protected"}),
        exposures=[service("delays", ["plane_features:*"])],
        groups=FLEET,
    )

    assert [] == access_problems(found)


def test_names_follow_the_rules():
    """Each kind of name is checked against its own rule only."""
    shop = registry(
        model("plane_stats", {"tailnum": None, "observed_at": None, "avgDelay": None}),
        exposures=[service("Delays", ["plane_stats:*"])],
    )
    rules = {"feature": "^[a-z0-9_]+$", "view": "_features$", "service": "^[a-z]", "entity": "^p"}

    found = [(problem.resource, problem.message) for problem in naming_problems(shop, rules)]

    assert [
        ("Delays", "the service name 'Delays' does not follow the rule '^[a-z]'."),
        ("plane_stats", "the feature name 'avgDelay' does not follow the rule '^[a-z0-9_]+$'."),
        ("plane_stats", "the view name 'plane_stats' does not follow the rule '_features$'."),
    ] == found
    assert [] == naming_problems(shop, {})


def test_the_version_is_no_part_of_a_name():
    """The `.v2` of a versioned model is not part of the name that a rule checks."""
    versioned = model(node={"version": 2, "latest_version": 2})

    assert [] == naming_problems(registry(versioned), {"view": "_features$"})


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"featur": "x"}, "Did you mean 'feature'?"),
        ({"feature": "("}, "is not a regular expression"),
        ({"feature": 3}, "is not a regular expression"),
    ],
)
def test_a_wrong_rule_is_an_error(rules, message):
    """A rule that cannot be applied is an error, and does not pass silently."""
    with pytest.raises(RegistryError, match=re.escape(message)):
        naming_problems(registry(model()), rules)


TWICE = {
    **{name: kind for name, kind in TYPES.items() if name in ("tailnum", "observed_at")},
    "lateness": "double",
    "delay": "double",
    "delay_in_hours": "double",
}
SQL = """
with flights as (select * from warehouse.main.raw_flights)
select
    tailnum,
    observed_at,
    {delay} as lateness,
    dep + taxi as delay,
    (dep + taxi) / 60 as delay_in_hours
from flights {where}
"""


def _view(name="plane_features", delay="flights.dep + flights.taxi", where="", **node):
    compiled = {"compiled_code": SQL.format(delay=delay, where=where), "alias": name}
    return model(name, TWICE, node={**compiled, **node})


def _doubles(*models):
    found = manifest(*models)
    built = build_registry(found).checked()
    return [
        (problem.resource, problem.message, problem.severity)
        for problem in duplicate_problems(built, build_lineage(found, built))
    ]


def test_a_double_is_found_under_another_name():
    """The same expression over the same rows is one feature under two names."""
    message = "feature 'delay' is computed exactly as 'plane_features:lateness' is."

    assert [("plane_features", message, "warning")] == _doubles(_view())


def test_a_double_is_found_in_another_view():
    """Duplicates are found across views too, each compared with the first."""
    found = _doubles(_view("a_features"), _view("b_features"))

    assert [("a_features", 1), ("b_features", 3)] == [
        (name, len([one for one in found if one[0] == name]))
        for name in ("a_features", "b_features")
    ]
    assert "is computed exactly as 'a_features:lateness' is." in found[-1][1]


@pytest.mark.parametrize(
    "other",
    [
        {"delay": "dep - taxi"},
        {"where": "where dep > 0", "delay": "dep - taxi"},
    ],
)
def test_another_expression_is_not_a_duplicate(other):
    """Another expression is another feature."""
    assert [] == _doubles(_view(**other))


def test_other_rows_are_another_feature():
    """The same expression over filtered rows is not a duplicate."""
    views = _view("a_features", "dep"), _view("b_features", "taxi", "where dep > 0")

    assert [] == _doubles(*views)


def test_versions_share_their_features():
    """Two versions of one model hold the same features on purpose."""
    versions = [
        _view(
            delay="dep",
            version=number,
            latest_version=2,
            unique_id=f"model.shop.plane_features.v{number}",
        )
        for number in (1, 2)
    ]

    assert [] == _doubles(*versions)


def test_sql_that_is_not_compiled_is_no_double():
    """Without compiled SQL, no duplicates are reported."""
    assert [] == _doubles(model("a_features"), model("b_features"))


def test_validate_tells_all_of_it(tmp_path, capsys):
    """`featurestore validate` checks private views, names and duplicates."""
    private = _view()
    private["config"] |= PRIVATE["config"]
    tiny_project(
        tmp_path,
        [private],
        exposures=[service("delays", ["plane_features:*"])],
        groups=FLEET,
    )
    settings = "name: shop\nprofile: shop\nvars: {featurestore: {naming: {view: '^fct_'}}}\n"
    (tmp_path / "dbt_project.yml").write_text(settings, encoding="utf-8")
    code, _, err = _run(
        capsys, "validate", "--no-connect", "--no-lint", "--project-dir", str(tmp_path)
    )
    said = " ".join(err.split())

    assert 1 == code
    assert "`access: private` to group 'fleet'" in said
    assert "the view name 'plane_features' does not follow the rule '^fct_'" in said
    assert "Warning: models/plane_features.yml: plane_features: feature 'delay' is computed" in said


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        (["--naming", "view=_features$"], 0, ""),
        (
            ["--naming", "view=^agg_", "--naming", "feature=^f_"],
            1,
            "does not follow the rule '^f_'",
        ),
        (["--naming", "veiw=^agg_"], 1, "veiw"),
        (["--naming", "agg_"], 2, "--naming must be KIND=PATTERN"),
    ],
)
def test_a_rule_for_names_may_be_tried_out(tmp_path, capsys, given, code, said):
    """The caller's rule overrides the project's rule for the same kind of name."""
    tiny_project(tmp_path, [_view()])
    settings = "name: shop\nprofile: shop\nvars: {featurestore: {naming: {view: '^fct_'}}}\n"
    (tmp_path / "dbt_project.yml").write_text(settings, encoding="utf-8")

    found, _, err = _run(
        capsys, "validate", "--no-connect", "--no-lint", *given, "--project-dir", str(tmp_path)
    )

    assert code == found
    assert said in " ".join(err.split())
    assert "'^fct_'" not in err


@pytest.mark.parametrize("naming", ["3", "[a]"])
def test_rules_that_are_no_rules(tmp_path, naming):
    """The error on a wrongly shaped rule shows the right shape."""
    text = f"name: shop\nvars: {{featurestore: {{naming: {naming}}}}}\n"
    (tmp_path / "dbt_project.yml").write_text(text, encoding="utf-8")

    with pytest.raises(RegistryError, match="Write `vars"):
        naming_rules(tmp_path)


def test_without_rules_every_name_is_fine(tmp_path):
    """A project without declared rules has no naming problems."""
    (tmp_path / "dbt_project.yml").write_text("name: shop\n", encoding="utf-8")

    assert {} == naming_rules(tmp_path)
