"""Stores, jobs and errors travel to the workers of Dask, Ray or `multiprocessing`."""

from __future__ import annotations

import inspect
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from featurestore import FeatureStore, errors
from tests.support.builders import PLANES, ROW, model, tiny_project

FEATURE = "plane_features:delay"
ERRORS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.FeatureStoreError)
]


def made(kind):
    """Return an error of a kind, with arguments that it takes."""
    if issubclass(kind, errors.UnknownName):
        return kind("seat", ["seats"], where="plane_features")
    if kind is errors.MissingExtra:
        return kind("polars", "polars", purpose="A frame")
    if kind is errors.DefinitionProblems:
        return kind([errors.Problem("a.yml", "a", "It is wrong.")])
    return kind("It failed.", remedy="Try again.")


@pytest.fixture
def project(tmp_path):
    """Return the folder of a project with one view."""
    tiny_project(tmp_path, [model()], {"plane_features": PLANES})
    return tmp_path


def rows_of(job):
    """Return a job's rows; a worker runs it."""
    return job.to_arrow().to_pylist()


@pytest.mark.parametrize("kind", ERRORS)
def test_an_error_keeps_all_its_attributes(kind):
    """A worker's error arrives with its class, words, remedy and problems."""
    error = made(kind)
    copy = pickle.loads(pickle.dumps(error))

    assert type(copy) is kind
    assert (str(copy), vars(copy), copy.args) == (str(error), vars(error), error.args)


def test_a_job_runs_in_a_spawned_process(project):
    """The job's plan travels; the worker opens the warehouse itself."""
    job = FeatureStore(project).get_historical_features(ROW, [FEATURE])

    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as workers:
        assert rows_of(job) == workers.submit(rows_of, job).result()


def test_a_used_store_is_pickled_without_its_connections(project):
    """A store that has read, and holds its DuckDB file open, can be sent and used."""
    with FeatureStore(project) as store:
        rows = rows_of(store.get_historical_features(ROW, [FEATURE]))
        copy = pickle.loads(pickle.dumps(store))

    assert rows == rows_of(copy.get_historical_features(ROW, [FEATURE]))
    assert store.registry.feature_views == copy.registry.feature_views


def test_a_pickled_store_holds_no_password_of_the_profile(project):
    """The profile is read again where the store is used."""
    text = (project / "profiles.yml").read_text()
    (project / "profiles.yml").write_text(text.replace("type:", "password: s3cret\n      type:"))
    store = FeatureStore(project)

    assert store.profile.settings["password"] == "s3cret"
    assert b"s3cret" not in pickle.dumps(store)
