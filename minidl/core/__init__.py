"""The ground that everything stands on, none of which users type: variables, symbolic tensors, names, metadata."""
