"""A transformer in the manner of scikit-learn, which need not be installed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Union

import numpy as np

from .model import Model

if TYPE_CHECKING:
    from ._arrays import Floats

__all__ = ["ImageEmbedder"]


class ImageEmbedder:
    """Pictures to descriptors, as the first step of a pipeline of scikit-learn.

    ::

        make_pipeline(ImageEmbedder("my.safetensors"), LogisticRegression()).fit(paths, labels)

    It can be cloned, and, when the model is given as a path, pickled and sent to other processes.

    Parameters
    ----------
    model : Model or path
        The network; a path is loaded by the first use.
    mode : {"auto", "latency", "throughput"}
        As for `Model.embed`.
    """

    def __init__(self, model: Union[Model, str, "os.PathLike[str]"], *, mode: str = "auto") -> None:
        self.model = model  # as given: scikit-learn compares parameters by identity
        self.mode = mode
        self._loaded: Optional[Model] = None

    def _model(self) -> Model:
        if isinstance(self.model, Model):
            return self.model
        if self._loaded is None:
            self._loaded = Model.load(self.model)
        return self._loaded

    def fit(self, X: Any, y: Any = None) -> ImageEmbedder:
        """Nothing to learn; loads the model."""
        self._model()
        return self

    def transform(self, X: Any) -> Floats:
        """Descriptors [n, d] of n pictures, as `Model.embed`."""
        return self._model().embed(X, mode=self.mode)

    def fit_transform(self, X: Any, y: Any = None) -> Floats:
        """`fit`, then `transform`."""
        return self.fit(X).transform(X)

    def get_params(self, deep: bool = True) -> Dict[str, Any]:
        """The parameters of the constructor."""
        return {"model": self.model, "mode": self.mode}

    def set_params(self, **params: Any) -> ImageEmbedder:
        """Other parameters of the constructor."""
        for name, value in params.items():
            if name not in ("model", "mode"):
                raise ValueError(f"ImageEmbedder has no parameter {name!r}")
            setattr(self, name, value)
        self._loaded = None
        return self

    def get_feature_names_out(self, input_features: Any = None) -> Any:
        """Names of the columns: descriptor0, descriptor1 ..."""
        names: List[str] = [f"descriptor{i}" for i in range(self._model().dim)]
        return np.array(names, dtype=object)

    def __getstate__(self) -> Dict[str, Any]:
        return {**self.__dict__, "_loaded": None}

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:  # asked by scikit-learn only, 1.6 and newer
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type="transformer",
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(),
            input_tags=InputTags(two_d_array=False, string=True),
            requires_fit=False,
        )

    def __repr__(self) -> str:
        return f"ImageEmbedder({self.model!r}, mode={self.mode!r})"
