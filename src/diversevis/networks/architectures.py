"""The built-in architectures under torchvision's names, without torchvision.

To import torchvision takes longer than many a job of a run; these need PyTorch alone. The tests
hold them to torchvision's, tensor by tensor and response by response.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

_VGG19 = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))
"""Channels and convolutions of each stage (Simonyan & Zisserman 2015)."""

_RESNET50 = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))
"""Channels of the 3x3 convolutions, blocks, and stride of each stage (He et al. 2016)."""


class Bottleneck(nn.Module):
    """A residual block of three convolutions, which strides in its 3x3 one.

    Parameters
    ----------
    before, channels
        Channels of the input, and of the 3x3 convolution; the output has four times as many.
    stride
        Of the block.
    """

    def __init__(self, before: int, channels: int, stride: int) -> None:
        super().__init__()
        after = 4 * channels
        self.conv1 = nn.Conv2d(before, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, after, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(after)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if stride > 1 or before != after:
            shortcut = nn.Conv2d(before, after, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(after))

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's response, ``[N, 4 channels, h, w]``."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        shortcut: Tensor = x if self.downsample is None else self.downsample(x)
        return nn.functional.relu(y + shortcut)


def is_residual(module: nn.Module) -> bool:
    """Tell whether a module is a residual block, of ours or of torchvision."""
    theirs = type(module).__module__ == "torchvision.models.resnet"
    return isinstance(module, Bottleneck) or (
        theirs and type(module).__name__ in ("BasicBlock", "Bottleneck")
    )


def vgg19() -> nn.Module:
    """Return VGG-19's convolutional part, ``features``."""
    layers: list[nn.Module] = []
    before = 3
    for channels, count in _VGG19:
        for _ in range(count):
            layers += [nn.Conv2d(before, channels, 3, padding=1), nn.ReLU(inplace=True)]
            before = channels
        layers.append(nn.MaxPool2d(2, 2))
    network = nn.Sequential()
    network.add_module("features", nn.Sequential(*layers))
    return network


def resnet50() -> nn.Module:
    """Return ResNet-50 without its head."""
    network = nn.Sequential()
    network.add_module("conv1", nn.Conv2d(3, 64, 7, 2, 3, bias=False))
    network.add_module("bn1", nn.BatchNorm2d(64))
    network.add_module("relu", nn.ReLU(inplace=True))
    network.add_module("maxpool", nn.MaxPool2d(3, 2, 1))
    before = 64
    for stage, (channels, blocks, stride) in enumerate(_RESNET50, start=1):
        layer = nn.Sequential()
        for block in range(blocks):
            layer.append(Bottleneck(before, channels, 1 if block else stride))
            before = 4 * channels
        network.add_module(f"layer{stage}", layer)
    return network


BUILDERS: dict[str, Callable[[], nn.Module]] = {"vgg19": vgg19, "resnet50": resnet50}
