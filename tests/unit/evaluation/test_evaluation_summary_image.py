"""A run on one page, as a picture and as a PDF, the same bytes for the same run."""

from __future__ import annotations

import struct

import pytest
from evaluation_runs import run, wandering_run

from lightning_gex.evaluation.metrics import evaluate
from lightning_gex.evaluation.side_by_side import side_by_side
from lightning_gex.evaluation.side_by_side_section import side_by_side_verdict
from lightning_gex.evaluation.summary_image import side_by_side_sheet, summary_images, summary_sheet
from lightning_gex.evaluation.verdict import verdict


@pytest.fixture(scope="module")
def made():
    found = wandering_run(count=160)
    return found, evaluate(found)


def test_the_sheet_shows_the_verdict_and_eight_figures_with_their_intervals(made):
    sheet = summary_sheet(*made)
    assert sheet.told == verdict(made[1])
    assert len(sheet.figures) == 8
    named = {figure.name: figure for figure in sheet.figures}
    right = named["Accuracy: direction right"]
    assert right.value == f"{100 * made[1].accuracy:.1f}%"
    assert f"n {made[1].decisions_resolved:,}" in right.beside
    assert any(name.startswith("Excess over") for name in named)
    assert all("95%" in figure.beside for figure in sheet.figures)
    assert list(sheet.curves) == ["Lightning GEX", "buy and hold"]
    more = summary_sheet(*made, curves={"the baseline": made[0].equity})
    assert list(more.curves) == ["Lightning GEX", "buy and hold", "the baseline"]


def test_the_images_are_a_png_and_a_pdf_of_one_page_and_do_not_change(made):
    sheet = summary_sheet(*made)
    images = summary_images(sheet)
    assert images["summary.png"][:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", images["summary.png"][16:24]) == (1753, 1240)
    assert images["summary.pdf"].startswith(b"%PDF-")
    assert images["summary.pdf"].count(b"/Type /Page ") == 1
    assert b"CreationDate" not in images["summary.pdf"]
    assert summary_images(summary_sheet(*made)) == images


def test_a_run_without_a_decision_still_has_its_page(made):
    idle = run(dict(made[0].bars), [])
    sheet = summary_sheet(idle, evaluate(idle))
    assert sheet.reliability is None
    assert set(summary_images(sheet)) == {"summary.png", "summary.pdf"}


def test_two_systems_share_a_page(made):
    found = side_by_side(made[0], wandering_run(count=160, every=3), new_words="this", old_words="that")
    sheet = side_by_side_sheet(found, side_by_side_verdict(found), title="Old against new")
    assert list(sheet.curves) == ["new", "old"]
    assert len(sheet.figures) == 8
