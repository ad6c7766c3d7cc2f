"""Refuse a manifest of another target, and warn where dbt's files do not tell."""

from __future__ import annotations

import warnings
from functools import partial

from featurestore.errors import ManifestOfOtherTarget, TargetWarning
from featurestore.project.manifest import Manifest
from featurestore.project.manifest_target import TargetMatch, difference, match_target
from featurestore.project.profile import Project, other_profiles
from featurestore.values.dbt_profile import Profile

__all__ = ["checked_target"]


def checked_target(project: Project, manifest: Manifest, profile: Profile, *, typed: bool) -> str:
    """Check that a manifest was written for a target; return a remedy for tables it lacks.

    Args:
        project: The dbt project.
        manifest: Its manifest.
        profile: The target.
        typed: Whether the user named the target, instead of taking the profile's default.

    Returns:
        The remedy if the manifest may be another target's, else an empty text.

    Raises:
        ManifestOfOtherTarget: The manifest names the tables of another target.
    """
    others = partial(other_profiles, project, profile)
    match = match_target(manifest, profile, typed=typed, others=others)
    parse = f"`dbt parse --target {profile.target}`"
    if match is TargetMatch.OTHER:
        raise ManifestOfOtherTarget(
            f"The manifest was written for another target than '{profile.target}':"
            f" {difference(manifest, profile)}.",
            remedy=f"Run {parse}.",
        )
    if match is TargetMatch.SAME:
        return ""
    if typed or match is TargetMatch.NO_FIT:
        warnings.warn(
            f"The manifest does not tell whether it was written for the target '{profile.target}':"
            f" {match.value}. If it was not, run {parse}; `featurestore sync --dry-run` shows the"
            " tables.",
            TargetWarning,
            stacklevel=2,
        )
    return f"If the manifest was written for another target, run {parse}."
