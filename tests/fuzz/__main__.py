"""`python -m tests.fuzz --seed 0 --count 500` runs cases, `--case 45` prints and runs one."""

import argparse
import json
import sys
import time

from tests.fuzz import worker


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", type=int)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--family", choices=list(worker.FAMILIES))
    args = parser.parse_args()
    if args.case is not None:
        case = worker.draw(args.seed, args.case)
        print(json.dumps(case))
        print("Keras: ", *worker.outcome(worker.keras, case))
        print("minidl:", *worker.outcome(worker.minidl, case))
        found = worker.check(case)
        print(found or "same (or a listed departure)")
        return bool(found)
    cases = [
        number
        for number in range(args.start, args.start + args.count)
        if args.family in (None, worker.draw(args.seed, number)["family"])
    ]
    started, different = time.monotonic(), 0
    for number, found in worker.run(args.seed, cases, args.workers):
        if found:
            different += 1
            print(f"{args.seed}/{number}: {found}\n    {json.dumps(worker.draw(args.seed, number))}", flush=True)
    print(f"{len(cases)} cases, {different} different, {time.monotonic() - started:.0f} s")
    return bool(different)


if __name__ == "__main__":
    sys.exit(main())
