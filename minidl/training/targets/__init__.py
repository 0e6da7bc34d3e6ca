"""The losses and metrics of `compile`, resolved for the outputs of a model, and checks of the targets."""
