"""Callbacks."""

from hornbeam.callbacks.callback import Callback, CallbackList, History, ProgbarLogger  # noqa: F401
from hornbeam.callbacks.standard import (  # noqa: F401
    CSVLogger,
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    TerminateOnNaN,
)
