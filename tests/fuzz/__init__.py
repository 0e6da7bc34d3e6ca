"""Differential fuzzer: random programs run on Keras (JAX backend) and on minidl, and compared.

A case is plain data drawn from `random.Random(f"{seed}/{number}")`: one seed gives the same programs everywhere.
`python -m tests.fuzz --seed 0 --case 45` prints case 45 and runs it; `--count 5000` runs many. `departures.py` lists
what may differ, with reasons.
"""
