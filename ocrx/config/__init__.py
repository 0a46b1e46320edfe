"""Every setting of ocrx: PaddleX's sections and field names, typed, with what PaddleX hides added.

Order: defaults here ← the recipe that ``Global.model`` names ← the YAML file ← ``-o Section.key=value``.
A key that does not exist, a value of the wrong type and an unknown recipe are errors; nothing is ignored.
"""

from __future__ import annotations

from ocrx.config.decode import DecodeOptions
from ocrx.config.load import (
    Config,
    config_from_options,
    find_config,
    load_config,
    model_named_by,
    recipe_names,
    recipe_path,
    recipes_dir,
    to_yaml,
)
from ocrx.config.sections import (
    DATASET_TYPES,
    DEFAULT_MODEL,
    MODES,
    BenchmarkConfig,
    CheckDatasetConfig,
    ConvertConfig,
    EvaluateConfig,
    ExportConfig,
    GlobalConfig,
    ImageConfig,
    KernelOption,
    ModelConfig,
    PredictConfig,
    SplitConfig,
    SynthConfig,
)
from ocrx.config.training import GuideConfig, SynthTrainConfig, TrainConfig

__all__ = [
    "DATASET_TYPES",
    "DEFAULT_MODEL",
    "MODES",
    "BenchmarkConfig",
    "CheckDatasetConfig",
    "Config",
    "ConvertConfig",
    "DecodeOptions",
    "EvaluateConfig",
    "ExportConfig",
    "GlobalConfig",
    "GuideConfig",
    "ImageConfig",
    "KernelOption",
    "ModelConfig",
    "PredictConfig",
    "SplitConfig",
    "SynthConfig",
    "SynthTrainConfig",
    "TrainConfig",
    "config_from_options",
    "find_config",
    "load_config",
    "model_named_by",
    "recipe_names",
    "recipe_path",
    "recipes_dir",
    "to_yaml",
]
