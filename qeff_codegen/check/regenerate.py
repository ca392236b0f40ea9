"""The second look: generate models again, in memory, from the release that the manifest names."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from qeff_codegen.check.sources import Sources, is_bundled, is_of_transformers
from qeff_codegen.checked_in.manifest import ManifestEntry, is_as_written
from qeff_codegen.errors import Refusal, UsageError
from qeff_codegen.generate.many_models import generate_models
from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.upstream.find import find_model
from qeff_codegen.upstream.source import UpstreamModel


@dataclass(frozen=True)
class Unavailable:
    """A model that could not be generated again, since its source is not to be had, and what it needs."""

    why: str


Outcome = GeneratedModel | Refusal | Unavailable
Generate = Callable[[Sequence[UpstreamModel]], Iterable[GeneratedModel | Refusal]]


def regenerate(entries: Mapping[str, ManifestEntry], sources: Sources, generate: Generate) -> dict[str, Outcome]:
    """Generate the models of `entries` again. A release that is not on this machine is fetched, once.

    Args:
        generate: generates models, in the order given.
    """
    found: dict[str, Outcome | UpstreamModel] = {}
    unreachable: dict[str, Unavailable] = {}
    for name, entry in entries.items():
        version = entry.transformers_version or ""
        found[name] = unreachable.get(version) or _source(name, entry, sources)
        answer = found[name]
        if isinstance(answer, Unavailable) and is_of_transformers(entry) and sources.release(version) is None:
            unreachable[version] = answer
    upstreams = [item for item in found.values() if isinstance(item, UpstreamModel)]
    generated = iter(generate(upstreams))
    return {name: next(generated) if isinstance(item, UpstreamModel) else item for name, item in found.items()}


def generate_again(upstreams: Sequence[UpstreamModel]) -> Iterable[GeneratedModel | Refusal]:
    """Generate models in as many processes as there are processors, in the order given."""
    return generate_models(upstreams, os.cpu_count() or 1)


def _source(name: str, entry: ManifestEntry, sources: Sources) -> UpstreamModel | Refusal | Unavailable:
    version = entry.transformers_version or ""
    if not is_bundled(entry) and not is_of_transformers(entry):
        return Unavailable("its source was given with --source, and where it stands is not recorded")
    try:
        if is_bundled(entry) or sources.is_installed(version):
            upstream = find_model(name)
        elif sources.release(version) is None and not is_as_written(name, entry):
            # A release that a hand may have written is not worth asking the network for.
            return Unavailable(f"transformers {version} is not here")
        else:
            upstream = find_model(name, transformers_version=version)
    except UsageError as error:
        return Unavailable(str(error).splitlines()[0].rstrip("."))
    except Refusal as refusal:
        return refusal
    if upstream.name != name:
        return Unavailable(f"transformers {version} has it as `{upstream.name}`")
    return upstream
