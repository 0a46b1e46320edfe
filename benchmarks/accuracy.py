"""The embedded models beside other readers on real and typeset lines: the same images, one metric, one run.

    python benchmarks/accuracy.py [--data ../shared/data] [--peers FOLDER] [--model FOLDER] [--sets NAME...]

Each set is read by the embedded model of its script (``--model``: another one for the sets in Latin script) and by
Tesseract with the packs of its languages and ``+eng``. Tesseract and its packs are Debian's (``tesseract-ocr-deu``
...); a set is left out of its column where a pack is missing. RapidOCR and ddddocr are installed into ``--peers``;
ddddocr reads captchas alone. Prints tables in Markdown: every set strict and with case ignored, then the languages of
``print_multi``, strict. A cell has exact lines and CER in per cent. Progress goes to stderr.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from peers import TESSERACT, TITLES, environments, read_peer, read_tesseract, tesseract_packs

from ocrx import create_model
from ocrx.data.formats.layouts import read_dataset
from ocrx.data.sample import Sample
from ocrx.inference.recognizer import Recognizer
from ocrx.model_folder import EMBEDDED_DIR
from ocrx.text.metrics import Metrics, compute_metrics
from ocrx.zoo.embedded import DEFAULT

ROOT = Path(__file__).resolve().parents[1]
OCRX = "ocrx"
TYPESET = "print_multi"
PACKS = {
    "en": "eng", "de": "deu", "fr": "fra", "es": "spa", "it": "ita", "pt": "por", "pl": "pol", "cs": "ces", "sk": "slk",
    "nl": "nld", "da": "dan", "sv": "swe", "nb": "nor", "fi": "fin", "hu": "hun", "ro": "ron", "tr": "tur", "vi": "vie",
    "ca": "cat", "hr": "hrv", "sl": "slv", "ru": "rus", "uk": "ukr", "bg": "bul", "sr": "srp", "el": "ell",
}  # fmt: skip
SCRIPTS = {**dict.fromkeys(("ru", "uk", "bg", "sr"), "printed_cyrillic"), "el": "printed_greek"}
GROUPS = {"printed_cyrillic": "Cyrillic", "printed_greek": "Greek"}


@dataclass(frozen=True)
class Task:
    """Lines that are read with the same settings.

    Attributes:
        name: The set.
        samples: Its validation lines.
        model: The embedded model of its script.
        packs: Tesseract's packs for it.
        language: Of the lines of ``print_multi``.
    """

    name: str
    samples: Sequence[Sample]
    model: str
    packs: tuple[str, ...]
    language: str = ""


SETS: dict[str, tuple[str, tuple[str, ...]]] = {
    "sroie_lines": (DEFAULT, ("eng",)),
    "captcha_v2": (DEFAULT, ("eng",)),
    "typewritten_cs_sk": (DEFAULT, ("ces", "slk")),
    "fraktur_de": (DEFAULT, ("frk",)),
    "early_print_latin": (DEFAULT, ("lat",)),
    "handwriting_en": (DEFAULT, ("eng",)),
    "handwriting_fr": (DEFAULT, ("fra",)),
    "cyrillic_print": ("printed_cyrillic", ("rus",)),
    "greek_print": ("printed_greek", ("grc",)),
    "arabic_print": ("printed_arabic", ("ara",)),
    "devanagari_typeset": ("printed_devanagari", ("san", "hin")),
    "tamil_print": ("printed_tamil", ("tam",)),
    "kannada_print": ("printed_kannada", ("kan",)),
    "plates_zh": ("", ("chi_sim",)),
}


class Readers:
    """Reads the lines of a task with each reader that can."""

    def __init__(self, peers: Path, model: Path | None) -> None:
        self._pythons = environments(peers, ("rapidocr1", "rapidocr3", "ddddocr"))
        self._packs = tesseract_packs()
        self._given = model
        self._models: dict[str, Recognizer] = {}

    def read(self, task: Task) -> dict[str, list[str]]:
        """Title of a reader → texts in the order of the samples."""
        images = [sample.image for sample in task.samples]
        texts: dict[str, list[str]] = {}
        if (model := self._model(task.model)) is not None:
            texts[OCRX] = [result.text for result in model.predict(images)]
        for peer in ("rapidocr1", "rapidocr3"):
            texts[TITLES[peer]] = read_peer(peer, self._pythons[peer], images, threads=2).texts
        if task.name.startswith("captcha"):
            texts[TITLES["ddddocr"]] = read_peer("ddddocr", self._pythons["ddddocr"], images, threads=2).texts
        if set(task.packs) <= self._packs:
            language = "+".join(dict.fromkeys((*task.packs, "eng")))
            reading = read_tesseract(images, language)
            if reading is not None:
                texts[TITLES[TESSERACT]] = reading.texts
        return texts

    def _model(self, name: str) -> Recognizer | None:
        if name not in self._models and (EMBEDDED_DIR / name / "model.json").is_file() and name:
            given = self._given if name == DEFAULT else None
            self._models[name] = create_model(name if given is None else None, given)
        return self._models.get(name)


Results = dict[str, list[tuple[str, str]]]  # title of a reader → (label, text read) of each line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--peers", type=Path, default=Path.home() / ".cache" / "ocrx-peers")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--sets", nargs="*", default=[TYPESET, *SETS])
    options = parser.parse_args()

    readers = Readers(options.peers, options.model)
    rows: dict[str, Results] = {}
    languages: dict[str, Results] = {}
    for name in options.sets:
        for task in tasks(options.data, name):
            for title, texts in readers.read(task).items():
                pairs = [(sample.text, text) for sample, text in zip(task.samples, texts, strict=True)]
                print(name, task.language, title, f"{compute_metrics(pairs).accuracy:.3f}", file=sys.stderr, flush=True)
                rows.setdefault(row_of(task), {}).setdefault(title, []).extend(pairs)
                if task.language:
                    languages.setdefault(task.language, {}).setdefault(title, []).extend(pairs)

    write("Strict", rows, lambda metrics: (metrics.accuracy, metrics.cer))
    write("Case ignored", rows, lambda metrics: (metrics.accuracy_ci, metrics.cer_ci))
    if languages:
        write(f"Languages of {TYPESET}, strict", languages, lambda metrics: (metrics.accuracy, metrics.cer))


def tasks(data: Path, name: str) -> list[Task]:
    """The tasks of a set: one, or one for each language of ``print_multi``."""
    samples = read_dataset(data / name).val
    if name != TYPESET:
        model, packs = SETS[name]
        return [Task(name, samples, model, packs)]
    codes = dict.fromkeys(sample.image.name[:2] for sample in samples)
    return [
        Task(
            name,
            [sample for sample in samples if sample.image.name.startswith(code)],
            SCRIPTS.get(code, DEFAULT),
            (PACKS[code],),
            code,
        )
        for code in codes
    ]


def row_of(task: Task) -> str:
    """The row of the table of sets: the languages of a script share one, except English."""
    if not task.language:
        return task.name
    script = "English" if task.language == "en" else GROUPS.get(task.model, "other Latin")
    return f"{TYPESET}, {script}"


def write(title: str, rows: Mapping[str, Results], cell: Callable[[Metrics], tuple[float, float]]) -> None:
    """Print a table in Markdown; the best reader of each row, by exact lines and then by CER, is bold."""
    readers = list(dict.fromkeys(reader for results in rows.values() for reader in results))
    print(f"\n{title}:\n\n| lines | {' | '.join(readers)} |\n|---|{'---|' * len(readers)}")
    for name, results in rows.items():
        figures = {reader: cell(compute_metrics(pairs)) for reader, pairs in results.items()}
        best = max(((exact, -cer) for exact, cer in figures.values()), default=None)
        cells = []
        for reader in readers:
            if reader not in figures:
                cells.append("–")
                continue
            exact, cer = figures[reader]
            text = f"{100 * exact:.1f} / {100 * cer:.2f}"
            cells.append(f"**{text}**" if (exact, -cer) == best else text)
        count = len(next(iter(results.values())))
        print(f"| {name} ({count}) | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
