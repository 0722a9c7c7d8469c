"""The networks as one writes them in PyTorch: an eager loop over epochs and batches, one thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from cases import serve
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from cases import Case, Rows

torch.set_num_threads(1)


class Lstm(nn.Module):
    """An LSTM of 64 units, whose last output counts."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.cells = nn.LSTM(features, 64, batch_first=True)
        with torch.no_grad():
            nn.init.xavier_uniform_(self.cells.weight_ih_l0)
            nn.init.orthogonal_(self.cells.weight_hh_l0)
            self.cells.bias_ih_l0.zero_()
            self.cells.bias_hh_l0.zero_()
            self.cells.bias_ih_l0[64:128] = 1.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(rows, 64)."""
        return self.cells(x)[0][:, -1]


def network(case: Case, x: torch.Tensor, outputs: int) -> nn.Sequential:
    """The network of a case, its weights as Keras draws them."""
    layers: list[nn.Module] = []
    width = x.shape[1]
    if case.kind == "cnn":
        layers = [nn.Conv2d(1, 16, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3), nn.ReLU(), nn.MaxPool2d(2)]
        layers += [nn.Flatten(), nn.Linear(800, outputs)]
    elif case.kind == "lstm":
        layers = [Lstm(x.shape[2]), nn.Linear(64, outputs)]
    else:
        for number, (units, activation) in enumerate(zip(case.hidden, case.activations, strict=True)):
            layers += [nn.Linear(width, units), nn.Tanh() if activation == "tanh" else nn.ReLU()]
            if number < len(case.dropout):
                layers.append(nn.Dropout(case.dropout[number]))
            if number + 1 in case.norm:
                layers.append(nn.BatchNorm1d(units, eps=1e-3, momentum=0.01))
            width = units
        layers.append(nn.Linear(width, outputs))
    for layer in layers:
        if isinstance(layer, nn.Linear | nn.Conv2d):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers)


def fit(case: Case, rows: Rows, seed: int, epochs: int) -> np.ndarray:
    """Train from ``seed``."""
    torch.manual_seed(seed)
    x, y, x_val, y_val = map(torch.from_numpy, rows)
    if case.kind == "cnn":
        x, x_val = x.permute(0, 3, 1, 2).contiguous(), x_val.permute(0, 3, 1, 2).contiguous()
    model = network(case, x, y.shape[1])
    optimizer = (
        torch.optim.Adam(model.parameters(), 1e-3, eps=1e-7) if case.adam else torch.optim.SGD(model.parameters(), 0.01)
    )
    kernels = [layer.weight for layer in model if isinstance(layer, nn.Linear)][:-1]

    def penalty() -> torch.Tensor | float:
        (l1, first), (l2, second) = case.l1, case.l2
        return l1 * sum(kernel.abs().sum() for kernel in kernels[:first]) + l2 * sum(
            kernel.square().sum() for kernel in kernels[:second]
        )

    def measured(logits: torch.Tensor, y: torch.Tensor, added: torch.Tensor | float) -> tuple[torch.Tensor, ...]:
        entropy = functional.cross_entropy(logits, y)
        given = logits.detach().softmax(1)
        accuracy = (given.argmax(1) == y.argmax(1)).float().mean()
        return entropy + added, entropy.detach(), accuracy, (given - y).square().mean()

    history = np.empty((epochs, 12))
    for epoch in range(epochs):
        model.train()
        seen = torch.zeros(4)
        order = torch.randperm(len(x))
        for chosen in order.split(case.batch):
            optimizer.zero_grad()
            loss, *others = measured(model(x[chosen]), y[chosen], penalty())
            loss.backward()
            optimizer.step()
            seen += len(chosen) * torch.stack([loss.detach(), *others])
        model.eval()
        with torch.no_grad():
            parts = [seen / len(x)]
            parts += [torch.stack(measured(model(one), its, penalty())) for one, its in ((x, y), (x_val, y_val))]
            history[epoch] = torch.cat(parts).numpy()
    return history


if __name__ == "__main__":
    serve(fit)
