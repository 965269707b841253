"""How the tests are spread over processes: as many as there are cores, with few demos."""

import pytest

from tests.conftest import ROOT, browser_groups, demos

FILES = {f"tests/browser/{file.name}" for file in (ROOT / "tests/browser").glob("test_*.py")}


@pytest.mark.parametrize(
    ("processes", "groups"), [(1, 1), (2, 1), (3, 1), (4, 2), (6, 3), (8, 4), (64, 4)]
)
def test_browser_tests_go_into_a_group_for_every_two_processes(processes, groups):
    found = browser_groups(demos(processes))

    assert set(found) == FILES
    assert len(set(found.values())) == groups


def test_no_group_of_browser_tests_has_twice_the_files_of_another():
    shares = list(browser_groups(4).values())

    counts = [shares.count(group) for group in set(shares)]
    assert max(counts) - min(counts) <= 1
