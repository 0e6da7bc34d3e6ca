"""Benchmarks of minidl against other frameworks, and against hand-written JAX.

    python -m benchmarks                                   every workload, every peer that is installed
    python -m benchmarks mlp --peers minidl,handwritten    one workload, two peers
    python -m benchmarks lstm gru --rounds 3               two workloads, quickly
    python -m benchmarks growth                            every workload whose name begins with it, in one table
    python -m benchmarks zoo                               24 architectures, with ratios to every peer and a summary
    python -m benchmarks --rounds 9 --save                 more rounds, results kept in benchmarks/results/
    python -m benchmarks.plot                              draws the newest results there
    python -m benchmarks --device gpu --utilization        larger workloads on a GPU, with its memory and idle time
    bash benchmarks/on_gpu.sh                              tests of numbers and these on a machine with a GPU

A *workload* (workloads/, a file for each family) defines what is computed, a *peer* (peers.py) computes it in one
library's usual way (loops/ has what is the same for all models), and the runner (runner.py) gives every peer a process
of its own, all peers in turn, several rounds. Clocks of a shared machine drift, so peers are compared inside a round,
and the median over rounds is what the table (report.py) shows. Data, sizes, initial weights and optimizer are the same
for all, and the table says so when they did not learn to the same loss.

`python -m benchmarks.readme` writes the saved results into the README.

To add a workload: write a file in workloads/ with its sizes, its data and its Keras program, the same beside it for
every other peer that computes it, and name it in `workloads/__init__.py`.
"""
