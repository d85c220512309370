#!/bin/sh
# Locks every set of dependencies with hashes, and without the address of any package registry.
# development.txt is resolved first; the others are parts of it, so all images run what the tests ran.
set -eu
cd "$(dirname "$0")/../.."
mkdir -p requirements

lock() {
    name=$1
    shift
    .venv/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
        --no-annotate --no-header "$@" pyproject.toml --output-file "requirements/$name.txt"
}

lock development --extra all --group dev
for extra in all upload dataset trainer results notifier gateway; do
    lock "$extra" --constraint requirements/development.txt --extra "$extra"
done
