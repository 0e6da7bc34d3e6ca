"""How a model is trained: data into chunks (data.py), the compiled steps (step.py), the loop (loop.py)."""
