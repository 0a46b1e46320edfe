"""Models as files for other runtimes: ONNX, OpenVINO and TorchScript, in fp32, fp16, bf16 or int8.

``graph`` writes a graph and compares it with the network, ``quantize`` reduces its precision. Exporting a model folder
with a comparison on real lines is the task of ``evaluation.exporter``.

May import ``backends`` and what lies below.
"""
