"""The lint on many queries: honest ones raise no alarm, leaky ones are found, in each dialect.

Whether a query is honest is not a matter of opinion: it is run on what was known at an instant, and
again on all that came later. Rows that were there at the instant must not have changed.
"""

from __future__ import annotations

import logging
from collections import Counter

import pytest

from featurestore.lint.rules import RULES
from tests.lint.corpus.reader import DIALECTS, Case, cases, examples, lint, replayed

pytestmark = pytest.mark.whole

CUTS = ("2024-01-05 11:00", "2024-01-10 15:30", "2024-01-16 03:00", "2024-01-21 00:00")

# sqlglot says which NULLS LAST another dialect lacks; these tests do not depend on it.
logging.getLogger("sqlglot").setLevel(logging.ERROR)
HONEST = list(cases("honest"))
LEAKS = list(cases("leaks"))
EXAMPLES = list(examples())


def _id(case: Case) -> str:
    return case.name


def _in_duckdb(found: list[Case], *codes: str) -> list[Case]:
    return [
        case
        for case in found
        if case.dialect == "duckdb"
        and case.head.get("replayed") != "no"
        and case.name[:5] in (codes or (case.name[:5],))
    ]


def _changed(case: Case) -> tuple[int, int]:
    """Return how many rows were there at some instants, and how many of them changed later."""
    rows = changed = 0
    for cut in CUTS:
        later, then = (Counter(map(repr, found)) for found in replayed(case, cut))
        rows += later.total()
        changed += (later - then).total()
    return rows, changed


def test_the_corpus_is_large():
    """Many queries of both kinds, every rule broken more than once, each dialect tried."""
    assert len({case.name.partition(" [")[0] for case in HONEST}) >= 50
    assert set(DIALECTS) == {case.dialect for case in HONEST}
    assert set(DIALECTS) == {case.dialect for case in LEAKS}
    broken = Counter(case.name[:5].upper() for case in LEAKS if case.dialect == "duckdb")
    assert set(RULES) == set(broken)
    assert min(broken.values()) >= 2


@pytest.mark.parametrize("case", HONEST, ids=_id)
def test_an_honest_query_raises_no_alarm(case, tmp_path):
    assert [] == [str(problem) for problem in lint(case, tmp_path)]


@pytest.mark.parametrize("case", LEAKS, ids=_id)
def test_a_leak_is_found_by_its_rule_alone(case, tmp_path):
    found = lint(case, tmp_path)

    assert {case.name[:5].upper()} == {problem.code for problem in found}
    assert all(0 <= problem.line <= case.sql.count("\n") + 1 for problem in found)


@pytest.fixture(scope="module")
def findings(tmp_path_factory):
    """Return which rules fire on each query of the corpus."""
    folder = tmp_path_factory.mktemp("lint")
    found = [case for case in HONEST + LEAKS if case.dialect == "duckdb"]
    return [(case, Counter(problem.code for problem in lint(case, folder))) for case in found]


@pytest.mark.parametrize("code", RULES)
def test_a_rule_finds_its_leaks_and_at_most_one_finding_in_twenty_is_false(code, findings):
    """Recall is whole; a finding about an honest query, or another rule's leak, is false."""
    own = [found[code] for case, found in findings if case.name.startswith(f"{code.lower()}:")]
    false = {case.name: found[code] for case, found in findings if found[code]}
    false = {name: count for name, count in false.items() if not name.startswith(code.lower())}

    assert all(own)
    assert 20 * sum(false.values()) <= sum(own) + sum(false.values()), false


@pytest.mark.parametrize("case", _in_duckdb(HONEST), ids=_id)
def test_what_an_honest_query_said_stays_true(case):
    """Later rows do not change the rows that were there: DuckDB is the judge of the corpus."""
    rows, changed = _changed(case)

    assert rows > 0
    assert 0 == changed


@pytest.mark.parametrize(
    "case", _in_duckdb(LEAKS, "fs001", "fs002", "fs004", "fs005", "fs006"), ids=_id
)
def test_what_a_leak_said_is_changed_by_later_rows(case):
    """The bad examples are really bad."""
    assert _changed(case)[1] > 0


CUT = "select customer_id, cast(ordered_at as date) as day, amount from orders"
SUMMED = """select customer_id, date_trunc('day', ordered_at) as day, sum(amount) as amount
from orders group by 1, 2"""


@pytest.mark.parametrize(("sql", "said"), [(CUT, "is cut"), (SUMMED, "the total of a period")])
def test_a_row_cut_to_its_day_is_not_called_the_total_of_a_period(sql, said, tmp_path):
    (found,) = lint(Case("day", sql, "duckdb", {"event_timestamp": "day"}), tmp_path)

    assert "FS006" == found.code
    assert said in found.message


@pytest.mark.parametrize(("code", "verdict", "case"), EXAMPLES, ids=str)
def test_an_example_of_a_rule_does_what_it_says(code, verdict, case, tmp_path):
    """The bad one breaks its own rule and no other, the good one none."""
    found = {problem.code for problem in lint(case, tmp_path)}

    assert ({code} if verdict == "bad" else set()) == found
