"""Runs the synapse_compress_state executable that comes with this package.

run_compression() takes the arguments of the module that the Rust tool's old README documents.
"""

import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Dict, Optional, Sequence, Tuple
from urllib.parse import unquote

from ._version import __version__

__all__ = ["__version__", "executable", "run_compression"]

_LOG = logging.getLogger(__name__)


def executable() -> str:
    """The path of the executable."""
    name = "synapse_compress_state.exe" if os.name == "nt" else "synapse_compress_state"
    return str(Path(__file__).parent / "bin" / name)


def run_compression(
    db_url: str,
    room_id: str,
    output_file: Optional[str] = None,
    min_state_group: Optional[int] = None,
    groups_to_compress: Optional[int] = None,
    min_saved_rows: Optional[int] = None,
    max_state_group: Optional[int] = None,
    level_sizes: str = "100,50,25",
    transactions: bool = True,
    graphs: bool = False,
    commit_changes: bool = False,
) -> bool:
    """Compresses a room. Returns whether that succeeded; what went wrong is logged, never raised."""
    words = ["-r", room_id, "-l", level_sizes]
    options = {
        "-o": output_file,
        "-b": min_state_group,
        "-n": groups_to_compress,
        "-m": min_saved_rows,
        "-s": max_state_group,
    }
    for flag, value in options.items():
        if value is not None:
            words += [flag, str(value)]
    if transactions and output_file is not None:
        words.append("-t")
    if graphs:
        words.append("-g")
    if commit_changes:
        words.append("-c")
    return run(db_url, words)


def run(db_url: str, words: Sequence[str]) -> bool:
    """Runs the executable with `-p db_url` and these words. Returns whether it succeeded; logs what it prints."""
    target, environment = _hide_password(db_url)
    try:
        done = subprocess.run(
            [executable(), *words, "-p", target],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    except OSError as error:
        _LOG.error("Cannot start %s: %s", executable(), error)
        return False
    level = logging.INFO if done.returncode == 0 else logging.ERROR
    for line in done.stdout.splitlines():
        _LOG.log(level, "%s", line)
    return done.returncode == 0


def _hide_password(db_url: str) -> Tuple[str, Dict[str, str]]:
    """The URL without its password, and an environment that has it: `ps` shows every user the words of a command."""
    environment = dict(os.environ)
    scheme, separator, rest = db_url.partition("://")
    authority, slash, path = rest.partition("/")
    login, at, host = authority.rpartition("@")
    user, colon, password = login.partition(":")
    if not (separator and at and colon):
        return db_url, environment
    environment["PGPASSWORD"] = unquote(password)
    return f"{scheme}://{user}@{host}{slash}{path}", environment


def replace(words: Sequence[str]) -> None:
    """Becomes the executable; on Windows, where no process can, waits for it."""
    if os.name == "nt":
        sys.exit(subprocess.run([executable(), *words], check=False).returncode)
    os.execv(executable(), [executable(), *words])


def _main() -> None:
    replace(sys.argv[1:])
