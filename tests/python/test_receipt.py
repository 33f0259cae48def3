"""Receipts: what they record, and that no damage passes them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from python_hooks.declaration import Artifact
from python_hooks.errors import EncoreError
from python_hooks.receipt import (
    FORMAT_VERSION,
    Receipt,
    differences,
    read,
    receipt_path,
    require_match,
    shortfalls,
    verify,
    write,
)
from python_hooks.recorded_files import file_facts

ARTIFACT = Artifact(
    name="heard_tracks_filter",
    builder="bloom_filter",
    relation="encore.fct_listener_track_rfm",
    model="fct_listener_track_rfm",
    columns=("listener_id", "track_id"),
    key=("listener_id", "track_id"),
    path="heard_tracks.bloom",
    params={"false_positive_rate": 0.01},
    min_quality={"false_positive_rate": 0.015, "recall": 0.9},
    description="",
)
BOUNDS = {"false_positive_rate": "at most", "recall": "at least"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Two files of an artifact, with their receipt."""
    path = tmp_path / "heard_tracks.bloom"
    path.write_bytes(np.random.default_rng(1).bytes(5_000))
    side = tmp_path / "heard_tracks.bloom.keys.arrow"
    side.write_bytes(np.random.default_rng(2).bytes(700))
    write(
        Receipt(
            artifact=ARTIFACT.name,
            format_version=FORMAT_VERSION,
            builder=ARTIFACT.builder,
            relation=ARTIFACT.relation,
            version="0f3a",
            rows=3,
            key=ARTIFACT.key,
            params=ARTIFACT.params,
            details={"hash": "xxh3_128", "ü": None},
            libraries={"rbloom": "1.5.4"},
            files={file.name: file_facts(file) for file in (path, side)},
            quality={"false_positive_rate": 0.0099},
            built_at="2026-11-24T09:00:00Z",
        ),
        path,
    )
    return path


def flipped(content: bytes, generator: np.random.Generator) -> bytes:
    """The content with one bit flipped."""
    damaged = bytearray(content)
    damaged[generator.integers(len(damaged))] ^= 1 << int(generator.integers(8))
    return bytes(damaged)


def refused(path: Path, *parts: str) -> None:
    with pytest.raises(EncoreError) as caught:
        verify(path)
    assert "encore artifacts build" in caught.value.hint
    for part in parts:
        assert part in caught.value.message


def test_what_is_written_is_read(path: Path) -> None:
    recorded = verify(path)
    assert recorded == read(path)
    assert recorded.key == ("listener_id", "track_id")
    assert recorded.files[path.name].bytes == 5_000
    again = path.with_name("again.bloom")
    write(recorded, again)
    assert receipt_path(again).read_bytes() == receipt_path(path).read_bytes()
    assert not list(path.parent.glob("*.new"))


def test_flipped_bits_are_refused_with_both_checksums(path: Path) -> None:
    names = list(read(path).files)
    generator = np.random.default_rng(20_240_229)
    for _ in range(50):
        name = names[generator.integers(len(names))]
        file = path.with_name(name)
        content = file.read_bytes()
        file.write_bytes(flipped(content, generator))
        refused(
            path,
            ARTIFACT.name,
            name,
            file_facts(file).sha256,
            read(path).files[name].sha256,
        )
        file.write_bytes(content)
    verify(path)


def test_truncated_grown_and_missing_files_are_refused(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    refused(path, ARTIFACT.name, path.name, "4999", "5000")
    path.write_bytes(content + b"\0")
    refused(path, ARTIFACT.name, "5001", "5000")
    path.unlink()
    refused(path, ARTIFACT.name, path.name, "cannot be read")


def test_no_flipped_bit_of_the_receipt_changes_what_it_says(path: Path) -> None:
    recorded = read(path)
    source = receipt_path(path)
    content = source.read_bytes()
    generator = np.random.default_rng(20_240_229)
    messages = []
    for _ in range(300):
        source.write_bytes(flipped(content, generator))
        try:
            # White space of another kind is no damage.
            assert read(path) == recorded
        except EncoreError as error:
            messages.append(error.message)
    assert len(messages) > 200
    assert all(path.name in message for message in messages)


def test_receipt_that_is_cut_missing_or_of_another_format(path: Path) -> None:
    source = receipt_path(path)
    text = source.read_text()
    source.write_text(text[: len(text) // 2])
    refused(path, path.name, "damaged")
    source.write_text("[]")
    refused(path, path.name, "damaged")
    content = json.loads(text)
    source.write_text(json.dumps(content | {"format_version": 99}))
    refused(path, "format 99", f"format {FORMAT_VERSION}")
    source.write_text(json.dumps(content | {"rows": 4}))
    refused(path, path.name, "checksum")
    source.unlink()
    refused(path, path.name, "no receipt")


def test_other_params_are_refused_with_both_values(path: Path) -> None:
    recorded = read(path)
    require_match(recorded, ARTIFACT)
    assert differences(recorded, ARTIFACT) == []
    other = replace(
        ARTIFACT,
        name="other",
        builder="ann_index",
        key=("track_id",),
        params={"false_positive_rate": 0.02, "seed": 1},
    )
    assert differences(recorded, other) == [
        "artifact is heard_tracks_filter in the receipt, other in the declaration",
        "builder is bloom_filter in the receipt, ann_index in the declaration",
        "key is listener_id, track_id in the receipt, track_id in the declaration",
        "parameter false_positive_rate is 0.01 in the receipt, 0.02 in the declaration",
        "parameter seed is absent in the receipt, 1 in the declaration",
    ]
    with pytest.raises(EncoreError, match=r"other.*0\.01.*0\.02") as caught:
        require_match(recorded, other)
    assert "encore artifacts build" in caught.value.hint


@pytest.mark.parametrize(
    ("quality", "found"),
    [
        ({"false_positive_rate": 0.015, "recall": 0.9}, []),
        ({"false_positive_rate": None}, []),
        (
            {"false_positive_rate": 0.016, "recall": 0.89},
            [
                "false_positive_rate is 0.016, declared at most 0.015",
                "recall is 0.89, declared at least 0.9",
            ],
        ),
    ],
)
def test_shortfalls_know_which_way_is_worse(
    quality: dict[str, float | None], found: list[str]
) -> None:
    assert shortfalls(ARTIFACT, quality, BOUNDS) == found
