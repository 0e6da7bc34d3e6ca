"""The workloads that train, at batch sizes that fill a GPU. Their programs are those of the families."""

from __future__ import annotations

from benchmarks.workload import Workload
from benchmarks.workloads.convnet import ConvNet
from benchmarks.workloads.mlp import MLP
from benchmarks.workloads.recurrent import Recurrent
from benchmarks.workloads.transformer import Transformer
from benchmarks.workloads.zoo.sequences import Sequences

_PEERS = ("minidl", "handwritten", "keras-jax", "torch", "flax", "torch-compiled")
_SERIES = "gpu: batch sizes that fill a GPU, Adam, float32 at the default precision of products"
_ALL = {"series": _SERIES, "ratios": True, "device": "gpu", "epochs": 6}

WORKLOADS: tuple[Workload, ...] = (
    MLP(
        "gpu-mlp",
        "784 -> 512 relu -> 512 relu -> 10 softmax, batch 8,192",
        _PEERS,
        rows=122_880,
        batch_size=8_192,
        learning_rate=3e-4,
        features=784,
        units=512,
        **_ALL,
    ),
    ConvNet("gpu-convnet", "the network of convnet, batch 2,048", _PEERS, rows=40_960, batch_size=2_048, **_ALL),
    ConvNet(
        "gpu-convnet-bn",
        "the same with BatchNormalization and Dropout",
        _PEERS,
        rows=40_960,
        batch_size=2_048,
        regularized=True,
        **_ALL,
    ),
    Recurrent("gpu-lstm", "the network of lstm, batch 1,024", _PEERS, rows=20_480, batch_size=1_024, **_ALL),
    Recurrent("gpu-gru", "the network of gru, batch 1,024", _PEERS, rows=20_480, batch_size=1_024, layer="GRU", **_ALL),
    Transformer(
        "gpu-transformer", "the encoder of transformer, batch 1,024", _PEERS, rows=20_480, batch_size=1_024, **_ALL
    ),
    Sequences(
        "gpu-lm",
        "the causal language model of the zoo, batch 512",
        ("minidl", "keras-jax", "torch", "torch-compiled"),
        rows=10_240,
        batch_size=512,
        model="lm",
        loss="logits",
        classes=1_000,
        tokens=1_000,
        **{**_ALL, "most_rounds": None},
    ),
)
