"""Models by name: where their weights come from, and how files of other projects become model folders.

``catalog`` and ``languages`` know the names, ``sources`` finds a model (embedded, cache, installed wheel, hub or the
server of PaddleX), ``downloading`` and ``archive`` fetch and unpack, ``weight_files`` and its readers read the files of
ONNX, Paddle, PyTorch and safetensors without running code from them, ``key_maps`` translate tensor names, ``importer``
writes the model folder with its ONNX export. May import ``backends``, ``export`` and what lies below.
"""
