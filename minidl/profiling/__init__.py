"""What a step of training is made of: the time, memory and operations of each layer."""

from minidl.profiling.profile import profile
from minidl.profiling.report import Memory, Part, Profile

__all__ = ["Memory", "Part", "Profile", "profile"]
