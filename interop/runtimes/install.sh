#!/bin/sh
# Installs the languages and libraries of interop/runtimes from Debian's packages, those that are missing: for root, where there is apt-get.
# Fails where that isn't so.
set -eu
packages="curl python3 python3-requests python3-httpx php-cli php-curl php-guzzlehttp-guzzle ruby ruby-http libio-socket-ssl-perl libokhttp-java"
if ! command -v java >/dev/null; then
	packages="$packages default-jdk-headless"
fi
command -v dpkg-query >/dev/null || { echo "no packages of Debian's here; wanted are: $packages" >&2; exit 1; }
missing=
for package in $packages; do
	dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^ii' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
	echo "not root; install:$missing" >&2
	exit 1
fi
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
apt-get install -y -q --no-install-recommends $missing || { apt-get update -q && apt-get install -y -q --no-install-recommends $missing; }
