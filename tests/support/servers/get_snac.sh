#!/bin/sh
# Unpacks Debian's snac2, a real server that speaks Mastodon's API (some 250 kB), into the folder given: nothing is installed, no root is
# needed, and apt's own settings and lists stay as they are. Where a release does not have it yet, its backports do. Without it, tests skip.
set -e
folder=$1
if command -v snac >/dev/null || [ -x "$folder/usr/bin/snac" ]; then exit 0; fi
if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then exit 0; fi
trap 'rm -rf "$work"' EXIT
work=$(mktemp -d)
mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
# The archive that this machine is set up for, and its main release.
archive=$(apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' 'Component: main' 'Origin: Debian' 2>/dev/null |
	awk '$1 !~ /-/ && $2 !~ /security/ { print; exit }')
release=${archive%% *}
address=${archive#* }
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
if [ -n "$archive" ]; then
	printf 'deb %s %s main\ndeb %s %s-backports main\n' "$address" "$release" "$address" "$release" >"$work/sources.list"
	cd "$work"
	set -- -q -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=- -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" -o APT::Sandbox::User=root
	apt-get update "$@" >"$work/log" 2>&1 && apt-get download "$@" snac2 >>"$work/log" 2>&1 && dpkg-deb -x snac2_*.deb "$folder" || true
fi
if [ ! -x "$folder/usr/bin/snac" ] || ldd "$folder/usr/bin/snac" | grep -q 'not found'; then
	rm -rf "$folder"
	echo "No snac2 could be had from Debian: the tests against a real server with Mastodon's API will skip."
fi
