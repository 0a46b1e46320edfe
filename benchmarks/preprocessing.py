"""What each preprocessing step does to a line, and to the accuracy of the embedded model: writes the page beside it.

    python benchmarks/preprocessing.py ../shared/data/sroie_lines ../shared/data/typewritten_cs_sk

Every step is tried twice: on the lines of ``datasets/demo`` with the damage that it is made for, and on real lines as
they are. The picture is drawn from ``datasets/demo``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from ocrx.backends.onnx import OnnxBackend
from ocrx.data.formats.layouts import read_dataset
from ocrx.data.sample import Sample
from ocrx.imaging.cleanup import STEP_FUNCTIONS
from ocrx.imaging.reading import read_image
from ocrx.inference.discovery import find_model
from ocrx.inference.recognizer import Recognizer
from ocrx.model_folder import INFERENCE_DIR, ONNX_FILE
from ocrx.text.metrics import Metrics, compute_metrics

HERE = Path(__file__).parent
DEMO = HERE.parent / "datasets" / "demo"

Damage = Callable[[Image.Image, np.random.Generator], Image.Image]


def turned(image: Image.Image, generator: np.random.Generator) -> Image.Image:
    """Rotated by 2 to 4 degrees either way."""
    angle = generator.uniform(2, 4) * generator.choice((-1, 1))
    tone = int(np.median(np.asarray(image)))
    return image.rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=tone)


def upright(image: Image.Image, generator: np.random.Generator) -> Image.Image:
    """Running from top to bottom."""
    return image.transpose(Image.Transpose.ROTATE_270)


def speckled(image: Image.Image, generator: np.random.Generator) -> Image.Image:
    """4 % of the pixels black or white."""
    pixels, chance = np.array(image), generator.random((image.height, image.width))
    pixels[chance < 0.02], pixels[chance > 0.98] = 0, 255
    return Image.fromarray(pixels)


def faint(image: Image.Image, generator: np.random.Generator) -> Image.Image:
    """An eighth of the contrast."""
    return image.point([round(170 + value / 8) for value in range(256)])


def inverted(image: Image.Image, generator: np.random.Generator) -> Image.Image:
    """Light on dark."""
    return ImageOps.invert(image)


def shaded(image: Image.Image, generator: np.random.Generator) -> Image.Image:
    """A shadow that darkens to a quarter from one end to the other."""
    light = np.linspace(1, 0.25, image.width)[:: generator.choice((-1, 1))]
    return Image.fromarray((np.asarray(image) * light).astype(np.uint8))


MADE_FOR: dict[str, Damage] = {
    "rotate_tall": upright,
    "deskew": turned,
    "denoise": speckled,
    "contrast": faint,
    "polarity": inverted,
    "otsu": faint,
    "sauvola": shaded,
}


def readers() -> dict[str, Recognizer]:
    """The embedded model, as it is and with each step put into its spec."""
    made = {}
    for name in ("", *STEP_FUNCTIONS):
        backend = OnnxBackend(find_model("printed_en") / INFERENCE_DIR / ONNX_FILE)
        backend.spec = replace(backend.spec, image=replace(backend.spec.image, steps=(name,) if name else ()))
        made[name] = Recognizer(backend)
    return made


def measure(reader: Recognizer, samples: Sequence[Sample], images: Sequence[Image.Image]) -> Metrics:
    """Read ``images``, which show the text of ``samples``."""
    texts = [result.text for result in reader.predict(images, batch_size=16)]
    return compute_metrics(zip((sample.text for sample in samples), texts, strict=True))


def damaged_table(given: dict[str, Recognizer]) -> list[str]:
    """Rows: each step on lines with the damage it is made for."""
    samples = list(read_dataset(DEMO).samples)
    lines = [read_image(sample.image).convert("L") for sample in samples]
    plain = measure(given[""], samples, lines)
    rows = [
        f"{len(samples)} lines of `datasets/demo`, undamaged: {cell(plain)}.\n",
        "| step | lines | without it | with it |\n|---|---|---|---|",
    ]
    for name, damage in MADE_FOR.items():
        generator = np.random.default_rng(0)
        spoilt = [damage(line, generator) for line in lines]
        before, after = (measure(given[step], samples, spoilt) for step in ("", name))
        rows.append(f"| `{name}` | {damage.__name__} | {cell(before)} | {cell(after)} |")
    return rows


def real_table(given: dict[str, Recognizer], folders: Sequence[Path]) -> list[str]:
    """Rows: each step on the validation lines of ``folders``, as they are."""
    sets = [read_dataset(folder).val for folder in folders]
    lines = [[read_image(sample.image) for sample in samples] for samples in sets]
    titles = [f"{folder.name} ({len(samples)})" for folder, samples in zip(folders, sets, strict=True)]
    rows = [f"| step | {' | '.join(titles)} |\n|---|{'---|' * len(titles)}"]
    for name, reader in given.items():
        cells = [cell(measure(reader, *one)) for one in zip(sets, lines, strict=True)]
        rows.append(f"| {f'`{name}`' if name else 'none'} | {' | '.join(cells)} |")
    return rows


def cell(metrics: Metrics) -> str:
    return f"{metrics.accuracy_ci:.1%} / {metrics.cer_ci:.1%}"


def picture(path: Path) -> None:
    """Each step on two lines with its damage: before, and after."""
    samples = [sample for sample in read_dataset(DEMO).samples if 8 <= len(sample.text) <= 18][:40]
    lines = [read_image(sample.image).convert("L") for sample in samples]
    chosen = [line for line in lines if 4 < line.width / line.height < 7 and np.median(np.asarray(line)) > 180][:2]
    font, sheet = ImageFont.load_default(size=15), Image.new("L", (1000, len(MADE_FOR) * 74), 255)
    draw = ImageDraw.Draw(sheet)
    for row, (name, damage) in enumerate(MADE_FOR.items()):
        draw.text((4, row * 74 + 24), name, fill=0, font=font)
        for number, line in enumerate(chosen):
            before = damage(line, np.random.default_rng(number))
            for column, image in enumerate((before, STEP_FUNCTIONS[name](before))):
                shown = ImageOps.contain(image, (205, 66))
                sheet.paste(shown, (110 + (2 * number + column) * 220, row * 74 + (70 - shown.height) // 2))
    sheet.quantize(64).save(path, optimize=True)


PAGE = """# Preprocessing, step by step

`Image.steps` lists what is done to an image before it is resized, in this order, in training and in reading alike:
the list is part of the model. None is on by default.

```
ocrx train -c lcnetv4_tiny --data DATA -o 'Image.steps=[deskew, contrast]'
python benchmarks/preprocessing.py {sets}
```

Grey instead of colour is `Image.order=L`, which is what most recipes have.

![Two lines, before and after each step](preprocessing.png)

## Where a step helps

{damaged}

Exact lines / CER, case ignored, embedded model, which was trained without any step. The damage is the one that the step
is made for, so this is the best case.

## What it does to lines as they come

{real}

Exact lines / CER, case ignored, validation lines. A network that was trained with a step may do better with it than
this one, which was not; measure on your own lines before keeping one.

- Receipts gain nothing, and black and white costs them 6 to 10 points of exact lines; the typewritten lines, which
  this model hardly reads, come a little closer by it.
- `rotate_tall` turns whatever is half as high again as wide: a crop of one digit, too. It is for lines that run
  downwards, not for single characters.
- `sauvola` suits a network that was trained on black and white; this one reads a shadow better than Sauvola's edges.
"""


def main(arguments: Sequence[str]) -> None:
    folders, given = [Path(argument) for argument in arguments], readers()
    sets = " ".join(f"../shared/data/{folder.name}" for folder in folders)
    page = PAGE.format(sets=sets, damaged="\n".join(damaged_table(given)), real="\n".join(real_table(given, folders)))
    picture(HERE / "preprocessing.png")
    (HERE / "preprocessing.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
