"""Descriptors as a dataset in the manner of PyTorch, which need not be installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Optional, Tuple

import numpy as np

from . import _arrays
from ._callbacks import Progress
from ._pictures import Pictures
from .errors import InvalidArgumentError
from .model import Model

if TYPE_CHECKING:
    from ._arrays import Floats, IdsLike, Numbers

__all__ = ["DescriptorDataset"]


class DescriptorDataset:
    """Descriptors and classes, one pair an item: what ``torch.utils.data.DataLoader`` takes. It can be pickled.

    ::

        dataset = DescriptorDataset.embed(model, paths, labels)
        for descriptors, labels in DataLoader(dataset, batch_size=64, shuffle=True):
            ...

    Parameters
    ----------
    descriptors : array
        [n, d] float32.
    classes : array of integers, optional
        [n]; by default -1 for all.
    transform : callable, optional
        Applied to a descriptor when it is asked for, for example ``torch.from_numpy``.
    """

    def __init__(self, descriptors: Any, classes: Optional[IdsLike] = None, *, transform: Optional[Callable[[Floats], Any]] = None) -> None:
        array = np.asarray(descriptors)
        if array.ndim != 2:
            raise InvalidArgumentError(f"descriptors: shape: got {array.shape}, expected (n, d)")
        self.descriptors: Floats = _arrays.vectors(array, array.shape[1], "descriptors")
        count = self.descriptors.shape[0]
        given = np.full(count, -1) if classes is None else classes
        self.classes: Numbers = _arrays.integers(given, np.int32, count, "classes")
        self.transform = transform

    @classmethod
    def embed(
        cls,
        model: Model,
        pictures: Pictures,
        classes: Optional[IdsLike] = None,
        *,
        transform: Optional[Callable[[Floats], Any]] = None,
        progress: Progress = None,
    ) -> DescriptorDataset:
        """The descriptors of pictures, as `Model.embed` makes them."""
        return cls(model.embed(pictures, progress=progress), classes, transform=transform)

    def __len__(self) -> int:
        return int(self.descriptors.shape[0])

    def __getitem__(self, i: int) -> Tuple[Any, int]:
        descriptor = self.descriptors[i]
        return descriptor if self.transform is None else self.transform(descriptor), int(self.classes[i])

    def __repr__(self) -> str:
        return f"<DescriptorDataset: {len(self)} descriptors of {self.descriptors.shape[1]}>"
