#!/bin/sh
# Makes a bare machine ready for Foretide: RabbitMQ, OpenMP, a virtual environment, locked dependencies.
# What is there already is left alone; a second run takes a moment.
set -eu

usage() {
    cat <<'TEXT'
usage: sh deploy/machine/setup.sh [test]

Installs what is missing: through apt (as root or with sudo) or brew the programs, through pip the locked Python
packages, into .venv. With "test" also what the tests need: Python packages, Node, JavaScript packages. The packaged RabbitMQ service is not started.
TEXT
}

case "${1:-}" in
    "" | test) ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
esac

cd "$(dirname "$0")/../.."
project=$(pwd -P)
purpose=${1:-run}
requirements=requirements/all.txt
[ "$purpose" = test ] && requirements=requirements/development.txt

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        echo "This needs root, and there is no sudo. Please run as root: sh deploy/machine/setup.sh" >&2
        return 1
    fi
}

# Debian's packages start their services at once; ours are private, so theirs must not take the ports.
policy=/usr/sbin/policy-rc.d

apt_install() {
    echo "Installing $* (apt) ..."
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        trap 'as_root rm -f "$policy"' EXIT
        trap 'exit 130' INT TERM
        as_root chmod 755 "$policy"
    fi
    as_root apt-get -qq update >/dev/null
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "$@" >/dev/null
}

find_rabbitmq() {
    [ -n "${RABBITMQ_HOME:-}" ] && return 0
    for program in /usr/lib/rabbitmq/bin/rabbitmq-server /opt/homebrew/opt/rabbitmq/sbin/rabbitmq-server \
        /usr/local/opt/rabbitmq/sbin/rabbitmq-server; do
        [ -x "$program" ] && return 0
    done
    return 1
}

# LightGBM's package brings everything but this.
find_openmp() {
    case "$(uname -s)" in
        Darwin) [ -e /opt/homebrew/opt/libomp/lib/libomp.dylib ] || [ -e /usr/local/opt/libomp/lib/libomp.dylib ] ;;
        *) "$python" -c 'import ctypes; ctypes.CDLL("libgomp.so.1")' 2>/dev/null ;;
    esac
}

find_python() {
    for candidate in python3.13 python3.12 python3.11 python3; do
        if command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
            echo "$candidate"
            return 0
        fi
    done
    echo "Foretide needs Python 3.11, 3.12 or 3.13." >&2
    return 1
}

# An environment holds its own path: in a folder that was moved it does not work any more.
has_environment() {
    .venv/bin/python -m pip --version 2>/dev/null | grep -qF "$project/.venv/"
}

can_make_environment() {
    "$python" -c 'import ensurepip, venv' 2>/dev/null
}

install_programs() {
    wanted=
    find_rabbitmq || wanted="rabbitmq-server"
    find_openmp || wanted="$wanted libgomp1"
    if ! has_environment && ! can_make_environment; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        wanted="$wanted python$version-venv"
    fi
    [ -n "$wanted" ] || return 0
    if command -v apt-get >/dev/null 2>&1; then
        # shellcheck disable=SC2086  # a list of names
        (apt_install $wanted)
        case "$wanted" in
            *rabbitmq-server*)
                if command -v systemctl >/dev/null 2>&1; then
                    as_root systemctl disable --quiet rabbitmq-server 2>/dev/null || true
                fi
                ;;
        esac
    elif command -v brew >/dev/null 2>&1; then
        case "$wanted" in *rabbitmq-server*) brew install --quiet rabbitmq ;; esac
        case "$wanted" in *libgomp1*) brew install --quiet libomp ;; esac
    else
        echo "Please install with this system's package manager: $wanted" >&2
        return 1
    fi
}

install_packages() {
    stamp=.venv/foretide-installed
    wanted=$(echo "$project"; cksum requirements/all.txt requirements/development.txt pyproject.toml)
    # The development set holds the other one.
    if [ -f "$stamp.development" ] && [ "$(cat "$stamp.development")" = "$wanted" ]; then return 0; fi
    if [ "$purpose" = run ] && [ -f "$stamp.all" ] && [ "$(cat "$stamp.all")" = "$wanted" ]; then return 0; fi
    has_environment || "$python" -m venv --clear .venv
    echo "Installing the locked Python packages of $requirements (the first time takes a few minutes) ..."
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$requirements"
    # The project itself: on the path, and its command. No build, so no build tools.
    site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    echo "$project" >"$site/foretide.pth"
    printf '#!/bin/sh\nexec "%s/.venv/bin/python" -m foretide "$@"\n' "$project" >.venv/bin/foretide
    chmod 755 .venv/bin/foretide
    name=all
    [ "$purpose" = test ] && name=development
    echo "$wanted" >"$stamp.$name"
}

# The official clients that the tests drive, and the examples; Node and npm come with the Python packages.
install_javascript() {
    [ "$purpose" = test ] || return 0
    for folder in tests/javascript examples; do
        stamp=$folder/node_modules/foretide-installed
        wanted=$(cksum "$folder/package-lock.json")
        if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then continue; fi
        echo "Installing the locked JavaScript packages of $folder ..."
        (PATH="$project/.venv/bin:$PATH" && cd "$folder" && npm ci --silent --ignore-scripts)
        echo "$wanted" >"$stamp"
    done
}

python=$(find_python)
install_programs
install_packages
install_javascript
