#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes footfall_VERSION_ARCHITECTURE.deb of binaries that are built:
#   deploy/debian/build.sh [BUILD [INTO]]        BUILD: build/release; INTO: where the package goes, BUILD
# Needs dpkg-dev, binutils and python3 (deploy/install-deps.sh). The same binaries, commit and tools give the same bytes; who has no git
# says SOURCE_DATE_EPOCH for that.
# DEBFULLNAME and DEBEMAIL name who answers for the package; FOOTFALL_DEB_REVISION (1) is what stands behind the version,
# FOOTFALL_DEB_COMPRESSION (6) how hard xz tries.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$(cd "${1:-$root/build/release}" && pwd)
into=$(cd "${2:-$build}" && pwd)
for program in footfalld footfall; do
  [ -x "$build/$program" ] || { echo "build.sh: $build/$program is not built: cmake --preset release && cmake --build --preset release" >&2; exit 1; }
done

version=$("$build/footfalld" --version | awk '{ print $NF }')-${FOOTFALL_DEB_REVISION:-1}
architecture=$(dpkg --print-architecture)
maintainer="${DEBFULLNAME:-The footfall authors} <${DEBEMAIL:-root@localhost}>"
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 022
tree=$work/debian/footfall
put() {  # MODE SOURCE TARGET
  install -D -m "$1" "$2" "$tree/$3"
}
for program in footfalld footfall; do
  mkdir -p "$tree/usr/bin"
  strip --strip-unneeded --remove-section=.comment --remove-section=.note -o "$tree/usr/bin/$program" "$build/$program"
  chmod 755 "$tree/usr/bin/$program"
done
put 755 "$root/deploy/systemd/backup.sh" usr/libexec/footfall/backup
put 644 "$root/deploy/systemd/footfalld.toml" etc/footfall/footfalld.toml
for unit in footfalld.service footfalld.socket footfall-backup.service footfall-backup.timer; do
  put 644 "$root/deploy/systemd/$unit" "usr/lib/systemd/system/$unit"
done
put 644 "$root/deploy/systemd/footfall.sysusers" usr/lib/sysusers.d/footfall.conf
put 644 "$root/deploy/systemd/footfall.tmpfiles" usr/lib/tmpfiles.d/footfall.conf

python3 "$here/manual.py" "$build" "$work/manual"
for page in "$work"/manual/man/*/*; do
  gzip -9n "$page"
  put 644 "$page.gz" "usr/share/man/$(basename "$(dirname "$page")")/$(basename "$page").gz"
done
put 644 "$work/manual/bash-completion/footfall" usr/share/bash-completion/completions/footfall
ln -s footfall "$tree/usr/share/bash-completion/completions/footfalld"

doc=usr/share/doc/footfall
put 644 "$here/copyright" $doc/copyright
put 644 "$root/deploy/runbook.md" $doc/runbook.md
put 644 "$root/README.md" $doc/README.md
for guide in "$root"/deploy/guides/*.md; do put 644 "$guide" "$doc/guides/$(basename "$guide")"; done
put 644 "$root/CHANGELOG.md" $doc/changelog
for example in prometheus/alerts.yml prometheus/prometheus.yml grafana/footfall.json nginx/footfall.conf nginx/upstream.conf nginx/syslog.conf \
  haproxy/footfall.cfg haproxy/syslog.cfg caddy/Caddyfile apache/syslog.conf systemd/footfall-follow.service systemd/port-443.conf; do
  put 644 "$root/deploy/$example" "$doc/examples/$example"
done
printf 'footfall (%s) unstable; urgency=medium\n\n  * What changed is in changelog.gz.\n\n -- %s  %s\n' \
  "$version" "$maintainer" "$(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")" >"$work/changelog"
put 644 "$work/changelog" $doc/changelog.Debian
gzip -9n "$tree/$doc/changelog.Debian" "$tree/$doc/README.md" "$tree/$doc/changelog" "$tree/$doc/runbook.md" "$tree/$doc"/guides/*.md

# What the binaries link, by the release that they were built on.
mkdir -p "$tree/DEBIAN"
printf 'Source: footfall\n\nPackage: footfall\nArchitecture: any\n' >"$work/debian/control"
libraries=$(cd "$work" && dpkg-shlibdeps -O debian/footfall/usr/bin/* | sed 's/^shlibs:Depends=//')
sed -e "s|@VERSION@|$version|" -e "s|@ARCHITECTURE@|$architecture|" -e "s|@MAINTAINER@|$maintainer|" -e "s|@LIBRARIES@|$libraries|" \
  -e "s|@KIB@|$(du -sk --apparent-size "$tree" | cut -f1)|" "$here/control" >"$tree/DEBIAN/control"
for script in postinst prerm postrm; do install -m 755 "$here/$script" "$tree/DEBIAN/$script"; done
echo /etc/footfall/footfalld.toml >"$tree/DEBIAN/conffiles"
(cd "$tree" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) >"$tree/DEBIAN/md5sums"

deb=$into/footfall_${version}_$architecture.deb
dpkg-deb --root-owner-group -Zxz "-z${FOOTFALL_DEB_COMPRESSION:-6}" --build "$tree" "$deb" >/dev/null
echo "$deb"
