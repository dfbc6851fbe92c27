"""The processes that train one network together: one, or several under torchrun."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn


@dataclass(frozen=True)
class Team:
    """This process's place among those that train together.

    Parameters
    ----------
    device
        Where this process computes.
    rank, world
        Its number, from 0, and how many there are.
    """

    device: torch.device
    rank: int = 0
    world: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that validates and writes files."""
        return self.rank == 0

    def wrap(self, network: nn.Module) -> nn.Module:
        """Make gradients the mean over all processes."""
        if self.world == 1:
            return network
        devices = [self.device] if self.device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(network, device_ids=devices)

    def gather(self, values: Tensor) -> Tensor:
        """Join a tensor of the same shape from each process along its first axis."""
        if self.world == 1:
            return values
        parts = [torch.empty_like(values) for _ in range(self.world)]
        distributed.all_gather(parts, values.contiguous())
        return torch.cat(parts)

    def from_leader(self, values: Sequence[float]) -> list[float]:
        """Give every process the numbers that the leading one has."""
        if self.world == 1:
            return list(values)
        sent = torch.tensor(values, dtype=torch.float64, device=self.device)
        distributed.broadcast(sent, 0)
        return sent.tolist()


def alone(device: str | None = None) -> Team:
    """One process, on the given device or on the GPU where there is one."""
    name = device or ("cuda" if torch.cuda.is_available() else "cpu")
    return Team(torch.device(name))


@contextmanager
def torchrun_team() -> Iterator[Team]:
    """Join the processes that torchrun started: NCCL on GPUs, else gloo.

    torchrun tells each process its place through the environment.
    """
    local = int(os.environ["LOCAL_RANK"])
    on_gpu = torch.cuda.is_available()
    device = torch.device("cuda", local) if on_gpu else torch.device("cpu")
    if on_gpu:
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if on_gpu else "gloo")
    try:
        yield Team(device, distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()
