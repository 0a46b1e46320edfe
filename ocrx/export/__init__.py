"""Models as files for other runtimes: ONNX, OpenVINO and TorchScript, in fp32, fp16, bf16 or int8.

``graph`` writes a graph and compares it with the network, ``quantize`` reduces its precision, ``exporter`` turns a
whole model folder into another format and checks it on real lines before it is put in place.
May import ``backends`` and what lies below.
"""
