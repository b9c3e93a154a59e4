#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A bare Debian: is all there that the scripts install, does it build and pass there, does the package bring what it needs, and
# does the first guide hold? By hand, as root; it needs debootstrap, and downloads from the mirror that this machine's apt uses.
#   tests/debian.sh RELEASE COMPILER [DIRECTORY]         RELEASE: bookworm, trixie; COMPILER: gcc, clang
#   tests/debian.sh --package-of BUILD RELEASE [DIRECTORY]   the package alone, of binaries built on this release
#
#   DIRECTORY/bare      debootstrap's smallest; the others begin as copies of it
#   DIRECTORY/builder   with gcc what is committed here is built, and packaged, with what install-deps.sh alone installs; then
#                       install-deps.sh --tests, unit and integration tests
#   DIRECTORY/user      the package by apt, the daemon as its unit starts it, a hit; remove keeps the counts, purge does not
#   DIRECTORY/server    nginx-light, curl and systemd (which does not run); there deploy/guides/first-counter.md is followed, by
#                       tests/integration/first_counter_test.py, with this machine's browser if it has one
#
# DIRECTORY (2 to 10 GB) stays, and what it has of bare and builder is used again, so that only a new builder shows that build and
# package go without what the tests need; without DIRECTORY a new one goes at the end. The mounts are in a namespace of their own,
# and daemon and tests have a network of their own. CCACHE_DIR, where it is set, is the builder's too; CMAKE_BUILD_PARALLEL_LEVEL
# and CTEST_PARALLEL_LEVEL are as ever.
set -euo pipefail

fail() { echo "debian.sh: $*" >&2; exit 1; }
usage() { echo "debian.sh: usage: debian.sh RELEASE gcc|clang [DIRECTORY], or debian.sh --package-of BUILD RELEASE [DIRECTORY]" >&2; exit 2; }

build=''
if [ "${1:-}" = --package-of ]; then
  [ $# -ge 3 ] && [ $# -le 4 ] || usage
  build=$(cd "$2" && pwd) release=$3 compiler='' directory=${4:-}
else
  [ $# -ge 2 ] && [ $# -le 3 ] || usage
  release=$1 compiler=$2 directory=${3:-}
  case $compiler in gcc | clang) ;; *) usage ;; esac
fi
case $release in bookworm | trixie) ;; *) usage ;; esac
root=$(cd "$(dirname "$0")/.." && pwd)

if [ -z "${FOOTFALL_DEBIAN_INSIDE:-}" ]; then
  [ "$(id -u)" = 0 ] || fail "run it as root"
  for tool in debootstrap unshare ip curl git openssl python3; do
    command -v "$tool" >/dev/null || fail "$tool is not installed: apt install debootstrap util-linux iproute2 curl git openssl python3"
  done
  keep=$directory
  if [ -n "$directory" ]; then mkdir -p "$directory"; else directory=$(mktemp -d -t footfall-debian-XXXXXX); fi
  directory=$(cd "$directory" && pwd)
  code=0
  words=("$release" "$compiler" "$directory")
  if [ -n "$build" ]; then words=(--package-of "$build" "$release" "$directory"); fi
  FOOTFALL_DEBIAN_INSIDE=1 unshare --mount --propagation private --pid --fork --kill-child "$0" "${words[@]}" || code=$?
  # The mounts went with their namespace: nothing but the trees is in there.
  if [ -z "$keep" ]; then rm -rf --one-file-system "$directory"; fi
  exit "$code"
fi

# STEP COMMAND...: with what it took. Whatever fails ends the script.
now='' began=0
step() {
  now=$1 began=$SECONDS
  shift
  echo "=== $release${compiler:+ $compiler}: $now"
  "$@"
  echo "=== $now: $((SECONDS - began)) s"
  now=''
}
trap 'code=$?; [ -z "$now" ] || echo "=== $now: FAILED with $code, $((SECONDS - began)) s"' EXIT

inside() {  # TREE COMMAND...
  local tree=$1
  shift
  env -u TMPDIR -u FOOTFALL_DEBIAN_INSIDE HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    chroot "$tree" "$@"
}

mounted() {  # TREE: with what a chroot needs
  mount -t proc proc "$1/proc"
  mount --rbind /dev "$1/dev"
  mount -t tmpfs tmpfs "$1/tmp"
  mount -t tmpfs tmpfs "$1/run"
}

alone() {  # FUNCTION ARGUMENTS...: without a network but loopback
  unshare --net bash -c 'set -euo pipefail; ip link set lo up; "$@"' - "$@"
}

# "URI SUITE COMPONENT" lines, of this machine's Debian as they would be for the release.
sources() {
  local here
  here=$(. /etc/os-release && echo "$VERSION_CODENAME")
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    awk -v here="$here" -v release="$release" '$3 == "main" && index($2, here) == 1 && sub("^" here "(-security|-updates)?$", release substr($2, length(here) + 1), $2)' | sort -u
}

bootstrap() {
  local mirror new=$directory/new keyring=()
  mirror=$(sources | awk -v release="$release" '$2 == release { print $1; exit }')
  [ -n "$mirror" ] || fail "apt on this machine has no Debian to take $release from"
  rm -rf --one-file-system "$new"
  if [ -e /usr/share/keyrings/debian-archive-keyring.gpg ]; then keyring=(--keyring /usr/share/keyrings/debian-archive-keyring.gpg); fi
  debootstrap --variant=minbase "${keyring[@]}" "$release" "$new" "$mirror"
  sources | sed 's/^/deb /' >"$new/etc/apt/sources.list"
  echo force-unsafe-io >"$new/etc/dpkg/dpkg.cfg.d/unsafe-io"
  inside "$new" apt-get update -q
  inside "$new" apt-get clean
  mv "$new" "$directory/bare"
}

builder() {
  local tree=$directory/builder
  if [ ! -e "$tree" ]; then cp -a "$directory/bare" "$tree"; fi
  mounted "$tree"
  inside "$tree" dpkg --configure -a  # what a run that was ended left half done
  mkdir -p "$tree/footfall"
  if [ -d "$tree/footfall/.git" ]; then
    git -C "$tree/footfall" fetch -q "$root" HEAD
    git -C "$tree/footfall" reset -q --hard FETCH_HEAD
  else
    git clone -q "$root" "$tree/footfall"
  fi
  if [ -n "${CCACHE_DIR:-}" ]; then
    mkdir -p "$tree/ccache"
    mount --bind "$CCACHE_DIR" "$tree/ccache"
    export CCACHE_DIR=/ccache
  fi
}

in_checkout() { inside "$directory/builder" sh -c 'cd /footfall && exec "$@"' - "$@"; }

configure() {  # OPTIONS...
  local cxx=g++
  if [ "$compiler" = clang ]; then cxx=clang++; fi
  in_checkout cmake --preset release "-DCMAKE_CXX_COMPILER=$cxx" -DCMAKE_COMPILE_WARNING_AS_ERROR=ON "$@"
}

# The package is tried, whether they pass or not.
tests() { alone inside "$directory/builder" sh -c 'cd /footfall && exec ctest --preset release -L "unit|integration"' || failed=1; }

packaged() {
  rm -f "$directory"/footfall_*.deb
  if [ -n "$build" ]; then
    "$root/deploy/debian/build.sh" "$build" "$directory"
  else
    local made=$directory/builder/footfall/build/release
    rm -f "$made"/footfall_*.deb
    in_checkout deploy/debian/build.sh
    mv "$made"/footfall_*.deb "$directory"
  fi
}

user() {
  rm -rf --one-file-system "$directory/user"
  cp -a "$directory/bare" "$directory/user"
  mounted "$directory/user"
  cp "$directory"/footfall_*.deb "$directory/user/"
}

# What it recommends is not installed: whatever it needs has to be in its Depends.
apt() { inside "$directory/user" apt-get -q -y --no-install-recommends "$@"; }
installed() { apt install "./$(basename "$directory"/footfall_*.deb)"; }

# TREE TOTAL [HIT]: the daemon as its unit has it, but for what systemd confines it to, and what it says in the end.
counts() {
  local tree=$1 wanted=$2 daemon words user told
  local unit=$tree/usr/lib/systemd/system/footfalld.service
  words=$(sed -n 's/^ExecStart=//p' "$unit")
  user=$(sed -n 's/^User=//p' "$unit")
  inside "$tree" install -d -o "$user" -g "$user" -m 0755 /run/footfall
  (umask 0077 && exec env -i PATH=/usr/sbin:/usr/bin chroot --userspec="$user:$user" "$tree" sh -c "cd / && exec $words") &
  daemon=$!
  for _ in $(seq 300); do
    if curl -fs -o /dev/null http://127.0.0.1:8080/readyz; then break; fi
    kill -0 "$daemon" 2>/dev/null || fail "footfalld ended"
    sleep 0.1
  done
  if [ "${3:-}" = hit ]; then
    inside "$tree" footfall site add example.org --host example.org
    told=$(curl -s -o /dev/null -w '%{http_code}' -A 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0' 'http://127.0.0.1:8080/hit?site=example.org&path=/')
    [ "$told" = 204 ] || fail "a hit is answered $told"
  fi
  told=$(inside "$tree" footfall stats example.org --json)
  grep -Eq "\"total\": ?$wanted\b" <<<"$told" || fail "the total is not $wanted: $told"
  kill -TERM "$daemon"
  wait "$daemon" || fail "footfalld ends with $?"
}

removed() {
  apt remove footfall
  [ ! -e "$directory/user/usr/bin/footfalld" ] || fail "the program is still there"
  [ -e "$directory/user/var/lib/footfall/META" ] || fail "the counts are gone"
  [ -e "$directory/user/etc/footfall/footfalld.toml" ] || fail "the configuration is gone"
}

purged() {
  apt purge footfall
  local left
  for left in var/lib/footfall etc/footfall usr/bin/footfalld usr/lib/systemd/system/footfalld.service; do
    [ ! -e "$directory/user/$left" ] || fail "/$left is still there"
  done
}

# What the guide wants there, and by download alone what apt will want when the package is installed: the test has no network.
server() {
  local tree=$directory/server
  rm -rf --one-file-system "$tree"
  cp -a "$directory/bare" "$tree"
  mounted "$tree"
  printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"  # nginx is not to be started yet
  chmod +x "$tree/usr/sbin/policy-rc.d"
  inside "$tree" apt-get -q -y --no-install-recommends install nginx-light curl ca-certificates systemd
  cp "$directory"/footfall_*.deb "$tree/tmp/"
  inside "$tree" apt-get -q -y --download-only install "/tmp/$(basename "$directory"/footfall_*.deb)"
  rm "$tree/usr/sbin/policy-rc.d"
}

guide() {
  FOOTFALL_BARE_TREE=$directory/server FOOTFALL_PACKAGE=$(echo "$directory"/footfall_*.deb) PYTHONDONTWRITEBYTECODE=1 \
    python3 "$root/tests/integration/first_counter_test.py"
}

export -f fail inside counts
failed=0
if [ ! -e "$directory/bare" ]; then step "debootstrap" bootstrap; fi
if [ -z "$build" ]; then
  step "copy" builder
  if [ "$compiler" = gcc ]; then
    step "install-deps.sh" in_checkout deploy/install-deps.sh
    step "configure" configure
    step "build" in_checkout cmake --build --preset release
    step "package" packaged
  fi
  step "install-deps.sh --tests" in_checkout deploy/install-deps.sh --tests
  step "configure with the tests" configure -DFOOTFALL_TESTS=ON
  step "build with the tests" in_checkout cmake --build --preset release
  step "unit and integration tests" tests
else
  step "package" packaged
fi
if [ "$compiler" != clang ]; then
  step "another bare tree" user
  step "apt install" installed
  step "a counted hit" alone counts "$directory/user" 1 hit
  step "apt remove" removed
  step "apt install again" installed
  step "the count is kept" alone counts "$directory/user" 1
  step "apt purge" purged
  step "a server" server
  step "the first guide" guide
fi
if [ "$failed" != 0 ]; then fail "the tests failed"; fi
echo "=== $release${compiler:+ $compiler}: all is well, $SECONDS s"
