"""Training: Adam on shuffled batches with L1 and L2, and the weights of the best epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from .network import Network, half
from .rows import At, Rows
from .target import Target

# epoch (from 1), mean loss of its batches, loss on the rows that are watched, NaN where none are
Note = Callable[[int, float, float], None]
ASKED = 4096  # rows that are answered at a time


@dataclass(frozen=True)
class Plan:
    """How a network is built and learns; see `MLP` for what each is."""

    layers: Sequence[int]
    dropout: float
    l1: float
    l2: float
    learning_rate: float
    betas: Sequence[float]
    batch_size: int
    standardise: bool
    flat: bool
    mixed: bool
    seed: int
    device: str


class Trainer:
    """Learns `rows` and their `target`, as planned.

    Parameters
    ----------
    rows, target : all rows, of which it is told by position.
    """

    def __init__(self, plan: Plan, rows: Rows, target: Target) -> None:
        self.plan = plan
        self.rows = rows
        self.target = target

    def build(self, learnt: At) -> Network:
        """Return a network with random weights that standardises by the rows `learnt`."""
        plan = self.plan
        mean, spread = self.rows.spread(learnt)
        if not plan.standardise:
            mean, spread = np.zeros_like(mean), np.ones_like(spread)
        # a second network begins as the first did
        torch.manual_seed(plan.seed)
        return Network(mean, spread, plan.layers, self.target.outputs, plan.dropout, plan.flat).to(plan.device)

    def learn(self, network: Network, learnt: At, epochs: int, note: Note, watched: At | None = None, patience: int = 0) -> int:
        """Train on the rows `learnt`; return the best epoch.

        With rows that are `watched` it ends when their loss has not fallen for `patience` epochs, and leaves the weights of the
        best epoch; else after `epochs`.
        """
        plan, best, least = self.plan, 0, np.inf
        betas = (plan.betas[0], plan.betas[1])
        optimizer = torch.optim.Adam(network.parameters(), lr=plan.learning_rate, betas=betas, fused=True)
        scaler = torch.amp.GradScaler(plan.device, enabled=plan.mixed and half(plan.device) == torch.float16)
        seeds = np.random.default_rng(plan.seed).integers(2**63, size=epochs)
        kept: dict[str, torch.Tensor] = {}
        with tqdm(range(1, epochs + 1), "network", delay=5.0, mininterval=5.0) as bar:
            for epoch in bar:
                train = self.epoch(network, learnt, int(seeds[epoch - 1]), optimizer, scaler)
                valid = float("nan") if watched is None else self.loss(network, watched)
                note(epoch, train, valid)
                bar.set_postfix(train=train, valid=valid, refresh=False)
                if watched is None:
                    best = epoch
                elif valid < least:
                    best, least = epoch, valid
                    kept = {k: v.clone() for k, v in network.state_dict().items()}
                elif epoch - best >= patience:
                    break
        if kept:
            network.load_state_dict(kept)
        return best

    def epoch(self, network: Network, learnt: At, seed: int, optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler) -> float:
        """Take a step for every batch of the rows `learnt`; return the mean of their losses, in the target's units."""
        network.train()
        total = torch.zeros((), dtype=torch.float64, device=self.plan.device)
        for at, inputs in self.rows.batches(learnt, self.plan.batch_size, seed):
            optimizer.zero_grad()
            with self._precision():
                out = network(inputs)
            loss = self.target.loss(out, self._there(at))
            scaler.scale(loss).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            scaler.unscale_(optimizer)
            self._penalise(network)
            scaler.step(optimizer)
            scaler.update()
            # a number on the device: to read it now would wait for the batch
            total += loss.detach() * len(at)
        return total.item() * self.target.unit / len(learnt)

    def _penalise(self, network: Network) -> None:
        """Add the gradient of l1 * sum |w| + l2 * sum w^2."""
        for weight in network.weights():
            assert weight.grad is not None
            if self.plan.l1:
                weight.grad.add_(weight.detach().sign(), alpha=self.plan.l1)
            if self.plan.l2:
                weight.grad.add_(weight.detach(), alpha=2 * self.plan.l2)

    @torch.no_grad()
    def loss(self, network: Network, asked: At) -> float:
        """Return the loss on these rows, in the target's units."""
        network.eval()
        total = torch.zeros((), dtype=torch.float64, device=self.plan.device)
        for at, inputs in self.rows.batches(asked, ASKED):
            with self._precision():
                out = network(inputs)
            total += self.target.loss(out, self._there(at)) * len(at)
        return total.item() * self.target.unit / len(asked)

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.plan.device, dtype=half(self.plan.device), enabled=self.plan.mixed)

    def _there(self, at: NDArray[np.intp]) -> torch.Tensor:
        return torch.from_numpy(at).to(self.plan.device, non_blocking=True)


def answers(network: Network, rows: Rows, target: Target) -> NDArray[np.float64]:
    """Return what the network answers for all rows, in their order, in full precision."""
    network.eval()
    found: list[NDArray[np.float64]] = []
    places: list[At] = []
    with torch.no_grad():
        for at, inputs in rows.batches(np.arange(len(rows)), ASKED):
            found.append(target.answer(network(inputs)).cpu().numpy())
            places.append(at)
    values = np.concatenate(found)
    out = np.empty_like(values)
    out[np.concatenate(places)] = values
    return out


def slopes(network: Network, rows: Rows, target: Target, asked: At) -> tuple[NDArray[np.float64], ...]:
    """Return for each column (p,) the mean over the rows `asked` of the answer's derivative, of its absolute value, and of that of a row's loss."""
    network.eval()
    first = network.slopes().detach()
    mean, absolute, pull = torch.zeros((3, len(first)), dtype=torch.float64, device=first.device)
    for at, inputs in rows.batches(asked, ASKED):
        given = network.first(inputs).detach().requires_grad_()
        # the layers that follow write over what they are given
        out = network.rest(given.clone())
        (gradient,) = torch.autograd.grad(target.shown(out).sum(), given, retain_graph=True)
        each = gradient @ first.T
        mean += each.sum(dim=0)
        absolute += each.abs().sum(dim=0)
        # a sum of the rows' losses: each row's derivative is its own
        loss = target.loss(out, torch.as_tensor(at, device=first.device)) * len(at) * target.unit
        (gradient,) = torch.autograd.grad(loss, given)
        pull += (gradient @ first.T).abs().sum(dim=0)
    return tuple((total / len(asked)).cpu().numpy() for total in (mean, absolute, pull))
