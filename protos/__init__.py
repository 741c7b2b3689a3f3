"""The wire contract: ``.proto`` files and the stubs generated from them."""

from google.protobuf.message import DecodeError

__all__ = ["DecodeError"]
