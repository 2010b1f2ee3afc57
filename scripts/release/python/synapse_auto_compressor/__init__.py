"""The Rust tool's second module, as its documentation has it: run_compression() compresses a server."""

import sys

from synapse_compress_state import replace, run

__all__ = ["run_compression"]


def run_compression(
    db_url: str,
    chunk_size: int,
    number_of_chunks: int,
    default_levels: str = "100,50,25",
) -> bool:
    """Compresses the next chunks of all rooms. Returns whether that succeeded; what went wrong is logged, never raised."""
    words = ["auto", "-c", str(chunk_size), "-n", str(number_of_chunks), "-l", default_levels]
    return run(db_url, words)


def _main() -> None:
    replace(["auto", *sys.argv[1:]])
