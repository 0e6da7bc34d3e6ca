"""minidl beside the frameworks that its users would otherwise choose, and beside hand-written JAX.

    python -m benchmarks                                   every workload, every peer that is installed
    python -m benchmarks mlp --peers minidl,handwritten    one workload, two peers
    python -m benchmarks --rounds 9 --save                 more rounds, results kept in benchmarks/results/

A *workload* (workloads.py) says what is computed, a *peer* (peers/) computes it in one library's usual way, and the
runner (runner.py) gives every peer a process of its own, all peers in turn, several rounds. Clocks of a shared
machine drift, so peers are compared inside a round, and the median over rounds is what the table (report.py) shows.

To add a workload: add its row to `workloads.WORKLOADS` and a function of its name to each peer that computes it.
"""
