"""Keys of PaddleX that have no effect in ocrx, and former names of ocrx's own keys."""

from __future__ import annotations

from typing import Any

from ocrx.errors import ConfigError

RENAMED = {
    ("Train", "allow"): "ignore_checks",
    ("Decode", "lm_below"): "lm_confidence_threshold",
}
"""Section and former name of a key → its present name."""

_ENGINE = "Predict.backend, Predict.precision and Global.threads choose how a model runs"
_TUNED = "Predict.use_hpip takes the settings that `ocrx benchmark --tune` found fastest"

REPLACED = {
    "Global.uniform_output_enabled": "the output of a training always has PaddleX's layout",
    "Train.uniform_output_enabled": "the output of a training always has PaddleX's layout",
    "Train.dy2st": "PyTorch needs no static graph; Train.compile compiles the network",
    "Evaluate.label_dict_path": "a model folder holds its characters; Global.charset sets those of a new training",
    "Predict.hpi_config": _TUNED,
    "Predict.hpip_config": _TUNED,
    "Predict.kernel_option.*": _ENGINE,
    "Benchmark.env": "`ocrx doctor` prints the environment",
    "Benchmark.seed": "Global.seed seeds everything",
    "Benchmark.do_eval": "Train.eval_interval sets how often a training evaluates",
    "Benchmark.num_workers": "Train.workers sets the threads that prepare batches",
    "Benchmark.amp": "Train.precision sets the precision of a training",
    "Benchmark.shuffle": "training lines are always shuffled, in an order that Global.seed decides",
    "Benchmark.cal_metrics": "metrics are computed at every evaluation",
    "Benchmark.shared_memory": "batches are prepared in threads and need no shared memory",
    "Benchmark.print_mem_info": "the training log always shows the memory in use",
}
"""Dotted key of PaddleX → what replaces it in ocrx. ``*`` stands for every key that ocrx does not know."""


def rename_old_keys(layer: dict[str, Any]) -> None:
    """Rename keys that have a former name, so that files of an older ocrx still load.

    Args:
        layer: Sections of one file or of the overrides; changed in place.

    Raises:
        ConfigError: If a layer sets a key under both names.
    """
    for (section, old), new in RENAMED.items():
        keys = layer.get(section)
        if isinstance(keys, dict) and old in keys:
            if new in keys:
                raise ConfigError(f"{section}.{old}: an old name of {section}.{new}, which is set too; expected one")
            keys[new] = keys.pop(old)


def remove_replaced_keys(layer: dict[str, Any], known: frozenset[str]) -> list[str]:
    """Remove the keys of PaddleX that have no effect in ocrx.

    Args:
        layer: Sections of one file or of the overrides; changed in place.
        known: Dotted paths of all keys of ocrx.

    Returns:
        One line for each removed key that says what replaces it.
    """
    notices = []
    for path, replacement in REPLACED.items():
        *sections, name = path.split(".")
        keys: Any = layer
        for section in sections:
            keys = keys.get(section) if isinstance(keys, dict) else None
        if not isinstance(keys, dict):
            continue

        before = ".".join(sections)
        found = [key for key in keys if key == name or (name == "*" and f"{before}.{key}" not in known)]
        for key in found:
            del keys[key]
            notices.append(f"{before}.{key}: a key of PaddleX without effect; {replacement}")
    return notices
