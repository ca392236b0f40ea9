"""The MDP file: which cards share the work of every layer, tensor-sliced, when there is more than one."""

from __future__ import annotations

import json


def file_name(num_devices: int) -> str:
    """The name under which the compiler is told of it."""
    return f"mdp_ts_{num_devices}.json"


def render(num_devices: int, num_cores: int) -> str:
    """The file's text: one partition over all cards, every card connected with every other.

    Nodes are not listed; the compiler distributes them itself.
    """
    devices = list(range(num_devices))
    config = {
        "connections": [{"devices": devices, "type": "p2p"}],
        "partitions": [
            {"name": "Partition0", "devices": [{"deviceId": device, "numCores": num_cores} for device in devices]}
        ],
    }
    return json.dumps(config, indent=4, sort_keys=True) + "\n"
