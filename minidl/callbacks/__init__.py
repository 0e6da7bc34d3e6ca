"""Code that `fit`, `evaluate` and `predict` call while they run."""

from minidl.callbacks.base import Callback
from minidl.callbacks.callback_list import CallbackList
from minidl.callbacks.early_stopping import EarlyStopping
from minidl.callbacks.history import History
from minidl.callbacks.lambda_callback import LambdaCallback
from minidl.callbacks.progress_bar import ProgbarLogger

__all__ = ["Callback", "CallbackList", "EarlyStopping", "History", "LambdaCallback", "ProgbarLogger"]
