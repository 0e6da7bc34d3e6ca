"""Attention layers."""

from minidl.layers.attention.additive import AdditiveAttention
from minidl.layers.attention.attention import Attention
from minidl.layers.attention.grouped_query import GroupQueryAttention
from minidl.layers.attention.multi_head import MultiHeadAttention

__all__ = [
    "AdditiveAttention",
    "Attention",
    "GroupQueryAttention",
    "MultiHeadAttention",
]
