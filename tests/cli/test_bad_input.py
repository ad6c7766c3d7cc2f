"""What a user can get wrong: each gives one clear error with its place, its value, its remedy."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from featurestore.errors import (
    DefinitionProblems,
    EntityFrameError,
    FeatureStoreError,
    ManifestInvalid,
    ManifestNotFound,
    RegistryError,
    UnknownEntity,
    UnknownFeature,
    UnknownFeatureService,
    UnknownFeatureView,
    UnknownModel,
    UnsupportedDialect,
)
from featurestore.project.manifest import load_manifest
from tests.support.builders import (
    PLANES,
    ROW,
    SCHEMA,
    Table,
    column,
    manifest_json,
    model,
    service,
    tiny_project,
)


@pytest.fixture
def store(tmp_path):
    """Return a store of one good view with a table of one row."""
    return tiny_project(
        tmp_path,
        [model()],
        {"plane_features": PLANES},
        exposures=[service("delays", ["plane_features:*"])],
    )


def said(error, kind, *parts):
    """Check that an error is of a class, exactly, and that its text has all parts."""
    assert kind is type(error.value)
    assert [] == [part for part in parts if part not in str(error.value)]
    assert "Traceback" not in str(error.value)


def test_no_manifest(tmp_path):
    """A project that dbt has not parsed yet says which command to run."""
    store = tiny_project(tmp_path)
    store.project.manifest_path.unlink()
    with pytest.raises(FeatureStoreError) as error:
        store.registry  # noqa: B018, reading it is the act

    said(error, ManifestNotFound, str(tmp_path / "target" / "manifest.json"), "Run `dbt build`")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the file is empty"),
        (" \n", "the file is empty"),
        (json.dumps(manifest_json(model()))[:200], "it is not complete JSON"),
        ("[1, 2]", "it is not a manifest"),
        ('"manifest"', "it is not a manifest"),
        ("{}", "no 'metadata'"),
        ('{"name": "left-pad", "version": "1.0.0"}', "no 'metadata'"),
        ('{"metadata": {"dbt_schema_version": ""}}', "is not the schema of a manifest"),
        (
            '{"metadata": {"dbt_schema_version": "https://x/dbt/catalog/v1.json"}}',
            "'https://x/dbt/catalog/v1.json'",
        ),
        ('{"metadata": {"dbt_schema_version": 12}}', "it is not a manifest"),
        ('{"nodes": []}', "it is not a manifest"),
    ],
)
def test_no_manifest_at_all(tmp_path, text, reason):
    """A file that dbt did not write, or did not finish, is named with the reason."""
    path = tmp_path / "manifest.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FeatureStoreError) as error:
        load_manifest(path)

    said(error, ManifestInvalid, str(path), reason, "Run `dbt parse`")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\x1f\x8b\x08\x00"])
def test_a_manifest_of_bytes(tmp_path, content):
    """A file that is not text is not a manifest."""
    path = tmp_path / "manifest.json"
    path.write_bytes(content)
    with pytest.raises(FeatureStoreError) as error:
        load_manifest(path)

    said(error, ManifestInvalid, str(path))


def test_a_manifest_that_is_a_folder(tmp_path):
    """A folder in the manifest's place is an error like any other."""
    (tmp_path / "manifest.json").mkdir()
    with pytest.raises(FeatureStoreError) as error:
        load_manifest(tmp_path / "manifest.json")

    said(error, ManifestInvalid, "Cannot read", str(tmp_path))


@pytest.mark.parametrize("version", [4, 11, 13])
def test_a_manifest_of_another_version(tmp_path, version):
    """A schema that is not known is named, with the dbt that wrote it."""
    path = tmp_path / "manifest.json"
    content = manifest_json(schema=SCHEMA.replace("v12", f"v{version}"))
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(FeatureStoreError) as error:
        load_manifest(path)

    remedy = "Use dbt-core 1.8 or newer." if version < 12 else "Use a newer featurestore, or a dbt-"
    said(error, ManifestInvalid, f"v{version}", "1.11.0", "v12", remedy)


@pytest.mark.parametrize(
    ("ask", "kind", "parts"),
    [
        (
            lambda s: s.get_historical_features(ROW, ["plane_featurs:delay"]),
            UnknownFeatureView,
            ("'plane_featurs'", "Did you mean 'plane_features'?"),
        ),
        (
            lambda s: s.get_historical_features(ROW, ["plane_features:dely"]),
            UnknownFeature,
            ("'dely'", "'plane_features'", "Did you mean 'delay'?"),
        ),
        (
            lambda s: s.get_historical_features(ROW, feature_service="delay"),
            UnknownFeatureService,
            ("'delay'", "Did you mean 'delays'?"),
        ),
        (
            lambda s: s.get_historical_features("ref:plane_feature", ["plane_features:delay"]),
            UnknownModel,
            ("'plane_feature'", "Did you mean 'plane_features'?"),
        ),
        (lambda s: s.registry.entity("plan"), UnknownEntity, ("Did you mean 'plane'?",)),
        (lambda s: s.registry.entity("zebra"), UnknownEntity, ("'zebra'", "Known: plane.")),
        (
            lambda s: s.get_historical_features(ROW, ["delay"]),
            RegistryError,
            ("'delay'", "'view:feature'"),
        ),
        (lambda s: s.get_historical_features(ROW, []), RegistryError, ("empty",)),
        (lambda s: s.get_historical_features(ROW), RegistryError, ("either features or",)),
        (
            lambda s: s.get_historical_features(ROW, "plane_features:*", strategy="asfo"),
            UnsupportedDialect,
            ("Unknown strategy 'asfo'. Possible on duckdb: asof, union, window, interval.",),
        ),
    ],
)
def test_unknown_names(store, ask, kind, parts):
    """A name that does not exist is repeated, with the nearest that does."""
    with pytest.raises(FeatureStoreError) as error:
        ask(store)

    said(error, kind, *parts)


@pytest.mark.parametrize(
    ("entity_df", "parts"),
    [
        (
            "SELECT 'N1' AS tail_num, TIMESTAMP '2024-03-01' AS event_timestamp",
            ("'tailnum'", "entity 'plane'", "Did you mean 'tail_num'?"),
        ),
        ("SELECT 'N1' AS tailnum", ("'event_timestamp'", "it has 'tailnum'", "event_timestamp=")),
        (
            "SELECT 'N1' AS tailnum, now() AS event_timestmp",
            ("'event_timestamp'", "Did you mean 'event_timestmp'?"),
        ),
        (
            "SELECT 'N1' AS tailnum, '2024-03-01' AS event_timestamp",
            ("'event_timestamp' is string", "CAST"),
        ),
        (
            "SELECT 7 AS tailnum, now() AS event_timestamp",
            ("'tailnum' is int32", "is string", "Cast"),
        ),
        (pa.table({"tailnum": [1.5]}), ("'event_timestamp'", "'tailnum'")),
        ("update flights set x = 1", ("'update flights set x = 1'", "SELECT")),
        ("SELECT 'N1' AS tailnum FROM", ()),
        ("SELECT nothing FROM nowhere", ("nowhere",)),
        (42, ("builtins.int", "pandas, polars or Arrow")),
        ({"tailnum": ["N1"]}, ("builtins.dict",)),
    ],
)
def test_entity_rows_that_do_not_fit(store, entity_df, parts):
    """The column that is missing or of a wrong type is named, with what there is."""
    with pytest.raises(FeatureStoreError) as error:
        store.get_historical_features(entity_df, "plane_features:delay")

    assert [] == [part for part in parts if part not in str(error.value)]
    assert error.value.exit_code == 1


def test_integers_that_pandas_made_floats(tmp_path):
    """Keys with gaps, which pandas turns into floats, get pandas' own remedy."""
    import pandas as pd

    keyed = {"flight": "bigint", "observed_at": "timestamp", "delay": "double"}
    store = tiny_project(
        tmp_path,
        [model(columns=keyed, entities={"flight": "flight"})],
        {"plane_features": Table(keyed)},
    )
    frame = pd.DataFrame(
        {"flight": [1, None], "event_timestamp": pd.to_datetime(["2024-03-01"] * 2)}
    )
    with pytest.raises(FeatureStoreError) as error:
        store.get_historical_features(frame, "plane_features:delay")

    said(error, EntityFrameError, "'flight' is float64", "int64", "astype('Int64')")


def test_everything_wrong_is_said_at_once(tmp_path):
    """All problems of all files come together, sorted by file, before anything is served."""
    store = tiny_project(
        tmp_path,
        [
            model("b_features", tll="3 days", path="models/z.yml"),
            model("a_features", ttl="3 months", path="models/a.yml", online="yes"),
            model("c_features", [column("tailnum", "string")], path="models/m.yml"),
        ],
        exposures=[service("delays", ["a_features:dely"], type="dashboard")],
    )
    with pytest.raises(FeatureStoreError) as error:
        store.get_historical_features(ROW, "a_features:delay")
    paths = [problem.path for problem in error.value.problems]

    said(
        error,
        DefinitionProblems,
        "problems in the project's features",
        "models/z.yml: b_features: unknown key 'tll'",
        "Did you mean 'ttl'?",
        "month has no fixed length",
        "online is 'yes'",
        "Did you mean 'delay'?",
        "its type is 'dashboard'",
    )
    assert sorted(paths) == paths
    assert {"models/a.yml", "models/exposures.yml", "models/m.yml", "models/z.yml"} == set(paths)
