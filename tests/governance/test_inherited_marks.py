"""A mark descends: from sources and staging models into features, keys and entity rows."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest

from featurestore import FeatureStore
from featurestore.errors import OnlineStoreError, PersonalDataWarning, RegistryError
from tests.support.builders import PROJECT, column, service
from tests.support.personal_project import (
    CANARY,
    KEYS,
    RAW,
    SECRET,
    build,
    redis_texts,
    sql_model,
    staging,
    view,
)


@pytest.fixture
def opened(tmp_path, redis_server, redis_client):
    """Return a function that opens a project of some models, with its tables built."""

    def opened(*models, **parts):
        build(tmp_path, *models, **parts)
        return FeatureStore(tmp_path, redis_url=redis_server)

    return opened


def problems(store):
    """Return the problems that are about personal data."""
    found = store.validate(connect=False, lint=False)
    return [problem for problem in found if "personal data" in problem.message]


@pytest.mark.parametrize(
    ("expression", "inherits"),
    [
        ("contact", True),
        ("upper(contact)", True),
        ("substr(contact, 1, 3)", True),
        ("md5(contact)", True),
        ("case when contact like 'a%' then 1 else 0 end", True),
        ("min(contact) over (partition by tailnum)", True),
        ("avg(length(contact)) over ()", True),
        ("coalesce(contact, 'none')", True),
        ("count(contact) over (partition by tailnum)", False),
        ('(select count(distinct contact) from "main"."stg")', False),
        ("contact is null", False),
        ("contact is not null", False),
        ("case when contact is null then 0 else orders end", False),
        ("count(*) over (partition by contact)", False),
        ("row_number() over (order by contact)", False),
        ("sum(orders) filter (where contact is not null) over ()", False),
        ("sum(orders) over (partition by contact)", False),
        ("count(contact) over () + length(contact)", True),
        ("#3", True),
        ("#4", False),
        ("upper(#3)", True),
    ],
)  # fmt: skip
def test_a_value_descends_through_every_expression_but_a_count(opened, expression, inherits):
    """A feature inherits the mark if its value is computed from the column; a count is not."""
    store = opened(staging(), view(expression))
    found = problems(store)

    assert inherits == bool(found)
    assert inherits == store.registry.view("v").features[0].pii
    if inherits:
        (problem,) = found
        assert ("error", "v") == (problem.severity, problem.resource)
        assert "feature 'f' is computed from 'raw.customers.email'" in problem.message
        assert "inherited: false" in problem.remedy


def test_a_filter_does_not_descend(opened):
    """WHERE, GROUP BY and ORDER BY decide which rows there are, not the values in them."""
    sql = (
        "select tailnum, max(observed_at) as observed_at, sum(orders) as f, sum(orders) as orders"
        ' from "main"."stg" where contact is not null group by tailnum, contact order by contact'
    )
    columns = [*(column(key, kind) for key, kind in KEYS.items()), column("f"), column("orders")]
    store = opened(staging(), sql_model("v", sql, [f"model.{PROJECT}.stg"], columns))

    assert [] == problems(store)


def test_the_sync_leaves_it_out_and_says_so(opened, redis_client):
    """The rest of the view is published; no byte of the value reaches Redis."""
    store = opened(staging(), view("upper(contact)"))
    report = store.sync()

    assert {"v:f": "computed from 'raw.customers.email'"} == report.withheld
    assert report.withheld == report.to_dict()["withheld"]
    rows = [{"tailnum": "N1"}]
    assert [3] == store.get_online_features(["v:*"], rows).to_dict()["orders"]
    assert not _is_in_redis(redis_client)
    with pytest.raises(OnlineStoreError, match="--allow-pii v:f"):
        store.get_online_features(["v:f"], rows)
    allowed = store.sync(allow_pii=["v:f"])
    assert (("v:f",), {}) == (allowed.personal_data, allowed.withheld)
    assert [CANARY.upper()] == store.get_online_features(["v:f"], rows).to_dict()["f"]


def _is_in_redis(client):
    return CANARY.lower().encode() in redis_texts(client).lower()


def test_training_treats_it_as_marked(opened):
    """`view:*` leaves it out, its name is refused, and a service's `*` leaves it out too."""
    frame = "select 'N1' as tailnum, timestamp '2024-03-01' as event_timestamp"
    store = opened(staging(), view("contact"), exposures=[service("s", ["v:*"])])
    job = store.get_historical_features(frame, ["v:*"])

    assert (["orders"], ("v:f",)) == (job.to_arrow().column_names[2:], job.withheld)
    with pytest.raises(RegistryError, match=r"'v:f' is personal data \(computed from 'raw.cust"):
        store.get_historical_features(frame, ["v:f"])
    by_service = store.get_historical_features(frame, feature_service="s").to_arrow()
    assert ["orders"] == by_service.column_names[2:]
    allowed = store.get_historical_features(frame, ["v:f"], allow_pii=["v:f"]).to_arrow()
    assert [CANARY] == allowed["f"].to_pylist()


CLEARED = {"inherited": False, "reason": "only the domain"}


@pytest.mark.parametrize(
    ("staged", "feature"),
    [
        ([column("contact", pii=CLEARED)], column("f")),
        ([], column("f", pii=CLEARED)),
    ],
)
def test_a_reason_ends_the_inheritance(opened, staged, feature):
    """A cleared column does not inherit, and nothing inherits through it."""
    store = opened(staging(*staged), view("contact", feature=feature))

    assert [] == problems(store)
    assert not store.registry.view("v").features[0].pii


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        ({"inherited": False}, "needs a reason"),
        ({"inherited": False, "reason": " "}, "needs a reason"),
        ({"inherited": True, "reason": "x"}, "pii.inherited is True"),
        ({"inherited": False, "raeson": "x"}, "unknown key 'raeson'"),
        ("yes", "pii is 'yes'"),
    ],
)
@pytest.mark.parametrize("staged", [True, False])
def test_a_wrong_mark_is_an_error_and_counts(opened, mark, message, staged):
    """A wrong mark is reported on a model as on a feature view, and the column stays personal."""
    wrong = column("contact" if staged else "f", pii=mark)
    store = opened(
        staging(*([wrong] if staged else [])),
        view("contact", feature=None if staged else wrong),
    )

    found = store.validate(connect=False, lint=False)
    assert any(message in problem.message for problem in found), found
    assert any("stg" == problem.resource for problem in found) == staged
    assert store.declared.view("v").features[0].pii != staged
    assert not staged or store.registry.view("v").features[0].pii


def test_a_marked_feature_is_no_finding(opened):
    """A feature with a mark of its own is declared right."""
    store = opened(staging(), view("contact", feature=column("f", pii=True)))

    assert [] == problems(store)


def test_a_key_that_descends_is_a_finding(opened, redis_client):
    """A view keyed by personal data is not published: the keys of Redis would show it."""
    keyed = view("orders")
    sql = keyed["compiled_code"].replace("select tailnum", "select contact as tailnum")
    keyed = {**keyed, "compiled_code": sql}
    other = view("orders", name="w")
    store = opened(staging(), keyed, other)
    (problem,) = problems(store)

    assert "key or timestamp 'tailnum' is computed from 'raw.customers.email'" in problem.message
    report = store.sync()
    assert (["w"], {"v:tailnum": "computed from 'raw.customers.email'"}) == (
        [one.view for one in report.views],
        report.withheld,
    )
    assert not _is_in_redis(redis_client)
    assert ["w"] == [one.view for one in store.status().views]
    with pytest.raises(RegistryError, match="--allow-pii v:tailnum"):
        store.sync(["v"])
    with pytest.raises(OnlineStoreError, match="'v:tailnum' is a key or timestamp with personal"):
        store.get_online_features(["v:orders"], [{"tailnum": CANARY}])
    with pytest.raises(RegistryError, match="'v:tailnum' is personal data"):
        store.get_historical_features(None, ["v:orders"])
    assert ("v:tailnum",) == store.sync(allow_pii=["v:tailnum"]).personal_data
    assert _is_in_redis(redis_client)
    assert store.verify(sample="all").good


def test_other_meta_keys_may_be_marks(opened):
    """`pii_meta` lists the keys, and the values, by which a project marks columns already."""
    email = {"name": "email", "config": {"meta": {"data_class": "Personal"}}}
    orders = {"name": "orders", "meta": {"contains_pii": "no"}}
    source = {**RAW, "columns": {"email": email, "orders": orders}}
    meta = ["contains_pii", {"data_class": ["personal", "sensitive"]}]
    models = staging(), view("contact")

    assert [] == problems(opened(*models, source=source))
    (problem,) = problems(opened(*models, source=source, variables={"pii_meta": meta}))
    assert "'raw.customers.email', which is personal data (`data_class: Personal`)" in str(problem)


@pytest.mark.parametrize("wrong", [[3], [{"a": None}], [{"a": {"b": 1}}], [""]])
def test_wrong_meta_keys_are_an_error(opened, wrong):
    """A `pii_meta` that cannot be meant is an error, with an example."""
    store = opened(staging(), view("contact"), variables={"pii_meta": wrong})

    with pytest.raises(RegistryError, match="neither a meta key nor"):
        store.validate(connect=False, lint=False)


def test_a_feature_marked_by_another_key_is_no_finding(opened):
    """On a feature's own column, another key has the meaning of `pii: true`."""
    feature = {"name": "f", "config": {"meta": {"contains_pii": True}}}
    store = opened(
        staging(), view("orders", feature=feature), variables={"pii_meta": ["contains_pii"]}
    )

    assert [] == problems(store)
    assert {"v:f": "`contains_pii: True`"} == store.sync().withheld


def _not_compiled(store):
    path = store.project.manifest_path
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["nodes"][f"model.{PROJECT}.stg"]["compiled_code"] = None
    path.write_text(json.dumps(manifest), encoding="utf-8")
    return FeatureStore(store.project.folder)


def test_what_lineage_cannot_follow_is_a_warning(opened):
    """A model that cannot be read may hold personal data: `validate` warns once for the view."""
    store = _not_compiled(opened(staging(), view("contact")))
    (problem,) = problems(store)

    assert "warning" == problem.severity
    assert "'raw.customers.email'" in problem.message
    assert "not compiled; run `dbt compile`" in problem.message
    assert not store.registry.view("v").features[0].pii


def test_a_project_without_marks_traces_nothing(opened, monkeypatch):
    """Without a mark no model is read, and no cache is written."""
    source = {**RAW, "columns": {}}
    store = opened(staging(), view("contact"), source=source)
    monkeypatch.setattr(
        "featurestore.store.session.Session.personal_lineage", lambda _: pytest.fail("traced")
    )
    store.get_historical_features("ref:stg", ["v:f"], event_timestamp="observed_at")

    assert not (store.project.target_path / "featurestore" / "personal_data.json").exists()


LABELS = "observed_at"


@pytest.mark.parametrize("entities", ["ref:stg", "stg", '"main"."stg"', "main.stg"])
def test_a_model_as_entity_rows_leaves_personal_columns_out(opened, tmp_path, entities):
    """The card and the job record the column; an allowance lets it pass."""
    store = opened(staging(), view("orders"))
    job = store.get_historical_features(
        entities, ["v:f"], event_timestamp=LABELS, full_feature_names=True
    )
    job.to_parquet(tmp_path / "set.parquet")
    card = json.loads((tmp_path / "set.card.json").read_text(encoding="utf-8"))

    assert ["tailnum", LABELS, "orders", "v__f"] == pq.read_schema(tmp_path / "set.parquet").names
    assert CANARY.encode() not in (tmp_path / "set.parquet").read_bytes()
    assert ((SECRET,), [], [SECRET]) == (
        job.withheld,
        card["request"]["personal_data"],
        card["request"]["withheld"],
    )
    assert [] == store.check_training_set(tmp_path / "set.card.json")

    allowed = store.get_historical_features(
        entities, ["v:f"], event_timestamp=LABELS, full_feature_names=True, allow_pii=[SECRET]
    )
    assert CANARY == allowed.to_arrow()["contact"].to_pylist()[0]
    allowed.to_parquet(tmp_path / "set.parquet")
    card = json.loads((tmp_path / "set.card.json").read_text(encoding="utf-8"))
    assert [SECRET] == card["request"]["personal_data"]


@pytest.mark.parametrize(
    "query",
    [
        'select tailnum, observed_at, contact from "main"."stg"',
        "select tailnum, observed_at, md5(contact) as contact from stg",
        "with a as (select * from stg) select tailnum, observed_at, contact from a",
        "select * from stg",
        "from stg",
        "select tailnum, observed_at, email as contact from raw_customers",
        "select tailnum, observed_at, #3 as contact from stg",
        "select tailnum, observed_at, contact from query_table('stg')",
        "select * from query('select * from main.stg') as q",
    ],
)
def test_a_query_that_names_personal_data_is_refused(opened, query):
    """The error names the column, the mark and the allowance."""
    store = opened(staging(), view("orders"))
    with pytest.raises(RegistryError) as error:
        store.get_historical_features(query, ["v:f"], event_timestamp=LABELS)

    assert "'contact' of the entity rows is personal data" in error.value.message
    assert f"--allow-pii {SECRET}" in error.value.remedy
    job = store.get_historical_features(
        query, ["v:f"], event_timestamp=LABELS, full_feature_names=True, allow_pii=[SECRET]
    )
    assert "contact" in job.to_arrow().column_names


def test_a_query_may_count_personal_data(opened):
    """A number, a presence, a filter and a literal do not show the column."""
    store = opened(staging(), view("orders"))
    query = (
        "select tailnum, observed_at, contact is null as lacks, count(contact) over () as n,"
        " 'x@example.com' as email from stg where contact is not null"
    )
    job = store.get_historical_features(query, ["v:f"], event_timestamp=LABELS)

    assert ["lacks", "n", "email"] == job.to_arrow().column_names[2:5]


def test_a_join_key_of_the_entity_rows_cannot_be_left_out(opened):
    """A model whose join key is marked is refused, because the join needs the column."""
    store = opened(staging(column("tailnum", pii=True)), view("orders"))

    with pytest.raises(RegistryError, match="'tailnum' of the entity rows is personal data"):
        store.get_historical_features("ref:stg", ["v:f"], event_timestamp=LABELS)


def test_entity_rows_that_lineage_cannot_follow_are_a_warning(opened):
    """A doubt is told, and the rows pass."""
    store = _not_compiled(opened(staging(), view("orders")))
    query = "select tailnum, observed_at, contact from stg"

    with pytest.warns(PersonalDataWarning, match="contact of the entity rows descends from"):
        store.get_historical_features(query, ["v:f"], event_timestamp=LABELS)


def test_a_place_among_unknown_columns_is_a_warning(opened):
    """Without a catalog, the columns of a source are not known by their places."""
    store = opened(staging(), view("orders"))
    query = "select tailnum, observed_at, #4 as n from raw_customers"

    with pytest.warns(PersonalDataWarning, match="n of the entity rows descends from"):
        store.get_historical_features(query, ["v:f"], event_timestamp=LABELS)


def test_an_allowance_of_an_unknown_column_is_an_error(opened):
    """An allowance that no personal column has is a typing error."""
    store = opened(staging(), view("orders"))

    with pytest.raises(RegistryError, match="stg"):
        store.get_historical_features(
            "ref:stg", ["v:f"], event_timestamp=LABELS, allow_pii=["stg:contcat"]
        )


def test_the_result_is_cached_by_everything_that_decides_it(opened, monkeypatch):
    """A second store reads no model; another mark, or another SQL, is traced again."""
    store = opened(staging(), view("contact"))
    assert store.registry.view("v").features[0].pii
    with monkeypatch.context() as patched:
        patched.setattr(
            "featurestore.store.session.Session.personal_lineage", lambda _: pytest.fail("traced")
        )
        again = FeatureStore(store.project.folder)
        assert again.registry.view("v").features[0].pii
        assert problems(again)

    assert not opened(staging(), view("orders")).registry.view("v").features[0].pii
    cleared = staging(column("contact", pii=CLEARED))
    assert not opened(cleared, view("contact")).registry.view("v").features[0].pii
    assert opened(staging(), view("contact")).registry.view("v").features[0].pii
