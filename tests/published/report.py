"""What ran, as a table in Markdown and as JSON."""

import re
import tempfile

from tests.published.run import STOPPED, runs


def row(name, reason, ours, theirs, same):
    """One program's line of the report.

    Args:
        name: of the program.
        reason: why it is out of scope, or None.
        ours: outcome under minidl, or None.
        theirs: outcome under Keras, or None where it is not installed.
        same: whether losses are equal; None where there are none to compare.
    """
    return {
        "name": name,
        "scope": reason,
        "minidl": runs(ours) if ours else None,
        "keras": runs(theirs) if theirs else None,
        "equal": same,
        "error": _error(ours) if ours else None,
        "keras_error": _error(theirs) if theirs else None,
    }


def _error(outcome):
    """What ended a program, without the paths of this machine."""
    error = outcome["error"] or (None if runs(outcome) else "numbers that are not finite")
    return error and re.sub(rf" \(/[^)]*\)|{tempfile.gettempdir()}/tmp\w+/(work/)?", "", error)


def stopped(row):
    """Whether a limit ended one of the runs, so that the row says nothing of the library."""
    return any((row[error] or "").startswith(STOPPED) for error in ("error", "keras_error"))


def scope(row):
    """Why a row does not count: the program's own reason, or that Keras does not run it either."""
    if row["scope"]:
        return row["scope"]
    if row["keras"] is False and not row["minidl"] and not row["keras_error"].startswith(STOPPED):
        return f"Keras does not run it here either: {row['error']}"
    return None


def counts(row_list):
    """(in scope, run, equal losses, compared losses)."""
    inside = [row for row in row_list if not scope(row)]
    run = [row for row in inside if row["minidl"]]
    compared = [row for row in run if row["keras"] and row["equal"] is not None]
    return len(inside), len(run), sum(row["equal"] for row in compared), len(compared)


def summary(row_list):
    """One line of the counts."""
    inside, run, same, compared = counts(row_list)
    return f"{run} of {inside} programs in scope run; the losses of {same} of {compared} are equal to Keras's."


def markdown(row_list):
    """The table, by folder, and the programs that are out of scope with the reason."""
    lines = ["| program | minidl | Keras | equal losses |", "|---|---|---|---|"]
    mark = {True: "yes", False: "no", None: "-"}
    for row in row_list:
        if not scope(row):
            ours = mark[row["minidl"]] if row["minidl"] else f"no: {_escaped(row['error'])}"
            lines.append(f"| {_escaped(row['name'])} | {ours} | {mark[row['keras']]} | {mark[row['equal']]} |")
    outside = [f"| {_escaped(row['name'])} | {_escaped(scope(row))} |" for row in row_list if scope(row)]
    if outside:
        lines += ["", "Out of scope:", "", "| program | why |", "|---|---|", *outside]
    return "\n".join(lines) + "\n"


def _escaped(text):
    return str(text).replace("|", "\\|").replace("<", "&lt;")
