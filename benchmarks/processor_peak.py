"""What one core can do: billions of operations a second in a matrix product, in fp32 and int8.

    python benchmarks/processor_peak.py

A multiplication and an addition count as two operations; seconds are those of the processor. fp32 is the better of ONNX
Runtime and NumPy, int8 is ONNX Runtime's product of unsigned by signed numbers.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

SIZE = 1024
_NUMPY = f"""
import time
import numpy as np
left, right = (np.random.default_rng(0).random(({SIZE}, {SIZE}), np.float32) for _ in range(2))
left @ right
best = min(-time.process_time() + (left @ right, time.process_time())[1] for _ in range(20))
print(best)
"""


def fp32_peak() -> float:
    """Operations a second in fp32, in billions."""
    variables = dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    done = subprocess.run([sys.executable, "-c", _NUMPY], env=variables, capture_output=True, text=True, check=True)
    left = np.random.default_rng(0).random((SIZE, SIZE), np.float32)
    return _billions(min(float(done.stdout), _best_time(_product("MatMul", left, left))))


def int8_peak() -> float:
    """Operations a second of uint8 by int8, in billions."""
    generator = np.random.default_rng(0)
    left = generator.integers(0, 256, (SIZE, SIZE), np.uint8)
    right = generator.integers(-64, 64, (SIZE, SIZE), np.int8)
    return _billions(_best_time(_product("MatMulInteger", left, right)))


def _product(
    operator: str,
    left: np.ndarray[tuple[int, ...], np.dtype[np.generic]],
    right: np.ndarray[tuple[int, ...], np.dtype[np.generic]],
) -> Callable[[], object]:
    """A session of one node whose second operand is constant, as the weights of a network are."""
    kinds = {array.dtype: helper.np_dtype_to_tensor_dtype(array.dtype) for array in (left, right)}
    result = TensorProto.INT32 if operator == "MatMulInteger" else kinds[left.dtype]
    graph = helper.make_graph(
        [helper.make_node(operator, ["left", "right"], ["product"])],
        "product",
        [helper.make_tensor_value_info("left", kinds[left.dtype], left.shape)],
        [helper.make_tensor_value_info("product", result, left.shape)],
        [numpy_helper.from_array(right, "right")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"left": left})


def _best_time(work: Callable[[], object], runs: int = 20) -> float:
    seconds = []
    for _ in range(runs):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return min(seconds)


def _billions(seconds: float) -> float:
    return 2 * SIZE**3 / seconds / 1e9


def main() -> None:
    print(f"fp32: {fp32_peak():.0f} billion operations/s, int8: {int8_peak():.0f}")


if __name__ == "__main__":
    main()
