"""Find the most similar pictures: libretrieve for Python.

>>> from libretrieve import Index, Model, Searcher
>>> searcher = Searcher(Model.load("my.safetensors"), Index.open("pictures.rtvx"))
>>> for hit in searcher.search("photo.jpg", k=10).hits():
...     print(f"{hit.score:.4f}  {hit.key}")
"""

from ._pictures import *  # noqa: F401,F403
from .dataset import *  # noqa: F401,F403
from .drift import *  # noqa: F401,F403
from .errors import *  # noqa: F401,F403
from .estimators import *  # noqa: F401,F403
from .evaluation import *  # noqa: F401,F403
from .flat import *  # noqa: F401,F403
from .index import *  # noqa: F401,F403
from .lists import *  # noqa: F401,F403
from .model import *  # noqa: F401,F403
from .quantizer import *  # noqa: F401,F403
from .results import *  # noqa: F401,F403
from .runtime import *  # noqa: F401,F403
from .runtime import version
from .searcher import *  # noqa: F401,F403

__version__ = version()
