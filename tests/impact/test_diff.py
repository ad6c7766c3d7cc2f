"""What changes between two manifests, how much it matters, and who is hit."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from featurestore.cli.app import app
from featurestore.errors import ManifestNotFound
from featurestore.impact.changes import EFFECTS, Effect
from featurestore.impact.compare import compare
from featurestore.impact.markdown import as_markdown
from featurestore.impact.service_changes import service_changes
from featurestore.impact.state import ProjectState, comparison_remark, load_state
from featurestore.registry.build_registry import build_registry
from featurestore.registry.definitions import (
    Column,
    Entity,
    Feature,
    FeatureService,
    FeatureView,
    Freshness,
    OnDemandFeature,
    RequestField,
    ServiceMember,
)
from featurestore.values.type_spellings import parse_type
from tests.lineage.test_lineage import (
    FEATURES,
    FLIGHTS,
    PLANES,
    STAGED,
    STAGING,
    source,
    sql,
    view,
    write,
)
from tests.support.builders import column, model, registry, service

pytestmark = pytest.mark.whole

OWNER = {"name": "Ann"}
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def state(folder, staging=STAGING, features=FEATURES, columns=PLANES, exposures=None, **own):
    models = (sql("stg_flights", staging, (FLIGHTS,)), view(features, (STAGED,), columns, **own))
    listed = [service("delays", ["plane_features:delay"], owner=OWNER)]
    manifest = write(
        folder,
        *models,
        sources=[source("flights")],
        exposures=listed if exposures is None else exposures,
    )
    return ProjectState(manifest, build_registry(manifest))


def kinds(tmp_path, **changed):
    """Return what is told when the second state has something else than the first."""
    changes = compare(state(tmp_path / "a"), state(tmp_path / "b", **changed), NOW)
    return [(change.kind, change.subject) for change in changes]


SAME = {
    "comments and layout": {"features": f"-- why\n{FEATURES.replace(', ', ' ,  ')} /* done */"},
    "a CTE": {"features": f"with s as ({FEATURES}), z as (select * from s) select * from z"},
    "another alias": {"features": FEATURES.replace("select tailnum", "select x.tailnum") + " as x"},
    "the order of columns": {
        "features": 'select delay, observed_at, tailnum from "warehouse"."main"."stg_flights"'
    },
    "letter case": {"features": FEATURES.replace("select", "SELECT").replace("delay", "DELAY")},
    "a column nobody takes": {"staging": STAGING.replace("late as", "other, late as")},
    "parentheses": {"features": FEATURES.replace("delay", "(delay) as delay")},
}


THIS = '"warehouse"."main"."plane_features"'
INCREMENTS = {
    "a filter": f"where observed_at > (select max(observed_at) from {THIS})",
    "with another": f"where 1 = 1 and observed_at > (select max(observed_at) from {THIS})",
    "rows not there": f"where not exists (select 1 from {THIS} as old where old.tailnum = tailnum)",
}


@pytest.mark.parametrize("title", INCREMENTS)
def test_what_an_incremental_run_adds_is_no_change_of_logic(tmp_path, title):
    """A pull request compiles in an empty schema; production does where the table is there."""
    where, full = INCREMENTS[title], "where 1 = 1" if title == "with another" else ""
    config = {"materialized": "incremental"}
    states = [
        state(tmp_path / name, features=f"{FEATURES} {rows}", config=config)
        for name, rows in (("a", where), ("b", full))
    ]

    assert [] == compare(*states, NOW)
    assert [("logic changed", "plane_features")] == kinds(
        tmp_path, features=f"{FEATURES} where observed_at > (select max(observed_at) from other)"
    )


@pytest.mark.parametrize("title", SAME)
def test_a_change_of_form_is_no_change(tmp_path, title):
    assert [] == kinds(tmp_path, **SAME[title])


CHANGES = {
    "an expression": (
        {"features": FEATURES.replace("delay", "delay + 1 as delay")},
        "plane_features:delay",
    ),
    "upstream": ({"staging": STAGING.replace("late", "late / 60")}, "plane_features:delay"),
    "a literal": (
        {"features": FEATURES.replace("delay", "delay + 2 as delay")},
        "plane_features:delay",
    ),
    "a filter": ({"staging": f"{STAGING} where late > 0"}, "plane_features"),
    "a limit": ({"features": f"{FEATURES} limit 10"}, "plane_features"),
}


@pytest.mark.parametrize("title", CHANGES)
def test_a_change_of_what_is_computed_is_one_of_behaviour(tmp_path, title):
    changed, subject = CHANGES[title]

    assert [("logic changed", subject)] == kinds(tmp_path, **changed)


def test_a_change_says_where_it_was_made_and_who_is_hit(tmp_path):
    new = state(tmp_path / "b", staging=STAGING.replace("late", "late / 60"))
    (change,) = compare(state(tmp_path / "a"), new, NOW)

    assert "changed in stg_flights" == change.note
    assert (("delays",), ("Ann",), "fs:shop:plane_features:") == (
        change.services,
        change.owners,
        change.online_keys,
    )


def test_a_filter_before_a_window_is_not_one_after_it(tmp_path):
    table = '"warehouse"."main"."stg_flights"'
    windowed = "avg(delay) over (partition by tailnum order by observed_at) as delay"
    inside = f"select tailnum, observed_at, {windowed} from {table} where delay > 0"
    columns = f"tailnum, observed_at, delay as d, {windowed}"
    outside = f"select * from (select {columns} from {table}) where d > 0"
    old, new = state(tmp_path / "a", features=inside), state(tmp_path / "b", features=outside)

    assert "logic changed" in {change.kind for change in compare(old, new, NOW)}


LONGER = {**PLANES, "seats": "integer"}
DECLARED = {
    "feature removed": (
        {"columns": {k: v for k, v in PLANES.items() if k != "delay"}, "exposures": []},
        Effect.BREAKING,
    ),
    "feature retyped": ({"columns": {**PLANES, "delay": "varchar"}}, Effect.BREAKING),
    "feature added": ({"columns": LONGER}, Effect.SAFE),
    "key retyped": ({"columns": {**PLANES, "tailnum": "bigint"}}, Effect.BREAKING),
    "entities changed": ({"entities": {"aircraft": "tailnum"}}, Effect.BREAKING),
    "ttl changed": ({"ttl": "7 days"}, Effect.BEHAVIOUR),
    "available_after changed": ({"available_after": "1 hour"}, Effect.BEHAVIOUR),
    "event timestamp retyped": (
        {"columns": {**PLANES, "observed_at": "date"}},
        Effect.BREAKING,
    ),
    "now personal data": (
        {"columns": [column(name, of, pii=name == "delay" or None) for name, of in PLANES.items()]},
        Effect.BREAKING,
    ),
    "default changed": (
        {
            "columns": [
                column(n, of, default=0 if n == "delay" else None) for n, of in PLANES.items()
            ]
        },
        Effect.BEHAVIOUR,
    ),
    "max_deletes changed": ({"max_deletes": "10%"}, Effect.BEHAVIOUR),
    "no longer online": ({"online": False}, Effect.BREAKING),
    "service removed": ({"exposures": []}, Effect.BREAKING),
    "label changed": (
        {"exposures": [service("delays", ["plane_features:delay"], label="labels.late")]},
        Effect.BEHAVIOUR,
    ),
}


OTHER_TYPE = parse_type("date")
CHANGED_FIELDS = {
    FeatureView: {
        "entities": (Entity("plane", (Column("tail"),)),),
        "features": (Feature("other"),),
        "event_timestamp": Column("other"),
        "created_timestamp": Column("other"),
        "valid_until": Column("other"),
        "no_end": "date '9999-12-31'",
        "is_deleted": Column("gone"),
        "available_after": timedelta(hours=1),
        "ttl": timedelta(days=1),
        "online": False,
        "freshness": Freshness(error_after=timedelta(days=1)),
        "max_deletes": 0.1,
        "access": "private",
    },
    Feature: {"name": "other", "data_type": OTHER_TYPE, "pii": True, "default": 1},
    Column: {"name": "other", "data_type": OTHER_TYPE},
    Freshness: {"warn_after": timedelta(days=1), "error_after": timedelta(days=1)},
    Entity: {"name": "other", "join_keys": (Column("other"),)},
    FeatureService: {
        "members": (),
        "label": "labels.late",
        "request": (RequestField("at", OTHER_TYPE),),
        "on_demand": (OnDemandFeature("is_late", "delay > 15", ("delay",)),),
    },
    ServiceMember: {
        "view": "other",
        "features": ("other",),
        "alias": "other",
        "entities": {"plane": ("other",)},
    },
}
"""Another value for each field whose change `diff` reports."""

NOT_COMPARED = {
    FeatureView: {
        *("name", "unique_id", "version"),  # they say which view it is
        *("relation", "path"),  # they differ between environments
        *("description", "owner", "tags"),  # words
        "group",  # compared where the access is private
        "ties",  # derived for one caller
        "changes",  # of the sync alone: which rows it need not read
        "ignore",  # of the lint
    },
    Feature: {"description", "tags"},
    FeatureService: {
        *("name", "unique_id", "path", "description", "owner", "tags"),
        "group",  # `validate` says whether it may use a private view
    },
}


@pytest.mark.parametrize("definition", CHANGED_FIELDS, ids=lambda of: of.__name__)
def test_every_field_is_compared_or_left_out_on_purpose(definition):
    """A new field of a definition belongs into one of the two tables."""
    compared, left = CHANGED_FIELDS[definition], NOT_COMPARED.get(definition, set())

    assert {field.name for field in fields(definition)} == set(compared) | left
    assert set() == set(compared) & left


def _with(part, name, value):
    """Return a function that changes one field of a part of a view."""

    def change(view):
        if part is FeatureView:
            return [replace(view, **{name: value})]
        if part is Feature:
            return [
                replace(view, features=tuple(replace(f, **{name: value}) for f in view.features))
            ]
        if part is Freshness:
            return [replace(view, freshness=replace(view.freshness, **{name: value}))]
        if part is Entity:
            return [
                replace(view, entities=tuple(replace(e, **{name: value}) for e in view.entities))
            ]
        keyed = Entity("plane", tuple(replace(key, **{name: value}) for key in view.join_keys))
        return [
            replace(view, event_timestamp=replace(view.event_timestamp, **{name: value})),
            replace(view, created_timestamp=replace(view.created_timestamp, **{name: value})),
            replace(view, entities=(keyed,)),
        ]

    return change


@pytest.mark.parametrize(
    ("part", "name"),
    [
        (part, name)
        for part, values in CHANGED_FIELDS.items()
        for name in values
        if part not in (FeatureService, ServiceMember)
    ],
)
def test_a_change_of_any_field_of_a_view_is_reported(tmp_path, part, name):
    """Whichever field changes, `diff` does not say that nothing has."""
    written = Column("written_at", parse_type("timestamp"))
    known = state(tmp_path / "a")
    before = replace(known.registry.view("plane_features"), created_timestamp=written)

    for after in _with(part, name, CHANGED_FIELDS[part][name])(before):
        old, new = (
            replace(known, registry=replace(known.registry, feature_views={before.name: one}))
            for one in (before, after)
        )
        assert compare(old, new, NOW), after


@pytest.mark.parametrize(
    ("part", "name"),
    [(part, name) for part in (FeatureService, ServiceMember) for name in CHANGED_FIELDS[part]],
)
def test_a_change_of_any_field_of_a_service_is_reported(tmp_path, part, name):
    """Its members, and what each takes, are compared."""
    service_before = state(tmp_path / "a").registry.feature_services["delays"]
    value = CHANGED_FIELDS[part][name]
    if part is FeatureService:
        after = replace(service_before, **{name: value})
    else:
        members = tuple(replace(one, **{name: value}) for one in service_before.members)
        after = replace(service_before, members=members)

    assert list(service_changes({"delays": service_before}, {"delays": after}))


_AT = {"at": "date", "amount": "bigint"}
_IS_BIG = {"is_big": "amount > delay"}


@pytest.mark.parametrize(
    ("request_", "on_demand", "expected"),
    [
        ({**_AT, "more": "date"}, _IS_BIG, [("request field added", Effect.BREAKING)]),
        ({"amount": "bigint"}, _IS_BIG, [("request field removed", Effect.BREAKING)]),
        ({**_AT, "at": "timestamp"}, _IS_BIG, [("request field retyped", Effect.BREAKING)]),
        (
            {**_AT, "at": {"type": "date", "pii": True}},
            _IS_BIG,
            [("now personal data", Effect.BREAKING)],
        ),
        (_AT, {}, [("on-demand feature removed", Effect.BREAKING)]),
        (_AT, {**_IS_BIG, "x": "not is_big"}, [("on-demand feature added", Effect.BEHAVIOUR)]),
        (_AT, {"is_big": "amount > delay + 1"}, [("expression changed", Effect.BEHAVIOUR)]),
        (_AT, {"is_big": {"expression": "amount > delay", "description": "Big."}}, []),
    ],
)
def test_changes_of_request_time_are_reported(request_, on_demand, expected):
    """Each field and each expression that changes is named, with its effect."""
    columns = {"tailnum": "varchar", "observed_at": "timestamp", "delay": "bigint"}

    def services(fields, features):
        exposure = service("delays", ["plane_features:*"], request=fields, on_demand=features)
        return registry(model(columns=columns), exposures=[exposure]).checked().feature_services

    changes = service_changes(services(_AT, _IS_BIG), services(request_, on_demand))

    assert expected == [(change.kind, change.effect) for change in changes]


@pytest.mark.parametrize("kind", DECLARED)
def test_what_is_declared_otherwise_is_told(tmp_path, kind):
    changed, effect = DECLARED[kind]

    assert kind in {found for found, _ in kinds(tmp_path, **changed)}
    assert effect is EFFECTS[kind]


def test_a_renamed_feature_is_recognised(tmp_path):
    columns = {"tailnum": "varchar", "observed_at": "timestamp", "lateness": "double"}
    features = FEATURES.replace("delay", "delay as lateness")
    found = kinds(tmp_path, columns=columns, features=features, exposures=[])

    assert ("feature renamed", "plane_features:delay") in found
    assert "feature removed" not in {kind for kind, _ in found}


def version(number, date=None, columns=PLANES):
    node = view(FEATURES, (STAGED,), columns)
    more = {"version": number, "latest_version": 2, "deprecation_date": date}
    return {**node, **more, "unique_id": f"{node['unique_id']}.v{number}"}


def versions(folder, *listed):
    manifest = write(
        folder, sql("stg_flights", STAGING, (FLIGHTS,)), *listed, sources=[source("flights")]
    )
    return ProjectState(manifest, build_registry(manifest))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([version(1)], [version(1), version(2)], "version added"),
        ([version(1, "2025-12-31"), version(2)], [version(2)], "view retired"),
        ([version(1, "2026-12-31"), version(2)], [version(2)], "view removed"),
        ([version(1)], [version(1, columns={**PLANES, "delay": "varchar"})], "feature retyped"),
    ],
)
def test_versions_come_and_go_without_breaking(tmp_path, before, after, expected):
    """A version beside another, and one that goes after its date, break nothing."""
    changes = compare(versions(tmp_path / "a", *before), versions(tmp_path / "b", *after), NOW)

    assert [expected] == [change.kind for change in changes]
    assert ("add a new one" in changes[0].note) == (expected == "feature retyped")


def test_without_compiled_sql_files_are_compared(tmp_path):
    """After `dbt parse` a change still shows, and what was compared is said."""
    parsed = {"node": {"compiled_code": None}}
    old, same = state(tmp_path / "a", **parsed), state(tmp_path / "b")
    new = state(tmp_path / "c", features=f"{FEATURES} where delay > 0")

    assert [] == compare(old, same, NOW)
    (change,) = compare(old, new, NOW)
    assert ("logic changed", ("tailnum", "observed_at", "delay")) == (change.kind, change.features)
    assert "model files are compared" in comparison_remark(old, new)


def test_markdown_keeps_its_table(tmp_path):
    changed = state(tmp_path / "b", ttl="7 days", columns=LONGER, exposures=[service("a|b")])
    text = as_markdown(compare(state(tmp_path / "a"), changed, NOW))
    rows = [line for line in text.splitlines() if line.startswith("|")]

    assert rows
    assert {6} == {row.replace("\\|", "").replace("a|b", "").count("|") for row in rows}
    assert "<details>" in text


def test_a_missing_state_is_one_clear_error(tmp_path):
    with pytest.raises(ManifestNotFound, match="manifest to compare with"):
        load_state(tmp_path)


def test_the_command_line_fails_where_it_is_asked_to(example_project, tmp_path):
    """With dbt's own manifest: an equal one has no change, and a retyped feature breaks."""
    found = json.loads(example_project.manifest.read_text(encoding="utf-8"))
    columns = found["nodes"]["model.featurestore.plane_features"]["columns"]
    columns["seats"]["data_type"] = "varchar"
    (tmp_path / "manifest.json").write_text(json.dumps(found), encoding="utf-8")
    folder = str(example_project.project_dir)

    def diff(state, *more):
        arguments = ["diff", "--state", str(state), "--project-dir", folder, *more]
        return CliRunner().invoke(app, arguments)

    same = diff(example_project.target_dir, "--format", "json", "--fail-on", "any")
    assert (0, []) == (same.exit_code, json.loads(same.stdout))
    assert 0 == diff(tmp_path).exit_code
    broken = diff(tmp_path, "--format", "json", "--fail-on", "breaking")
    assert 1 == broken.exit_code
    assert ["feature retyped"] == [change["kind"] for change in json.loads(broken.stdout)]
