"""What regfleet asks for is bounded, and what continuous integration installs is pinned."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


@pytest.fixture
def project(root):
    """The [project] table."""
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]


@pytest.fixture
def pins(root):
    """The constraints as name → version."""
    lines = (root / "constraints.txt").read_text().split()
    return {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines)}


def _requirements(project):
    extras = [text for texts in project["optional-dependencies"].values() for text in texts]
    found = [Requirement(text) for text in project["dependencies"] + extras]
    return [requirement for requirement in found if requirement.name != project["name"]]


def test_every_requirement_has_both_bounds(project):
    """Each dependency, of each extra too, has a lower and an upper bound."""
    for requirement in _requirements(project):
        assert {specifier.operator for specifier in requirement.specifier} == {">=", "<"}, str(requirement)


def test_constraints_are_plain_pins(root):
    """constraints.txt holds name==version lines only: no address, no hash, no path."""
    lines = (root / "constraints.txt").read_text().splitlines()
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9][\w.-]*==[0-9][\w.+!]*", line)] == []


def test_constraints_pin_every_requirement_in_bounds(project, pins):
    """Whatever is asked for is pinned, inside the bounds that are declared for it."""
    for requirement in _requirements(project):
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)]), str(requirement)
