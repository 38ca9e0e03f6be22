"""No figure in a document is older than the result that measured it."""

from __future__ import annotations

import bench_evaluation
import pytest
import readme_tables


def test_the_readme_shows_what_its_results_hold() -> None:
    text = readme_tables.README.read_text("utf-8")
    assert readme_tables.written(text) == text, "python benchmarks/readme_tables.py writes it anew"


def test_the_page_of_goals_shows_what_its_results_hold() -> None:
    _, shown = bench_evaluation.PAGE.read_text("utf-8").split(bench_evaluation.MARK)
    assert shown.strip() == bench_evaluation.page().strip(), "python benchmarks/bench_evaluation.py page writes it anew"


def test_a_figure_that_was_changed_by_hand_is_found() -> None:
    text = readme_tables.README.read_text("utf-8")
    found = readme_tables.measured()
    assert found in text
    changed = text.replace(found, found.replace("held", "hold", 1))
    assert readme_tables.written(changed) == text


def test_a_readme_without_its_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="not enough values"):
        readme_tables.written("no marks here")
