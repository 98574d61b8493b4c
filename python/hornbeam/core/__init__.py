"""What all else builds on: tensors and variables, traces, tapes and functions, checks of arguments, the registry of configs."""
