#!/bin/sh
# Makes a bare machine ready for Foretide: RabbitMQ, a virtual environment, locked dependencies.
# What is there already is left alone; a second run takes a moment.
set -eu

usage() {
    cat <<'TEXT'
usage: sh deploy/machine/setup.sh [test]

Installs what is missing: through apt (as root or with sudo) or brew the programs, through pip the locked Python
packages, into .venv. With "test" also what the tests need. The packaged RabbitMQ service is not started.
TEXT
}

case "${1:-}" in
    "" | test) ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
esac

cd "$(dirname "$0")/../.."
purpose=${1:-run}
requirements=requirements/all.txt
[ "$purpose" = test ] && requirements=requirements/development.txt

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Debian's packages start their services at once; ours are private, so theirs must not take the ports.
apt_install() {
    echo "Installing $* (apt) ..."
    denied=
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee /usr/sbin/policy-rc.d >/dev/null
        as_root chmod 755 /usr/sbin/policy-rc.d
        denied=yes
    fi
    status=0
    { as_root apt-get -qq update && as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
        --no-install-recommends install "$@"; } >/dev/null || status=$?
    [ -z "$denied" ] || as_root rm -f /usr/sbin/policy-rc.d
    return $status
}

find_rabbitmq() {
    [ -n "${RABBITMQ_HOME:-}" ] && return 0
    for program in /usr/lib/rabbitmq/bin/rabbitmq-server /opt/homebrew/opt/rabbitmq/sbin/rabbitmq-server \
        /usr/local/opt/rabbitmq/sbin/rabbitmq-server; do
        [ -x "$program" ] && return 0
    done
    return 1
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

has_ensurepip() {
    "$1" -c 'import ensurepip, venv' 2>/dev/null
}

install_programs() {
    wanted=
    find_rabbitmq || wanted="rabbitmq-server"
    if [ ! -x .venv/bin/python ] && ! has_ensurepip "$python"; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        wanted="$wanted python$version-venv"
    fi
    [ -n "$wanted" ] || return 0
    if command -v apt-get >/dev/null 2>&1; then
        # shellcheck disable=SC2086 - a list of names
        apt_install $wanted
        case "$wanted" in
            *rabbitmq-server*)
                if command -v systemctl >/dev/null 2>&1; then
                    as_root systemctl disable --quiet rabbitmq-server 2>/dev/null || true
                fi
                ;;
        esac
    elif command -v brew >/dev/null 2>&1; then
        case "$wanted" in *rabbitmq-server*) brew install --quiet rabbitmq ;; esac
    else
        echo "Please install with this system's package manager: $wanted" >&2
        return 1
    fi
}

install_packages() {
    stamp=.venv/foretide-installed
    # The development set holds the other one.
    wanted=$(cksum requirements/all.txt requirements/development.txt pyproject.toml)
    if [ -f "$stamp.development" ] && [ "$(cat "$stamp.development")" = "$wanted" ]; then return 0; fi
    if [ "$purpose" = run ] && [ -f "$stamp.all" ] && [ "$(cat "$stamp.all")" = "$wanted" ]; then return 0; fi
    [ -x .venv/bin/python ] || "$python" -m venv .venv
    echo "Installing the locked Python packages of $requirements (the first time takes a few minutes) ..."
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$requirements"
    # The project itself: on the path, and its command. No build, so no build tools.
    site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    pwd >"$site/foretide.pth"
    printf '#!/bin/sh\nexec "%s/.venv/bin/python" -m foretide "$@"\n' "$(pwd)" >.venv/bin/foretide
    chmod 755 .venv/bin/foretide
    name=all
    [ "$purpose" = test ] && name=development
    echo "$wanted" >"$stamp.$name"
}

python=$(find_python)
install_programs
install_packages
