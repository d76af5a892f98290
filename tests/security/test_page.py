"""The page on security names tests that exist, and all of those beside this one."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`(test_\w+)`", PAGE))


def named_in(folder: Path) -> set[str]:
    return {
        node.name
        for path in folder.rglob("test_*.py")
        if path != Path(__file__)
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_page_names_tests_that_exist():
    assert NAMED - named_in(TESTS) == set()


def test_page_names_all_tests_of_security():
    assert named_in(Path(__file__).parent) - NAMED == set()


def test_every_row_that_says_cannot_has_a_test():
    table = PAGE.partition("| with | cannot | test |\n|---|---|---|\n")[2].partition("\n\n")[0]
    rows = table.splitlines()
    assert len(rows) > 10
    assert [row for row in rows if not re.search(r"\| `test_\w+` \|$", row)] == []
