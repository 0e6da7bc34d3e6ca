"""Callbacks: objects with methods that `fit`, `evaluate` and `predict` call as they run."""

from minidl.callbacks.backup_and_restore import BackupAndRestore
from minidl.callbacks.base import Callback
from minidl.callbacks.callback_list import CallbackList
from minidl.callbacks.csv_logger import CSVLogger
from minidl.callbacks.early_stopping import EarlyStopping
from minidl.callbacks.history import History
from minidl.callbacks.lambda_callback import LambdaCallback
from minidl.callbacks.learning_rate_scheduler import LearningRateScheduler
from minidl.callbacks.loggers import MLflowLogger, WandbLogger
from minidl.callbacks.model_checkpoint import ModelCheckpoint
from minidl.callbacks.monitor import MonitorCallback
from minidl.callbacks.orbax_checkpoint import OrbaxCheckpoint
from minidl.callbacks.progress_bar import ProgbarLogger
from minidl.callbacks.reduce_lr_on_plateau import ReduceLROnPlateau
from minidl.callbacks.remote_monitor import RemoteMonitor
from minidl.callbacks.swap_ema_weights import SwapEMAWeights
from minidl.callbacks.tensorboard import TensorBoard
from minidl.callbacks.terminate_on_nan import TerminateOnNaN

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "MLflowLogger",
    "ModelCheckpoint",
    "MonitorCallback",
    "OrbaxCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "RemoteMonitor",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
    "WandbLogger",
]
