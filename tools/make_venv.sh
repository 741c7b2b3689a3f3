#!/bin/sh
# Make a virtual environment: make_venv.sh PYTHON DIRECTORY
#
# Debian and Ubuntu ship Python without what its venv module needs. Then the missing package is
# installed if we are root; otherwise we say what to install.
set -eu
python=$1
directory=$2

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || {
    echo "nnhal needs Python 3.10 or newer; $python is $("$python" --version 2>&1). Use: make PYTHON=..." >&2
    exit 1
}
if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    exec "$python" -m venv "$directory"
fi
package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && apt-get install -y -qq "$package"
    exec "$python" -m venv "$directory"
fi
echo "This Python can't make virtual environments. Install what it lacks, then run make again:" >&2
echo "    sudo apt-get install $package" >&2
exit 1
