"""The Slurm executor with a pretended cluster: one submission for each run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.numpy_only, pytest.mark.sweep]
ROOT = Path(__file__).resolve().parents[1]
NOTHING = "exit 0"
COMMANDS = {
    # note the call, start the job, tell its number
    "sbatch": """
echo "$*" >> "$CLUSTER/calls"
n=$(wc -l < "$CLUSTER/calls")
for word in "$@"; do case $word in --wrap=*) job=${word#--wrap=};; esac; done
( sh -c "$job" > "$CLUSTER/$n.out" 2>&1; echo $? > "$CLUSTER/$n.code" ) > /dev/null 2>&1 &
echo "$n"
""",
    "sacct": """
i=0
while read -r call; do
    i=$((i + 1)); state=RUNNING
    if [ -s "$CLUSTER/$i.code" ]; then
        [ "$(cat "$CLUSTER/$i.code")" = 0 ] && state=COMPLETED || state=FAILED
    fi
    echo "$i|$state"
done < "$CLUSTER/calls"
""",
    "srun": 'while [ "${1#-}" != "$1" ]; do shift; done; exec "$@"',
    "sacctmgr": "echo tests",
    **dict.fromkeys(("squeue", "sinfo", "scontrol", "sshare", "scancel"), NOTHING),
}


def test_the_slurm_executor_submits_each_run_once(tmp_path):
    pytest.importorskip("snakemake_executor_plugin_slurm", reason="extra sweep")
    for name, script in COMMANDS.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    command = [sys.executable, "-m", "snakemake", "-s", "book/workflow/Snakefile", "--nolock"]
    command += ["--executor", "slurm", "--jobs", "2", "--slurm-logdir", str(tmp_path / "logs")]
    command += ["--default-resources", "slurm_account=tests", "slurm_partition=tests"]
    command += ["--slurm-init-seconds-before-status-checks", "2"]
    command += ["--config", "profile=smoke", "only=[try]", "seeds=[0]", f"runs={tmp_path / 'runs'}"]
    settings = {"CLUSTER": str(tmp_path), "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    settings |= {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | settings, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    calls = (tmp_path / "calls").read_text().splitlines()
    assert len(calls) == 3 and all("--mem 4000" in call and "-t 600" in call for call in calls)
    assert len(list((tmp_path / "runs").glob("*/smoke-*.json"))) == 3
