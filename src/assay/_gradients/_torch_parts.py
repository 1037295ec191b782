"""The parts of a network whose gradients are kept apart: each module with parameters, and all the rest."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from .._errors import AssayError

Kind = Literal["linear", "convolution", "embedding", "norm", "rest"]
NORMS = (nn.LayerNorm, nn.GroupNorm, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


@dataclass(frozen=True)
class Part:
    """Parameters whose gradients are made in one way.

    Parameters
    ----------
    name : str
        Of the module; "rest" for parameters of no module that is known.
    kind : Kind
    shapes : dict of str to tuple
        Its trained parameters by their names in the network; a bias last.
    padding : int, optional
        The line of a table of embeddings that is not trained.
    """

    name: str
    kind: Kind
    shapes: dict[str, tuple[int, ...]]
    padding: int | None = None

    @property
    def width(self) -> int:
        """How many numbers its parameters are."""
        return sum(torch.Size(shape).numel() for shape in self.shapes.values())

    def split(self, vectors: Any) -> dict[str, Any]:
        """Vectors (q, width) as one tensor (q, ...) for each parameter."""
        if self.kind in ("linear", "convolution"):
            out = next(iter(self.shapes.values()))[0]
            matrix, at, found = vectors.reshape(len(vectors), out, -1), 0, {}
            for name, shape in self.shapes.items():
                size = torch.Size(shape).numel() // out
                found[name] = matrix[:, :, at : at + size].reshape(len(vectors), *shape)
                at += size
            return found
        sizes = [torch.Size(shape).numel() for shape in self.shapes.values()]
        pieces = zip(self.shapes.items(), vectors.split(sizes, dim=1), strict=True)
        found = {name: piece.reshape(len(vectors), *shape) for (name, shape), piece in pieces}
        if self.padding is not None:
            for name, table in found.items():
                found[name] = table.index_fill(1, torch.tensor([self.padding]), 0)
        return found

    def join(self, parameters: dict[str, Any]) -> Any:
        """Undo `split`: tensors (q, ...) by name as vectors (q, width)."""
        tensors = [parameters[name] for name in self.shapes]
        if self.kind in ("linear", "convolution"):
            rows, out = tensors[0].shape[:2]
            return torch.cat([t.reshape(rows, out, -1) for t in tensors], dim=2).reshape(rows, -1)
        return torch.cat([t.reshape(len(t), -1) for t in tensors], dim=1)


def parts_of(module: Any, layers: tuple[str, ...] | None) -> list[Part]:
    """The parts of a network, in the order of its modules, the rest last.

    Parameters
    ----------
    module : torch.nn.Module
    layers : tuple of str, optional
        Names of the modules whose parameters count, with what is inside them; all if None.

    Raises
    ------
    AssayError
        If there is no such layer, or nothing that is trained.
    """
    _check_layers(module, layers)
    owners = Counter(id(p) for _, p in module.named_parameters(remove_duplicate=False))
    wanted = {name: p for name, p in module.named_parameters() if p.requires_grad and _inside(name, layers)}
    found, taken = [], set()
    for name, child in module.named_modules():
        own = {f"{name}.{key}".lstrip("."): p for key, p in child.named_parameters(recurse=False)}
        trained = {key: p for key, p in own.items() if key in wanted}
        kind = _kind(child)
        if kind and trained and all(owners[id(p)] == 1 for p in own.values()):
            shapes = {key: tuple(p.shape) for key, p in trained.items()}
            found.append(Part(name, kind, shapes, getattr(child, "padding_idx", None)))
            taken |= set(trained)
    rest = {name: tuple(p.shape) for name, p in wanted.items() if name not in taken}
    if rest:
        found.append(Part("rest", "rest", rest))
    if not found:
        raise AssayError(
            "The network has no parameter that is trained: all are frozen. Set requires_grad_(True) on those "
            "whose gradients count."
        )
    return found


def moved_to_rest(parts: list[Part], wrong: set[str]) -> list[Part]:
    """Parts where those of these names are made the plain way."""
    shapes = {}
    for part in parts:
        if part.name in wrong or part.kind == "rest":
            shapes |= part.shapes
    return [p for p in parts if p.name not in wrong and p.kind != "rest"] + [Part("rest", "rest", shapes)]


def _check_layers(module: Any, layers: tuple[str, ...] | None) -> None:
    known = [name for name, _ in module.named_modules() if name]
    for layer in layers or ():
        if layer not in known:
            raise AssayError(f"The network has no layer {layer!r}; there are {', '.join(known)}.")


def _inside(name: str, layers: tuple[str, ...] | None) -> bool:
    return layers is None or any(name.startswith(layer + ".") for layer in layers)


def _kind(module: Any) -> Kind | None:
    if isinstance(module, nn.Linear):
        return "linear"
    if isinstance(module, (nn.Conv1d, nn.Conv2d)):
        plain = module.groups == 1 and module.padding_mode == "zeros" and not isinstance(module.padding, str)
        return "convolution" if plain else None
    if isinstance(module, nn.Embedding):
        return "embedding" if module.max_norm is None and not module.scale_grad_by_freq else None
    if isinstance(module, NORMS):
        return "norm"
    return None
