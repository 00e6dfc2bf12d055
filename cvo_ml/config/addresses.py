"""Where this program may send: hosts by name, and nothing else."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator

from cvo_ml.config.base import FrozenConfig

_LABEL: Final = "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_HOST: Final = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:.]+\])(?::[0-9]{{1,5}})?")


def _host_name(host: str) -> str:
    if len(host) > 253 or not _HOST.fullmatch(host.lower()):
        raise ValueError(f"{host!r} is no host: write its name alone, such as hooks.example.com or localhost:8080")
    return host.lower()


#: A host's name in ASCII, with a port where it is not the usual one; no scheme, no path.
HostName = Annotated[str, AfterValidator(_host_name)]


class AllowedHosts(FrozenConfig):
    """The hosts that may be sent to.

    Parameters
    ----------
    hosts:
        On the public internet, by https.
    internal:
        Inside this network, by https; on this machine (loopback) by http too.
    """

    hosts: tuple[HostName, ...] = ()
    internal: tuple[HostName, ...] = ()
