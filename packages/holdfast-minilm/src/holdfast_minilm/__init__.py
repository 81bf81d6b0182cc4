"""The all-MiniLM-L6-v2 sentence encoder as data files: `model.onnx` and `tokenizer.json`."""

from __future__ import annotations

from pathlib import Path


def files() -> tuple[Path, Path]:
    """Paths of ``model.onnx`` and ``tokenizer.json``.

    Raises:
        FileNotFoundError: the files were not built, as in a source checkout; the message says what to run.
    """
    folder = Path(__file__).parent
    model, tokenizer = folder / "model.onnx", folder / "tokenizer.json"
    missing = [path.name for path in (model, tokenizer) if not path.is_file()]
    if missing:
        raise FileNotFoundError(
            f"holdfast-minilm lacks {' and '.join(missing)}. In a source checkout run: "
            "uv run --group weights python packages/holdfast-minilm/build_model.py"
        )
    return model, tokenizer
