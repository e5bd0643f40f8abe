# shellcheck shell=bash
# get-python.sh: virtual environments with the Python packages that tests need. Sourced, not run.
# SPDX-License-Identifier: Apache-2.0

get_python() { cache_fill python "$python_version" bin/python3 fill_test_python; }
get_compose() {
    apt_need python3 python3-venv
    cache_fill podman-compose "$podman_compose_version" bin/podman-compose fill_compose_python
}

fill_test_python() { fill_python "$1" "$2" test-requirements.txt; }
fill_compose_python() { fill_python "$1" "$2" compose-requirements.txt; }

# A virtual environment names its own folder in its scripts; they are made to name the final one.
fill_python() {
    python3 -m venv "$1"
    "$1/bin/python3" -m pip install --disable-pip-version-check -q -r "$here/pins/python/$3"
    grep -rlI --fixed-strings "$1" "$1/bin" "$1/pyvenv.cfg" | xargs -r sed -i "s|$1|$2|g"
}
