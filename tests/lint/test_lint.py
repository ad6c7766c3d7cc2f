"""The lint of a project: lines, ignored rules, cached results, uncompiled models, the command."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from featurestore import FeatureStore
from featurestore.cli import main
from featurestore.errors import FeatureStoreError, NotCompiled
from featurestore.lint import manifest_index
from featurestore.lint.source_lines import file_line
from tests.support.builders import PLANES, PROJECT, ROW, model, service, tiny_project
from tests.support.example_fixture import ExampleProject

pytestmark = pytest.mark.whole

LEAK = (
    "select\n  tailnum,\n  observed_at,\n  lead(delay) over (order by observed_at) as delay\nfrom t"
)
TABLE = model("t", {}, meta={}, node={"relation_name": "t"})
FINE = "select tailnum, observed_at, delay from t"


def grain_test(name: str = "plane_features", *columns: str, **fields):
    """Return a data test as dbt writes it."""
    keys = list(columns) or ["tailnum", "observed_at"]
    given = {"join_keys": keys[:-1], "event_timestamp": keys[-1]}
    return {
        "unique_id": f"test.{PROJECT}.{fields.get('kind', 'grain')}_{name}",
        "name": "grain",
        "resource_type": "test",
        "attached_node": f"model.{PROJECT}.{name}",
        "test_metadata": {"name": "unique_entity_timestamp", "kwargs": given},
    } | {key: value for key, value in fields.items() if key != "kind"}


def compiled(sql: str | None = LEAK, raw: str | None = None, name: str = "plane_features", **own):
    """Return a feature view with its SQL."""
    node = {"compiled_code": sql, "raw_code": (sql or "") if raw is None else raw}
    return model(name, node={**node, **own.pop("node", {})}, **own)


@pytest.fixture
def store(tmp_path):
    def make(*models, **parts) -> FeatureStore:
        given = models or [compiled(), grain_test()]
        tables = [] if any(node["name"] == "t" for node in given) else [TABLE]
        return tiny_project(tmp_path, [*given, *tables], **parts)

    return make


@pytest.fixture
def run(tmp_path, capsys, monkeypatch):
    """Run `validate`; return its exit code, its output and its messages, each on one line."""
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main(["validate", "--project-dir", str(tmp_path), *arguments])
        printed = capsys.readouterr()
        return int(stopped.value.code or 0), printed.out, " ".join(printed.err.split())

    return run


def codes(store: FeatureStore) -> list[str]:
    return [problem.code for problem in store.lint().problems]


def test_the_example_project_raises_no_alarm(example_project: ExampleProject):
    """All its views are read, and nothing is found, in any of them."""
    report = FeatureStore(example_project.project_dir).lint()

    assert () == report.problems
    assert len(report.linted) >= 5
    assert () == report.uncompiled


def test_a_finding_says_all(store):
    """The file, the line, the model, the rule, what is wrong, what to do, and the SQL."""
    (found,) = store().lint().problems

    assert ("models/plane_features.sql", 4, "plane_features") == (
        found.path,
        found.line,
        found.resource,
    )
    assert str(found) == (
        "models/plane_features.sql:4: plane_features: FS001 a window reaches rows that come after"
        " the row itself: it takes a value of a later row. End the frame at the current row and"
        " look back with lag(). Found: LEAD(delay) OVER (ORDER BY observed_at)"
    )


def test_the_line_is_that_of_the_models_own_file(store, tmp_path):
    """Jinja removes lines, macros write lines, and dbt strips the head of the file."""
    head = "{{ config(x=1) }}\nselect\n  tailnum,\n  observed_at,\n"
    raw = f"{head}  {{{{ next('delay') }}}} as delay\nfrom t"
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "plane_features.sql").write_text(f"\n\n{raw}\n")
    (found,) = store(compiled(f"\n{LEAK}", raw), grain_test()).lint().problems

    assert found.line == 7


def test_without_the_models_text_the_line_is_that_of_the_compiled_file(store):
    (found,) = store(compiled(raw=""), grain_test()).lint().problems

    assert found.path == f"target/compiled/{PROJECT}/models/plane_features.sql"
    assert found.line == 4


@pytest.mark.parametrize(("line", "own"), [(1, 2), (2, 3), (3, 4), (4, 4), (5, 4), (6, 4), (7, 5)])
def test_lines_of_a_macro_are_where_it_is_called(line, own):
    raw = "{% set a = 1 %}\nselect\n  a,\n  {{ window('b') }},\nfrom t"
    made = "select\n  a,\n  lead(b) over (\n    partition by k\n    order by t\n  ),\nfrom t"

    assert own == file_line(raw, made, line)


def test_an_ignored_rule_is_silent(store):
    """With a reason, an ignored rule reports nothing, and the definition is valid."""
    opened = store(compiled(ignore={"FS001": "The next row is known: a timetable."}), grain_test())

    assert [] == opened.validate(connect=False)


def test_an_ignored_rule_that_finds_nothing_is_noted(store):
    """The view is fine now, so the entry can be removed."""
    opened = store(compiled(FINE, ignore={"FS001": "It was needed once."}), grain_test())
    (found,) = opened.validate(connect=False)

    assert "warning" == found.severity
    assert "models/plane_features.yml" == found.path
    assert "`ignore` names FS001, but FS001 no longer finds anything here." == found.message


@pytest.mark.parametrize(
    ("ignore", "said"),
    [
        ({"FS03": "why"}, "`ignore` has 'FS03', which is not a lint rule. Did you mean 'FS003'?"),
        ({"nonsense": "why"}, "Known: FS001 to FS012."),
        ({"FS001": ""}, "`ignore` needs a reason for FS001, got ''. Write in one sentence why"),
        ({"FS001": None}, "`ignore` needs a reason for FS001, got None."),
        ({"FS001": True}, "`ignore` needs a reason for FS001, got True."),
        (["FS001"], "`ignore` must map codes to reasons, got ['FS001']. Write `ignore: {FS003:"),
        ("FS001", "`ignore` must map codes to reasons, got 'FS001'."),
    ],
)
@pytest.mark.parametrize("sql", [FINE, None], ids=["compiled", "parsed"])
def test_a_mistake_in_ignore_is_a_finding_of_validate(store, ignore, said, sql):
    """It is an error, with the file and the view, whether dbt has compiled the SQL or not."""
    opened = store(compiled(sql, ignore=ignore), grain_test())
    found = [p for p in opened.validate(connect=False) if p.severity == "error"]

    assert [True] == [said in str(problem) for problem in found]
    assert [("models/plane_features.yml", "plane_features")] == [
        (problem.path, problem.resource) for problem in found
    ]
    assert found == opened.validate(connect=False, lint=False)


def test_a_mistake_in_ignore_stops_neither_training_nor_serving(
    tmp_path, run, capsys, redis_server, redis_client
):
    """A comment for the lint changes no definition: only `validate` fails."""
    view = compiled(FINE, ignore={"FS03": "why", "FS001": None})
    tiny_project(tmp_path, [view, grain_test()], {"plane_features": PLANES})
    features = ["plane_features:delay"]
    with FeatureStore(
        tmp_path, redis_url=redis_server, now=datetime(2024, 3, 1, tzinfo=UTC)
    ) as opened:
        training = opened.get_historical_features(entity_df=ROW, features=features)
        assert [1.5] == training.to_arrow()["delay"].to_pylist()
        opened.sync()
        online = opened.get_online_features(features, [{"tailnum": "N1"}])
        assert [1.5] == online.values["delay"]
    with pytest.raises(SystemExit) as stopped:
        main(["list", "--project-dir", str(tmp_path)])
    assert 0 == (stopped.value.code or 0)
    assert "plane_features" in capsys.readouterr().out

    code, _, err = run("--no-connect")
    assert 1 == code
    assert "Error: models/plane_features.yml: plane_features: `ignore` has 'FS03'" in err


def test_what_is_not_compiled_is_not_linted(store, tmp_path):
    """Definitions are checked all the same; it is an error only when the lint is asked for."""
    opened = store(compiled(None))

    assert [] == opened.validate(connect=False)
    assert ("plane_features",) == opened.lint(required=False).uncompiled
    for ask in (lambda: opened.validate(connect=False, lint=True), opened.lint):
        with pytest.raises(NotCompiled, match=r"plane_features.*Run `dbt compile`"):
            ask()


def test_sql_that_cannot_be_read_is_a_warning(store):
    """The others are linted: one model of an odd kind does not stop the run."""
    opened = store(
        compiled("select ((", name="a_features"),
        compiled(name="b_features"),
        grain_test("b_features"),
    )
    odd, leak = opened.lint().problems

    assert ("a_features", "warning") == (odd.resource, odd.severity)
    assert "the lint cannot read its SQL" in odd.message
    assert ("b_features", "FS001") == (leak.resource, leak.code)


def test_validate_joins_definitions_and_lint(store):
    opened = store(compiled(tll="1 day"), grain_test())

    assert ["FS001", ""] == [problem.code for problem in opened.validate(connect=False)]
    assert [""] == [problem.code for problem in opened.validate(connect=False, lint=False)]


@pytest.mark.parametrize(
    "holds",
    [
        grain_test("plane_features", "tailnum", "observed_at"),
        grain_test(
            test_metadata={
                "name": "unique_combination_of_columns",
                "namespace": "dbt_utils",
                "kwargs": {"combination_of_columns": ["OBSERVED_AT", "tailnum"]},
            }
        ),
        grain_test(column_name="tailnum", test_metadata={"name": "unique", "kwargs": {}}),
        grain_test(
            test_metadata={
                "name": "unique",
                "kwargs": {"column_name": "tailnum || '-' || observed_at"},
            }
        ),
    ],
    ids=["own", "dbt_utils", "unique", "expression"],
)
def test_a_test_of_the_grain_counts(store, holds):
    assert [] == codes(store(compiled(FINE), holds))


@pytest.mark.parametrize(
    "fields",
    [
        {"config": {"unique_key": ["tailnum", "observed_at"]}},
        {"config": {"unique_key": "tailnum"}},
        {"node": {"constraints": [{"type": "primary_key", "columns": ["tailnum", "observed_at"]}]}},
    ],
    ids=["unique_key", "single", "constraint"],
)
def test_a_key_of_the_model_counts(store, fields):
    assert [] == codes(store(compiled(FINE, **fields)))


@pytest.mark.parametrize(
    "other",
    [
        grain_test("plane_features", "tailnum", "loaded_at"),
        grain_test(column_name="tailnum", test_metadata={"name": "not_null", "kwargs": {}}),
        grain_test("other_features"),
    ],
    ids=["other column", "other test", "other model"],
)
def test_another_test_does_not_count(store, other):
    assert ["FS010"] == codes(store(compiled(FINE), other))


def test_the_label_of_a_service_is_reported_at_the_exposure(store):
    opened = store(
        compiled(FINE),
        grain_test(),
        exposures=[service("delays", ["plane_features:*"], label="plane_features.delay")],
    )
    (found,) = opened.lint().problems

    assert ("FS008", "models/exposures.yml") == (found.code, found.path)
    assert "service 'delays' predicts plane_features.delay" in found.message
    assert "plane_features:delay" == found.snippet


def test_columns_of_a_model_below_are_read_from_its_sql(store):
    """Which of two tables has a column is known from the SQL of a model without documentation."""
    sql = (
        "select tailnum, observed_at, count(seen) as delay"
        " from a join b using (tailnum) group by all"
    )
    below = [
        model(
            "a", {}, meta={}, node={"relation_name": "a", "compiled_code": "select 1 as tailnum"}
        ),
        model(
            "b",
            {},
            meta={},
            node={
                "relation_name": "b",
                "compiled_code": "with x as (select tailnum, seen_at, seen from r) select * from x",
            },
        ),
    ]
    nodes = {"depends_on": {"nodes": [f"model.{PROJECT}.a", f"model.{PROJECT}.b"]}}

    assert ["FS004"] == codes(store(compiled(sql, node=nodes), grain_test(), *below))


def test_results_are_kept_until_something_changes(store, tmp_path, monkeypatch):
    """A second run parses nothing; another definition, SQL or table is linted again."""
    asked = []
    parse = manifest_index.parsed
    monkeypatch.setattr(manifest_index, "parsed", lambda *a: asked.append(a[0].name) or parse(*a))
    below = model("t", {"seen_at": "timestamp"}, meta={}, node={"relation_name": "t"})
    nodes = {"depends_on": {"nodes": [f"model.{PROJECT}.t"]}}
    first = codes(store(compiled(node=nodes), grain_test(), below))
    assert first == codes(store(compiled(node=nodes), grain_test(), below)) == ["FS001"]
    assert 1 == asked.count("plane_features")
    assert (tmp_path / "target" / "featurestore" / "lint.json").is_file()

    store(compiled(node=nodes, ttl="1 day"), grain_test(), below).lint()
    store(compiled(f"{LEAK} where true", node=nodes), grain_test(), below).lint()
    store(compiled(node=nodes), grain_test(), model("t", {"x": "integer"}, meta={})).lint()
    store(compiled(node=nodes), below).lint()
    assert 5 == asked.count("plane_features")


def test_an_ignored_rule_works_on_kept_results(store):
    """Ignoring a rule hides cached findings, without another lint."""
    assert ["FS001"] == codes(store())
    assert [] == codes(store(compiled(ignore={"FS001": "A timetable."}), grain_test()))


def test_a_kept_result_of_another_form_is_not_used(store, tmp_path):
    """The file of an older version is not used."""
    store().lint()
    path = tmp_path / "target" / "featurestore" / "lint.json"
    path.write_text(json.dumps({key: [{"odd": 1}] for key in json.loads(path.read_text())}))

    assert ["FS001"] == codes(store())


def test_progress_is_told(store):
    """Each view, its number and the count."""
    told = []
    store(compiled(name="a_features"), compiled(name="b_features")).lint(
        progress=lambda *step: told.append(step)
    )

    assert [("a_features", 1, 2), ("b_features", 2, 2)] == told


def test_the_command_fails_on_an_error(store, run):
    store()
    code, out, err = run("--no-connect")

    assert (1, "") == (code, out)
    assert "Error: models/plane_features.sql:4: plane_features: FS001" in err


@pytest.mark.parametrize("option", [[], ["--no-lint"], ["--select=FS001"]])
def test_the_command_reports_a_mistake_in_ignore_once(store, run, option):
    """With the lint, without it, or with some of its rules."""
    store(compiled(FINE, ignore={"FS03": "why"}), grain_test())
    code, _, err = run("--no-connect", *option)

    assert (1, 1) == (code, err.count("which is not a lint rule"))


def test_the_command_lets_warnings_pass_unless_it_is_strict(store, run):
    store(compiled(FINE))
    code, _, err = run("--no-connect")

    assert 0 == code
    assert "Warning: models/plane_features.yml: plane_features: FS010" in err
    assert "No error, 1 warning: 1 feature view" in err
    assert 1 == run("--no-connect", "--strict")[0]


def test_the_command_selects_rules(store, run):
    store(compiled())

    assert 0 == run("--no-connect", "--select", "FS003, fs010")[0]
    code, _, err = run("--no-connect", "--select", "FS01")
    assert (1, "Error: 'FS01' is not a lint rule. Did you mean 'FS012'?") == (code, err)
    assert "Remove one of the two options" in run("--no-lint", "--select", "FS001")[2]
    found = "No problem found: 1 feature view, 1 feature, 0 services."
    unseen = "Not checked: the tables (--no-connect), the SQL (--no-lint)."
    assert (0, "", f"{found} {unseen}") == run("--no-connect", "--no-lint")


def test_the_command_says_what_was_not_linted(store, run):
    store(compiled(None))
    code, _, err = run("--no-connect")

    assert 0 == code
    assert (
        "Not linted: 1 feature view without compiled SQL in the manifest. Run `dbt compile`" in err
    )
    for option in ("--lint", "--select=FS001"):
        code, _, err = run("--no-connect", option)
        assert 1 == code
        assert "no compiled SQL of plane_features" in err


def test_the_command_writes_json(store, run):
    store()
    code, out, _ = run("--no-connect", "--format", "json")
    (found,) = json.loads(out)

    assert 1 == code
    assert {"FS001", 4, "error"} == {found[key] for key in ("code", "line", "severity")}
    assert "LEAD(delay) OVER (ORDER BY observed_at)" == found["snippet"]


def test_the_command_annotates_a_pull_request(store, run):
    store(compiled())
    _, out, _ = run("--no-connect", "--format", "github")
    error, warning = out.splitlines()

    assert error.startswith(
        "::error file=models/plane_features.sql,line=4,title=plane_features FS001::a window reaches"
    )
    assert warning.startswith(
        "::warning file=models/plane_features.yml,title=plane_features FS010::no dbt test"
    )


def test_the_first_error_of_rules_unknown_to_python(store):
    with pytest.raises(FeatureStoreError, match="'FS999' is not a lint rule"):
        store().lint(select=["FS999"])


def test_many_views_are_quick_the_second_time(store, tmp_path):
    """Five hundred views: nothing is parsed again."""
    views = [compiled(f"{LEAK} -- {n}", name=f"v{n}_features") for n in range(500)]
    report = store(*views).lint()
    kept = json.loads((tmp_path / "target" / "featurestore" / "lint.json").read_text())

    assert 500 == len(report.linted) == len(kept)
    assert report == store(*views).lint()


def test_lines_of_a_loop_and_of_a_macro_after_it_are_their_own():
    """The lines that Jinja leaves blank or repeats do not move those behind them."""
    raw = (
        "{# two\n   lines #}\nselect\n  {% for i in range(2) %}\n  amount as a{{ i }},\n"
        "  {% endfor %}\n  {{ total('amount') }} as total\nfrom {{ ref('orders') }}"
    )
    made = (
        "\nselect\n  \n  amount as a0,\n  \n  amount as a1,\n  \n  \nsum(amount) over (\n"
        "    partition by customer_id\n)\n as total\nfrom orders"
    )
    lines = {text: number for number, text in enumerate(made.split("\n"), start=1)}

    assert [5, 5, 7, 8] == [
        file_line(raw, made, lines[text])
        for text in ("  amount as a0,", "  amount as a1,", "sum(amount) over (", "from orders")
    ]


def test_to_select_no_rule_is_an_error(store, run):
    store()
    code, _, said = run("--no-connect", "--select", " ,")

    assert (1, "Error: No lint rule is selected. Name at least one, such as FS001.") == (code, said)
