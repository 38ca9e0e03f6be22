"""The ``lightning`` command: arguments in, one call into ``app.bootstrap``, an answer for a person or a program.

Standard output carries the answer and nothing else; progress, notes and errors go to standard error.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give its exit code.

    Parameters
    ----------
    arguments : what follows the program's name; None takes the process's own.

    Returns
    -------
    0 done; 1 a fault of the program (logged); 2 wrong usage or setting; 3 to 9 as in ``core.errors``; 130 interrupted;
    141 the reader of standard output went away.
    """
    import typer

    from lightning_gex.app.cli.application import application
    from lightning_gex.app.cli.errors import report_usage_error
    from lightning_gex.app.cli.process import lend_a_compiler_cache, open_closed_streams

    open_closed_streams()
    lend_a_compiler_cache()
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = application(given, prog_name="lightning", standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt):
        return 130
    except SystemExit as stop:  # how the parser itself leaves when standard output is gone
        return stop.code if isinstance(stop.code, int) else 1
    except Exception as error:
        return report_usage_error(error, given)
    return code if isinstance(code, int) else 0
