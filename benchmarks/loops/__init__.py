"""How each library trains whatever model: what the programs of all workloads share."""
