#!/usr/bin/env python3
"""Holds penstock serve against its own openapi.json with schemathesis: requests that fit the document and requests that
do not, answers as the document has them.

Usage: schemathesis_run.py PENSTOCK. Schemathesis is installed from PyPI, pinned, into a virtual environment of its own
(tests/conformance/schemathesis.txt). PENSTOCK_TEST_CASES: for each operation (20).
"""

import os
import subprocess
import sys
import tempfile

from serve import ROOT, Failure, Serve

# What the document cannot say: which of the pipes, services and keys are there, and that a server must answer.
SKIPPED = "positive_data_acceptance,ensure_resource_availability,use_after_free"


def main():
    penstock = sys.argv[1]
    program = subprocess.run([ROOT / "tests/conformance/install_tool.sh", "schemathesis"], check=True, text=True,
                             stdout=subprocess.PIPE).stdout.strip()
    with tempfile.TemporaryDirectory(prefix="penstock-schemathesis-") as folder:
        serve = Serve(penstock, folder, "--requests-per-minute", "1000000")
        try:
            service = serve.result("GET", serve.organization + "/services")[0]["id"]
            with open(f"{folder}/schemathesis.toml", "w", encoding="utf-8") as config:
                config.write(f'[parameters]\norganizationId = "{serve.organization_id}"\nserviceId = "{service}"\n')
            done = subprocess.run(
                [program, "run", serve.url + "/openapi.json", "--auth", ":".join(serve.key), "--no-color",
                 "--checks", "all", "--exclude-checks", SKIPPED, "--phases", "examples,coverage,fuzzing",
                 "--max-examples", os.environ.get("PENSTOCK_TEST_CASES", "20"), "--request-timeout", "60"],
                cwd=folder, text=True, capture_output=True, check=False)
            if done.returncode != 0:
                raise Failure(f"schemathesis: {done.returncode}\n{done.stdout}{done.stderr}\n{serve.log()}")
            print(done.stdout[-1500:])
        finally:
            serve.stop()


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"schemathesis_run: {failure}")
