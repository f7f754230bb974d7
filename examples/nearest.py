"""The most similar pictures of an index: nearest.py MODEL INDEX PICTURE"""

import sys

from libretrieve import Index, Model, Searcher

model, index, picture = sys.argv[1:]
searcher = Searcher(Model.load(model), Index.open(index))
for hit in searcher.search(picture, k=10).hits():
    print(f"{hit.score:.4f}  {hit.key}")
