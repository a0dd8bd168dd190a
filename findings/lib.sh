# Shared by the findings: makes an environment with pinned packages, runs, compares.
# A finding sources this file, names its packages, states what was seen and runs.
set -euo pipefail

export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false PYTHONDONTWRITEBYTECODE=1
LIB=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
export PYTHONPATH=$LIB
PY=

# The comment at the head of the finding is the first part of its output.
sed -n '2,/^$/s/^# \{0,1\}//p' "$0"
cd "$WORK"

# python_with NAME==VERSION...: sets PY to an interpreter that has exactly these packages.
# FINDINGS_VENV may name a ready environment; its versions are checked all the same.
python_with() {
  if [ -n "${FINDINGS_VENV:-}" ]; then
    PY=$FINDINGS_VENV/bin/python
  else
    python3 -m venv venv
    PY=$WORK/venv/bin/python
    # torch goes first and alone, so that nothing else chooses its build.
    for pin in "$@"; do
      case $pin in torch==*) pip_install "$pin" ;; esac
    done
    pip_install "$@"
  fi
  "$PY" - "$@" <<'END'
import re, sys
from importlib.metadata import version
for pin in sys.argv[1:]:
    name, want = pin.split("==")
    have = version(re.sub(r"\[.*\]", "", name)).split("+")[0]
    if have != want:
        sys.exit(f"changed: {name} is {have}, this finding is about {want}")
    print(f"package: {name} {have}")
END
}

pip_install() {
  "$PY" -m pip install -q "$@" >pip.log 2>&1 || show_log pip.log
}

# npm_with NAME@VERSION...: installs into the working folder, runs no install script.
npm_with() {
  echo '{"private":true,"type":"module"}' >package.json
  npm install --omit=optional --ignore-scripts --no-audit --no-fund "$@" >npm.log 2>&1 ||
    show_log npm.log
  for pin in "$@"; do echo "package: ${pin%@*} ${pin##*@}"; done
}

show_log() {
  tail -20 "$1"
  echo "changed: the install failed"
  exit 2
}

# seen DATE <lines: what the run below must print.
seen() {
  cat >seen.txt
  echo "Output seen on $1:"
  sed 's/^/  /' seen.txt
}

# run COMMAND...: its standard output is compared, its standard error only shown on failure.
run() {
  if ! "$@" >got.txt 2>err.txt; then
    tail -30 err.txt
    echo "changed: the run failed"
    exit 1
  fi
  echo "Output now:"
  sed 's/^/  /' got.txt
}

verdict() {
  if cmp -s seen.txt got.txt; then
    echo "as stated"
  else
    diff seen.txt got.txt | sed -n 's/^</was:/p; s/^>/now:/p'
    echo "changed: the output differs"
    exit 1
  fi
}
