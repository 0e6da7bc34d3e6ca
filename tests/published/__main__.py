"""`python -m tests.published FOLDER` runs the programs of a folder and reports what ran."""

import argparse
import importlib.util
import json
import pathlib
import sys
import tempfile

from tests.published import programs, report
from tests.published.run import equal, losses, run, runs

START, END = "<!-- programs: begin -->", "<!-- programs: end -->"


def main(arguments=None):
    """Run, print a line for each program, and write the report."""
    parser = argparse.ArgumentParser(prog="python -m tests.published")
    parser.add_argument("folder", help="programs, .py or .ipynb, with folders as one likes")
    parser.add_argument("--only", default="", help="part of the names to run")
    parser.add_argument("--seconds", type=int, default=180, help="CPU time of a program under one library")
    parser.add_argument("--json", help="file of results; programs in it run again if stopped, or with --again")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--page", help="Markdown page whose table is replaced")
    parser.add_argument("--logs", help="folder for the output of programs that fail")
    parser.add_argument("--without-keras", action="store_true")
    args = parser.parse_args(arguments)
    rows = json.loads(pathlib.Path(args.json).read_text()) if args.json and pathlib.Path(args.json).exists() else {}
    keras = not args.without_keras and importlib.util.find_spec("keras") is not None
    found = programs.find(args.folder)
    with tempfile.TemporaryDirectory() as cache:
        for name, path in found.items():
            if args.only in name and (args.again or name not in rows or report.stopped(rows[name])):
                rows[name] = check(name, path, args, keras, cache, rows.get(name))
                print(line(rows[name]), flush=True)
                if args.json:
                    pathlib.Path(args.json).write_text(json.dumps(rows, indent=1))
    results = [rows[name] for name in sorted(rows)]
    print(report.summary(results))
    if args.page:
        page = pathlib.Path(args.page)
        before, rest = page.read_text().split(START)
        table = f"{START}\n\n{report.summary(results)}\n\n{report.markdown(results)}\n"
        page.write_text(before + table + END + rest.split(END)[1])
    return 0


def check(name, path, args, keras, cache, known):
    """The row of one program."""
    reason = programs.out_of_scope(programs.code(path))
    if reason:
        return report.row(name, reason, None, None, None)
    outcomes = {}
    for library in ("minidl", "keras") if keras else ("minidl",):
        outcomes[library] = run(library, path, args.seconds, cache)
    ours, theirs = outcomes["minidl"], outcomes.get("keras")
    same = equal(ours, theirs) if runs(ours) and runs(theirs) else None
    for library, outcome in outcomes.items():
        if args.logs and (same is False or not runs(outcome)):
            log = pathlib.Path(args.logs, f"{name.replace('/', '_')}.{library}.txt")
            log.parent.mkdir(parents=True, exist_ok=True)
            log.write_text(f"{outcome['log']}\nlosses: {losses(outcome['records'])}\n")
    return report.row(name, None, ours, theirs, same)


def line(row):
    """What the terminal shows of a row."""
    if row["scope"]:
        return f"{row['name']}: out of scope, {row['scope']}"
    return f"{row['name']}: minidl {row['error'] or 'runs'}; Keras {row['keras_error'] or 'runs'}; equal {row['equal']}"


if __name__ == "__main__":
    sys.exit(main())
