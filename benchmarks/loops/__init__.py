"""Training loops of each library, shared by the programs of all workloads."""
