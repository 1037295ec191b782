"""Many networks of one shape, as batched weights, with the gradients written out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._errors import AssayError

ACTIVATIONS = ("ReLU", "Tanh", "GELU")


@dataclass(frozen=True)
class Layer:
    """A linear map, and what is applied to its answer: None, or one of `ACTIVATIONS`."""

    inputs: int
    outputs: int
    bias: bool
    activation: str | None = None
    approximate: str = "none"


def layers_of(module: Any, inputs: int, outputs: int) -> list[Layer]:
    """The layers of a `torch.nn.Sequential` of Linear, ReLU, Tanh and GELU that ends in a Linear.

    Raises
    ------
    AssayError
        If it is something else, or takes or gives other numbers of columns.
    """
    parts = list(module) if type(module).__name__ == "Sequential" else []  # `children` would name twins once
    layers: list[Layer] = []
    linear = [id(part) for part in parts if type(part).__name__ == "Linear"]
    if len(set(linear)) < len(linear):
        raise AssayError("The network has one Linear in two places; give each place a Linear of its own.")
    for part in parts:
        name = type(part).__name__
        if name == "Linear":
            layers.append(Layer(part.in_features, part.out_features, part.bias is not None))
        elif name in ACTIVATIONS and layers and layers[-1].activation is None:
            layers[-1] = Layer(
                layers[-1].inputs,
                layers[-1].outputs,
                layers[-1].bias,
                name,
                getattr(part, "approximate", "none"),
            )
        else:
            layers = []
            break
    if not layers or layers[-1].activation is not None:
        raise AssayError(
            f"SubsetModels trains torch.nn.Sequential of Linear, each followed by at most one of "
            f"{', '.join(ACTIVATIONS)}, the last by none, and the model is {type(module).__name__} of "
            f"{', '.join(type(part).__name__ for part in parts) or 'something else'}; train other "
            "modules yourself and pass their outputs to assay.metrics."
        )
    if (layers[0].inputs, layers[-1].outputs) != (inputs, outputs):
        raise AssayError(
            f"The network takes {layers[0].inputs} columns and gives {layers[-1].outputs}; the problem has "
            f"{inputs} features and needs {outputs} answers (one a class, or one number)."
        )
    return layers


class Networks:
    """Networks of one shape; weights of a layer are (count, inputs, outputs), biases (count, 1, outputs).

    Parameters
    ----------
    layers : sequence of Layer
        The shape.
    rngs : sequence of Generator
        One a network, for its first weights: as torch's `Linear`, uniform within 1 / sqrt(inputs).
    """

    def __init__(self, layers: Sequence[Layer], rngs: Sequence[np.random.Generator]) -> None:
        import torch

        self.layers = layers
        self.weights: list[Any] = []
        self.biases: list[Any] = []
        drawn = [[_first(layer, rng) for layer in layers] for rng in rngs]
        for k, layer in enumerate(layers):
            self.weights.append(torch.from_numpy(np.stack([one[k][0] for one in drawn])))
            bias = torch.from_numpy(np.stack([one[k][1] for one in drawn]))
            self.biases.append(bias if layer.bias else None)

    @property
    def parameters(self) -> list[Any]:
        """Weights and then biases, in the order of `gradients`."""
        return [*self.weights, *(bias for bias in self.biases if bias is not None)]

    def forward(self, rows: Any, tape: list[Any] | None = None) -> Any:
        """Answers (count, b, outputs) to `rows` (count, b, inputs); `tape` keeps what `backward` needs."""
        import torch

        for layer, weight, bias in zip(self.layers, self.weights, self.biases, strict=True):
            z = torch.bmm(rows, weight) if bias is None else torch.baddbmm(bias, rows, weight)
            out = _activated(layer, z)
            if tape is not None:
                tape.append((rows, z if layer.activation == "GELU" else out))
            rows = out
        return rows

    def backward(self, tape: list[Any], slope: Any) -> list[tuple[Any, Any]]:
        """Inputs and slopes of each layer, last first; their products are the gradients of its weights.

        `slope` (count, b, outputs) is the derivative of the loss by the answers.
        """
        import torch

        found: list[tuple[Any, Any]] = []
        for k in reversed(range(len(self.layers))):
            rows, seen = tape[k]
            slope = _through(self.layers[k], slope, seen)
            found.append((rows, slope))
            if k:
                slope = torch.bmm(slope, self.weights[k].transpose(1, 2))
        return found


def _first(layer: Layer, rng: np.random.Generator) -> tuple[Any, Any]:
    reach = 1 / np.sqrt(layer.inputs)
    weight = rng.uniform(-reach, reach, (layer.inputs, layer.outputs)).astype(np.float32)
    return weight, rng.uniform(-reach, reach, (1, layer.outputs)).astype(np.float32)


def _activated(layer: Layer, z: Any) -> Any:
    import torch

    if layer.activation == "ReLU":
        return z.clamp_(min=0)
    if layer.activation == "Tanh":
        return z.tanh_()
    if layer.activation == "GELU":
        return torch.nn.functional.gelu(z, approximate=layer.approximate)
    return z


def _through(layer: Layer, slope: Any, seen: Any) -> Any:
    """The slope by what the activation was given; `seen` is its answer (of GELU: what it was given)."""
    import torch

    if layer.activation == "ReLU":
        return torch.ops.aten.threshold_backward(slope, seen, 0)
    if layer.activation == "Tanh":
        return torch.ops.aten.tanh_backward(slope, seen)
    if layer.activation == "GELU":
        return torch.ops.aten.gelu_backward(slope, seen, approximate=layer.approximate)
    return slope
