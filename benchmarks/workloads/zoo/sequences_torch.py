"""The networks of `sequences` in PyTorch."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from benchmarks.workloads.zoo.base_torch import EPSILON, Positions, encoder_block, one_input, programs
from benchmarks.workloads.zoo.sequences import BLOCKS, DILATIONS, HEADS, RATE, WINDOWS, Sequences


class _Gated(nn.Module):
    """A causal convolution times its gate."""

    def __init__(self, width: int, dilation: int):
        super().__init__()
        self.padding = dilation
        self.filters = nn.Conv1d(width, width, 2, dilation=dilation)
        self.gate = nn.Conv1d(width, width, 2, dilation=dilation)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        padded = functional.pad(x, (self.padding, 0))
        return torch.tanh(self.filters(padded)) * torch.sigmoid(self.gate(padded))


class _WaveNet(nn.Module):
    def __init__(self, work: Sequences):
        super().__init__()
        width = work.width
        self.embedding = nn.Embedding(work.tokens, width)
        self.gated = nn.ModuleList([_Gated(width, dilation) for dilation in DILATIONS])
        self.skips = nn.ModuleList([nn.Conv1d(width, width, 1) for _ in DILATIONS])
        self.residuals = nn.ModuleList([nn.Conv1d(width, width, 1) for _ in DILATIONS[1:]])  # none after the last
        self.last = nn.Sequential(nn.ReLU(), nn.Conv1d(width, width, 1), nn.ReLU(), nn.Conv1d(width, work.classes, 1))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.embedding(tokens).transpose(1, 2)
        y = self.gated[0](x)
        total = self.skips[0](y)
        for gated, skip, residual in zip(self.gated[1:], self.skips[1:], self.residuals):
            x = x + residual(y)
            y = gated(x)
            total = total + skip(y)
        return self.last(total).transpose(1, 2)


class _TextCNN(nn.Module):
    def __init__(self, work: Sequences):
        super().__init__()
        self.embedding = nn.Embedding(work.tokens, work.width)
        self.convs = nn.ModuleList([nn.Conv1d(work.width, work.width, window) for window in WINDOWS])
        self.last = nn.Sequential(nn.Dropout(0.5), nn.Linear(len(WINDOWS) * work.width, work.classes))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.embedding(tokens).transpose(1, 2)
        return self.last(torch.cat([functional.relu(conv(x)).amax(dim=2) for conv in self.convs], dim=1))


class _BiLSTM(nn.Module):
    def __init__(self, work: Sequences):
        super().__init__()
        self.embedding = nn.Embedding(work.tokens, work.width)
        self.recurrent = nn.LSTM(work.width, work.width, num_layers=2, batch_first=True, bidirectional=True)
        self.last = nn.Linear(2 * work.width, 1)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        lengths = (tokens != 0).sum(dim=1)
        packed = nn.utils.rnn.pack_padded_sequence(
            self.embedding(tokens), lengths, batch_first=True, enforce_sorted=False
        )
        _, (states, _) = self.recurrent(packed)
        return self.last(torch.cat([states[-2], states[-1]], dim=1))


class _GRU(nn.Module):
    """One layer with recurrent dropout, which `nn.GRU` lacks."""

    def __init__(self, width: int):
        super().__init__()
        self.inputs = nn.Linear(width, 3 * width)
        self.kernel = nn.Parameter(nn.init.orthogonal_(torch.empty(3 * width, width)))
        self.bias = nn.Parameter(torch.zeros(3 * width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        state = x.new_zeros(len(x), x.shape[2])
        kept = functional.dropout(torch.ones_like(state), RATE, self.training)
        states = []
        for given in self.inputs(x).unbind(dim=1):
            update, reset, new = given.chunk(3, dim=1)
            hidden = functional.linear(state * kept, self.kernel, self.bias).chunk(3, dim=1)
            update, reset = torch.sigmoid(update + hidden[0]), torch.sigmoid(reset + hidden[1])
            new = torch.tanh(new + reset * hidden[2])
            state = update * state + (1 - update) * new
            states.append(state)
        return torch.stack(states, dim=1)


class _Last(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, -1]


class _LanguageModel(nn.Module):
    def __init__(self, work: Sequences):
        super().__init__()
        self.first = nn.Sequential(nn.Embedding(work.tokens, work.width), Positions(work.size, work.width))
        self.blocks = nn.ModuleList([encoder_block(work.width, HEADS) for _ in range(BLOCKS)])
        self.last = nn.Sequential(nn.LayerNorm(work.width, EPSILON), nn.Linear(work.width, work.classes))
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(work.size))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.first(tokens)
        for block in self.blocks:
            x = block(x, src_mask=self.mask, is_causal=True)
        return self.last(x)


def wavenet(work: Sequences) -> nn.Module:
    """Gated causal convolutions."""
    return one_input(_WaveNet(work))


def textcnn(work: Sequences) -> nn.Module:
    """Parallel convolutions."""
    return one_input(_TextCNN(work))


def bilstm(work: Sequences) -> nn.Module:
    """Packed sequences instead of masks."""
    return one_input(_BiLSTM(work))


def gru(work: Sequences) -> nn.Module:
    """Two layers."""
    recurrent = [_GRU(work.width), _GRU(work.width), _Last()]
    return one_input(nn.Sequential(nn.Embedding(work.tokens, work.width), *recurrent, nn.Linear(work.width, 1)))


def lm(work: Sequences) -> nn.Module:
    """Encoder blocks with a causal mask."""
    return one_input(_LanguageModel(work))


MODELS = {build.__name__: build for build in (wavenet, textcnn, bilstm, gru, lm)}
train, predict = programs(MODELS)
