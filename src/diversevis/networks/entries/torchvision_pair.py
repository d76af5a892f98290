"""torchvision's own VGG-19 and ResNet-50, to compare the original networks with."""

from __future__ import annotations

from diversevis.networks.base import torchvision_checkpoint

_VGG19_CONVOLUTIONS = (0, 2, 5, 7, 10, 12, 14, 16, 19)  # conv1_1 to conv4_1

# By address, as torchvision's enumerations are slow to import. It publishes eight digits of each
# digest, in the file name; all of them as several who have the files state them, independently.
NETWORKS = (
    torchvision_checkpoint(
        "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
        sha256="dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
        size=574_673_361,
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
        sha256="0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a",
        size=102_530_333,
        name="resnet50-torchvision",
        title="ResNet-50 (torchvision)",
        architecture="resnet50",
        keep=("conv1.", "bn1.", "layer1.", "layer2."),
        last_layer="layer2",
        licence="BSD-3-Clause",
        reference="torchvision, ResNet50_Weights.IMAGENET1K_V1",
    ),
)
