"""Data sets: pipelines from what lies in memory or on disk to the batches of a step."""
