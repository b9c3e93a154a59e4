#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Has footfalld write a backup named by the time, and then removes all but the newest. To /usr/libexec/footfall/backup.
# FOOTFALL_BACKUPS (/var/backups/footfall), FOOTFALL_BACKUPS_KEPT (14); FOOTFALL_ADMIN and FOOTFALL_TOKEN_FILE as footfall reads them.
set -eu
directory=${FOOTFALL_BACKUPS:-/var/backups/footfall}
kept=${FOOTFALL_BACKUPS_KEPT:-14}
case $kept in '' | *[!0-9]* | 0) echo "backup: FOOTFALL_BACKUPS_KEPT is to be a number from 1 on, not '$kept'" >&2; exit 2 ;; esac

footfall backup "$directory/$(date -u +%Y-%m-%dT%H%M%SZ).footfall"

# Only files that are named as above; by name is by age. What a backup left that was cut off is a day old, or not ours to remove.
ours='[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9][0-9][0-9][0-9][0-9]Z.footfall'
find "$directory" -maxdepth 1 -type f -name "$ours" | sort | head -n "-$kept" | while read -r old; do
  rm -- "$old"
  echo "removed $old"
done
find "$directory" -maxdepth 1 -type f -name "$ours.partial" -mmin +1440 -exec rm -- {} +
