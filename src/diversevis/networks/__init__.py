"""Pretrained networks: registry, verified weights, and unpadded early trunks."""
