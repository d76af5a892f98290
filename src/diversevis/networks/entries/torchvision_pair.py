"""torchvision's own VGG-19 and ResNet-50, to compare the original networks with."""

from __future__ import annotations

from diversevis.networks.base import torchvision_checkpoint

_VGG19_CONVOLUTIONS = (0, 2, 5, 7, 10, 12, 14, 16, 19)  # conv1_1 to conv4_1

# By address, as torchvision's enumerations are slow to import.
NETWORKS = (
    torchvision_checkpoint(
        "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
        name="vgg19-torchvision",
        title="VGG-19 (torchvision)",
        architecture="vgg19",
        keep=tuple(f"features.{index}." for index in _VGG19_CONVOLUTIONS),
        last_layer="conv4_1",
        licence="BSD-3-Clause",
        reference="torchvision, VGG19_Weights.IMAGENET1K_V1",
    ),
    torchvision_checkpoint(
        "https://download.pytorch.org/models/resnet50-0676ba61.pth",
        name="resnet50-torchvision",
        title="ResNet-50 (torchvision)",
        architecture="resnet50",
        keep=("conv1.", "bn1.", "layer1.", "layer2."),
        last_layer="layer2",
        licence="BSD-3-Clause",
        reference="torchvision, ResNet50_Weights.IMAGENET1K_V1",
    ),
)
