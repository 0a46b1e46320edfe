"""Every setting of ocrx, typed and validated: PaddleX's sections and keys, and those that PaddleX hides.

Order: defaults in code ← the recipe that ``Global.model`` names ← the YAML file ← ``-o Section.key=value`` ←
command-line options. Unknown keys and recipes, and values of the wrong type or range, are errors. Keys of PaddleX that
have no effect are reported together with what replaces them.

May import ``errors``, ``files``, ``schema``, ``results`` and ``model_spec``. The only package that imports omegaconf,
and only to read and write YAML: ``ocrx predict`` without ``-c`` and ``-o`` starts without it.
"""

from __future__ import annotations

from ocrx.config.decode import DecodeOptions
from ocrx.config.load import Config, config_from_options, load_config, to_yaml
from ocrx.config.recipes import find_config, model_named_by, recipe_names, recipe_path, recipes_dir
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
    KernelOption,
    ModelConfig,
    PredictConfig,
    SplitConfig,
    SynthConfig,
)
from ocrx.config.serve import ServeConfig
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
    "KernelOption",
    "ModelConfig",
    "PredictConfig",
    "ServeConfig",
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
