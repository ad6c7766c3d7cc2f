"""Results are kept between runs, and a cache that fails is as good as none."""

from __future__ import annotations

import json
import os

import pytest

from featurestore.project.result_cache import ResultCache, checksum


def test_a_value_is_found_by_the_next_run(tmp_path):
    """A value that JSON can hold survives from one run to the next."""
    value = {"rows": [1, "två", None], "none": []}
    first = ResultCache(tmp_path / "target" / "featurestore", "lint")
    first.put("key", value)
    first.save()

    second = ResultCache(tmp_path / "target" / "featurestore", "lint")

    assert value == second.get("key")
    assert second.get("other") is None


def test_caches_of_other_names_are_apart(tmp_path):
    """Two users of one folder do not see each other's results."""
    with ResultCache(tmp_path, "lint") as cache:
        cache.put("key", 1)

    assert ResultCache(tmp_path, "lineage").get("key") is None


def test_what_is_no_longer_asked_for_is_dropped(tmp_path):
    """The file grows with the project, not with its history."""
    with ResultCache(tmp_path, "lint") as cache:
        cache.put("old", 1)
        cache.put("kept", 2)
    with ResultCache(tmp_path, "lint") as cache:
        assert cache.get("kept") == 2
        cache.put("new", 3)

    assert {"kept": 2, "new": 3} == json.loads((tmp_path / "lint.json").read_text())


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b"null", b"\xff\xfe\x00", b"[" * 100_000], ids=repr
)
def test_a_damaged_file_is_an_empty_cache(tmp_path, content):
    """No content stops a run, and the next save heals the file."""
    (tmp_path / "lint.json").write_bytes(content)
    with ResultCache(tmp_path, "lint") as cache:
        assert cache.get("key") is None
        cache.put("key", 1)

    assert ResultCache(tmp_path, "lint").get("key") == 1


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path):
    """Where the target folder is read-only or no folder, results are just not kept."""
    (tmp_path / "target").write_text("a file where a folder should be")
    with ResultCache(tmp_path / "target", "lint") as cache:
        cache.put("key", 1)

    assert cache.get("key") == 1
    assert (tmp_path / "target").is_file()


def test_an_unchanged_cache_is_not_written_again(tmp_path):
    """A run that learns nothing leaves the file alone, and no part of one behind."""
    with ResultCache(tmp_path, "lint") as cache:
        cache.put("key", 1)
    os.utime(tmp_path / "lint.json", (0, 0))
    with ResultCache(tmp_path, "lint") as cache:
        cache.get("key")

    assert (tmp_path / "lint.json").stat().st_mtime == 0
    assert ["lint.json"] == [path.name for path in tmp_path.iterdir()]


def test_a_key_depends_on_every_part():
    """A change of any part is another key."""
    keys = {checksum("1", "select 1"), checksum("2", "select 1"), checksum("1", "select 2")}

    assert len(keys) == 3
