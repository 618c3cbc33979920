"""Runs the examples of the README and the guides against the running gateway, so that none of them is wrong.

Every ```bash, ```sh and ```python block is preceded by one comment line:

    <!-- test -->                   it is run, and must succeed without an error object in its output
    <!-- test: prints WORDS -->     it is run, and its output must hold WORDS
    <!-- no-test: REASON -->        it is not run, for a reason that a reader can judge

Each example gets an account of its own with one dollar. `TOLLGATE_URL`, `TOLLGATE_KEY`, `TOLLGATE_ADMIN_URL` and
`TOLLGATE_ADMIN_KEY` are set; ports 8000 and 8001 on localhost become those of the gateway under test; `tollgate`,
`python` and the SDKs are there.
"""

import os
import pathlib
import re
import subprocess
import sys
from dataclasses import dataclass

import pytest

from conftest import ROOT
from gateway import ADMIN_KEY, Account
from programs import INHERITED_SECRETS, path_from

RUN_SECONDS_MAX = 50
LANGUAGES = {"bash", "sh", "python"}
MUST_HAVE_EXAMPLES = {"README.md", "docs/hugging-face.md"}

FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)[^`]*$")
MARK = re.compile(r"^ *<!-- (?P<word>test|no-test)(?:: *(?P<rest>.+?))? *-->$")


@dataclass(frozen=True)
class Example:
    place: str
    language: str
    code: str
    mark: str | None
    rest: str | None


def pages() -> list[pathlib.Path]:
    return [page for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))] if page.exists()]


def examples_in(text: str, name: str) -> list[Example]:
    found, lines, at = [], text.splitlines(), 0
    while at < len(lines):
        fence = FENCE.match(lines[at])
        if not fence:
            at += 1
            continue
        end = next((n for n in range(at + 1, len(lines)) if lines[n].strip() == "```"), len(lines))
        if fence["language"] in LANGUAGES:
            before = next((line for line in reversed(lines[:at]) if line.strip()), "")
            mark = MARK.match(before)
            indent = len(fence["indent"])
            code = "\n".join(line[indent:] for line in lines[at + 1 : end])
            word, rest = (mark["word"], mark["rest"]) if mark else (None, None)
            found.append(Example(f"{name}:{at + 1}", fence["language"], code, word, rest))
        at = end + 1
    return found


EXAMPLES = [
    example for page in pages() for example in examples_in(page.read_text(), str(page.relative_to(ROOT)))
]
RUNNABLE = [example for example in EXAMPLES if example.mark == "test"]


@pytest.mark.parametrize("example", RUNNABLE, ids=lambda example: example.place)
def test_example(example: Example, account: Account, tmp_path: pathlib.Path):
    done = run(example, account, tmp_path)
    assert done.returncode == 0, f"{example.place} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    if example.rest and example.rest.startswith("prints "):
        assert example.rest.removeprefix("prints ") in done.stdout, f"{example.place} printed\n{done.stdout}"
    else:
        assert '"error":{' not in done.stdout.replace(" ", ""), f"{example.place} printed\n{done.stdout}"


def test_every_example_is_marked():
    unmarked = [example.place for example in EXAMPLES if example.mark is None]
    assert not unmarked, f"put <!-- test --> or <!-- no-test: reason --> before the fence: {unmarked}"
    unreasoned = [example.place for example in EXAMPLES if example.mark == "no-test" and not example.rest]
    assert not unreasoned, f"say why: <!-- no-test: reason -->: {unreasoned}"
    unclear = [
        example.place for example in RUNNABLE if example.rest and not example.rest.startswith("prints ")
    ]
    assert not unclear, f"only <!-- test --> and <!-- test: prints WORDS --> are understood: {unclear}"


def test_the_pages_that_promise_examples_have_them():
    assert MUST_HAVE_EXAMPLES <= {example.place.rpartition(":")[0] for example in RUNNABLE}


def test_examples_are_found_with_their_marks():
    text = "# T\n\n<!-- test: prints hi -->\n```bash\necho hi\n```\n\ntext\n\n```python\n1\n```\n```toml\na = 1\n```\n"
    assert examples_in(text, "T.md") == [
        Example("T.md:4", "bash", "echo hi", "test", "prints hi"),
        Example("T.md:10", "python", "1", None, None),
    ]


def run(example: Example, account: Account, folder: pathlib.Path) -> subprocess.CompletedProcess:
    gateway = account.gateway
    code = example.code
    for port, url in (("8000", gateway.url), ("8001", gateway.admin_url)):
        code = re.sub(rf"(?:localhost|127\.0\.0\.1):{port}\b", url.removeprefix("http://"), code)
    variables = {key: value for key, value in os.environ.items() if key not in INHERITED_SECRETS}
    programs = [pathlib.Path(sys.executable).parent, pathlib.Path(path_from("TOLLGATE_BIN")).parent]
    variables |= {
        "TOLLGATE_URL": gateway.url,
        "TOLLGATE_KEY": account.key,
        "TOLLGATE_ADMIN_URL": gateway.admin_url,
        "TOLLGATE_ADMIN_KEY": ADMIN_KEY,
        "PATH": ":".join([*map(str, programs), variables["PATH"]]),
    }
    if example.language == "python":
        command = [sys.executable, "-c", code]
    else:
        command = ["bash", "-c", f"set -euo pipefail\n{code}"]
    return subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, timeout=RUN_SECONDS_MAX, check=False
    )
