"""What `compile` was given, resolved for the outputs of a model and checked against its targets."""
