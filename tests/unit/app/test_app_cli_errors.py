"""How a command ends when it cannot answer: one line, one document, one exit code, never a traceback."""

from __future__ import annotations

import json

import pytest

from lightning_gex.app.cli import main
from lightning_gex.core.errors import (
    DisabledError,
    InputError,
    InsufficientDataError,
    IntegrityError,
    MissingExtraError,
    RefusedError,
    SecretError,
    SettingsError,
    SourceError,
    StoreError,
)

GEX = ["gex", "chain.csv"]


def run(capsys, *arguments):
    code = main(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SettingsError("change it"), 2),
        (InputError("is negative", source="bars.csv", row=17, field="close"), 3),
        (InsufficientDataError("too little"), 3),
        (SecretError("does not fit"), 4),
        (StoreError("cannot be written"), 5),
        (IntegrityError("record 5 was altered"), 6),
        (SourceError("did not answer"), 7),
        (RefusedError("closed already"), 8),
        (DisabledError("is off"), 8),
        (MissingExtraError("torch", "rl"), 9),
    ],
)
def test_an_error_is_one_line_on_stderr_and_its_exit_code(wiring, capsys, error, code):
    wiring.failure = error
    assert run(capsys, *GEX) == (code, "", f"error: {error}\n")


def test_an_input_error_names_file_row_and_field(wiring, capsys):
    wiring.failure = InputError("is negative", source="bars.csv", row=17, field="close")
    _, _, err = run(capsys, *GEX)
    assert err == "error: bars.csv, row 17, field 'close': is negative\n"


def test_a_message_of_several_lines_is_printed_as_one(wiring, capsys):
    wiring.failure = InputError("first\nsecond", source="a\nb.csv")
    _, _, err = run(capsys, *GEX)
    assert err.count("\n") == 1


def test_with_json_the_error_is_one_document_on_stdout(wiring, capsys):
    wiring.failure = InputError("is negative", source="bars.csv", row=17, field="close")
    code, out, err = run(capsys, *GEX, "--json")
    assert code == 3
    assert json.loads(out) == {
        "error": {
            "type": "InputError",
            "message": "bars.csv, row 17, field 'close': is negative",
            "source": "bars.csv",
            "row": 17,
            "field": "close",
            "exit_code": 3,
        }
    }
    assert err.startswith("error: bars.csv")


def test_an_unexpected_failure_is_one_line_that_says_where_the_details_are(wiring, capsys, tmp_path):
    wiring.failure = ZeroDivisionError("division by zero")
    code, out, err = run(capsys, *GEX)
    log = tmp_path / "home" / "lightning.log"
    assert (code, out) == (1, "")
    assert err == f"error: this should not have happened (ZeroDivisionError: division by zero); details in {log}\n"
    assert "Traceback" in log.read_text()
    assert log.stat().st_mode & 0o077 == 0


def test_unexpected_failures_add_to_the_log_of_the_workspace_that_was_named(wiring, capsys, tmp_path):
    wiring.failure = KeyError("first")
    run(capsys, *GEX, "--home", str(tmp_path / "named"))
    wiring.failure = KeyError("second")
    run(capsys, "--home", str(tmp_path / "named"), *GEX)
    text = (tmp_path / "named" / "lightning.log").read_text()
    assert text.index("first") < text.index("second")


def test_a_failure_that_cannot_be_logged_says_so(wiring, capsys, tmp_path):
    (tmp_path / "home").write_text("in the way")
    wiring.failure = KeyError("x")
    code, _, err = run(capsys, *GEX)
    assert code == 1
    assert "could not be logged" in err
    assert err.count("\n") == 1


def test_an_unexpected_failure_with_json_is_a_document_too(wiring, capsys):
    wiring.failure = ValueError("odd")
    code, out, _ = run(capsys, *GEX, "--json")
    assert code == 1
    assert json.loads(out)["error"]["type"] == "ValueError"


def test_ctrl_c_ends_with_130_and_no_traceback(wiring, capsys):
    wiring.failure = KeyboardInterrupt()
    code, out, err = run(capsys, *GEX)
    assert (code, out, err) == (130, "", "interrupted\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["gex", "--no-such"], "--no-such"),
        (["nothing"], "nothing"),
        (["analyze", "AAPL"], "--bars"),
        (["backtest", "--bars", "b.csv", "--ticker", "T"], "--out"),
        (["backtest", "--bars", "b", "--ticker", "T", "--out", "o", "--capital", "much"], "'--capital'"),
        (["gex", "a.csv", "b.csv"], "b.csv"),
    ],
)
def test_wrong_usage_is_one_line_that_points_to_help_and_code_2(wiring, capsys, arguments, words):
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert words in err
    assert "--help" in err
    assert err.count("\n") == 1


def test_wrong_usage_with_json_is_a_document(wiring, capsys):
    code, out, _ = run(capsys, "gex", "--no-such", "--json")
    assert code == 2
    assert json.loads(out)["error"]["exit_code"] == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["gex"], "--live"),
        (["gex", "a.csv", "--live", "SPY"], "one option chain"),
        (["backtest", "--bars", "b", "--ticker", "T", "--out", "o", "--start", "2019-13-01"], "--start '2019-13-01'"),
        (
            ["backtest", "--bars", "b", "--ticker", "T", "--out", "o", "--start", "2020-01-02", "--end", "2020-01-01"],
            "later than --end",
        ),
        (["backtest", "--bars", "b", "--ticker", "T", "--out", "o", "--capital", "-5"], "--capital"),
        (["backtest", "--bars", "b", "--ticker", "T", "--out", "o", "--capital", "nan"], "--capital"),
        (["report", "somewhere", "--run", "x"], "not both"),
    ],
)
def test_options_that_contradict_are_refused_before_anything_runs(wiring, capsys, arguments, words):
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert not wiring.calls


def test_a_wrong_settings_file_is_named(wiring, capsys, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "lightning.toml").write_text("[kelly]\nfracton = 1\n")
    code, _, err = run(capsys, "analyze", "T", "--bars", "b.csv")
    assert code == 2
    assert "lightning.toml, key 'kelly.fracton'" in err
    assert not wiring.calls


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], []])
def test_help_lists_the_commands(capsys, arguments):
    code, out, err = run(capsys, *arguments)
    assert (code, err) == (0, "")
    for command in ("demo", "analyze", "gex", "backtest", "report"):
        assert command in out


def test_the_version_is_the_package_s(capsys):
    from lightning_gex import __version__

    assert run(capsys, "--version") == (0, f"lightning-gex {__version__}\n", "")
