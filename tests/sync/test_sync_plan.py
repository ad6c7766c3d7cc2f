"""The plan of a sync: one decision for the job and the dry run, made right before each step."""

from __future__ import annotations

import pytest

from featurestore.online.redis.connection import connect_redis
from sync.safety.identity import Identity
from sync.safety.ownership import Ownership
from sync.selection import chosen_publications
from sync.survey import Survey
from sync.sync_plan import SyncMode, ViewRemoval, ViewSync, plan_sync
from sync.warehouse.ledger import Ledger
from tests.support.sync_project import NOW, PLANES, ROUTES, WEATHER, SyncProject, day


@pytest.fixture
def project(tmp_path, redis_server, redis_client):
    """Return a published project."""
    made = SyncProject(tmp_path, PLANES, ROUTES, WEATHER, memory=True)
    made.insert(WEATHER, (day(3), 1.5, True))
    made.store(redis_server).sync()
    return made


@pytest.fixture
def survey(project, redis_server):
    """Return both sides of the project."""
    store = project.store(redis_server)
    with store.warehouse(write=True) as warehouse, connect_redis(redis_server) as client:
        ledger = Ledger(warehouse, "main", "shop")
        own = Identity.of("shop", store.profile, ledger.database_id)
        yield Survey(store.registry, warehouse, client, ledger, NOW, Ownership(own, own))


def planned(survey, views=None, **options):
    """Return the iterator over the steps for these views."""
    publications = chosen_publications(
        survey.registry, survey.warehouse, survey.now, views=views, since=None
    )
    return plan_sync(survey, publications, **{"full": False, "remove_undeclared": True, **options})


def test_a_published_project_publishes_changes(survey):
    """Where both sides agree, nothing else is needed."""
    steps = list(planned(survey))

    assert [SyncMode.CHANGES] * 3 == [step.mode for step in steps]
    assert [""] * 3 == [step.reason for step in steps]


def test_a_full_sync_is_asked_for(survey):
    """Then there is nothing to explain."""
    assert {(SyncMode.FULL, "")} == {
        (step.mode, step.reason) for step in planned(survey, full=True)
    }


def test_a_step_is_decided_right_before_its_turn(survey, redis_client):
    """Data that is lost during the first step is noticed at the second."""
    steps = planned(survey)
    assert next(steps).mode is SyncMode.CHANGES
    redis_client.flushall()
    second = next(steps)

    assert second.mode is SyncMode.FULL
    assert "the online store does not have it" == second.reason


def test_undeclared_views_are_removed_last(survey):
    """Unless the caller names the views to sync."""
    steps = list(planned(survey, ["weather"]))

    assert [ViewSync, ViewRemoval, ViewRemoval] == [type(step) for step in steps]
    assert ["plane_status", "route_load"] == [step.view for step in steps[1:]]
    assert 1 == len(list(planned(survey, ["weather"], remove_undeclared=False)))
