"""The demonstration: everything on this machine, without any server, told as one story."""

from workers.demo.story import run

__all__ = ["run"]
