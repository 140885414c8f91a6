#!/bin/bash
# Captures the golden files of one flavour from a server of your own: ITS LOGS AND DATABASE golden ARE DROPPED.
#   capture.sh mysql|mariadb|mariadb11 DATADIR CLIENT [ARGS...]
#   e.g. capture.sh mariadb /tmp/data mariadb -S /tmp/data/sock -uroot
# The server runs with GTIDs, binlog_format=ROW, binlog_row_metadata=FULL and binlog_checksum=CRC32.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
flavour=$1 datadir=$2
shift 2
client() { "${run[@]}" --default-character-set=utf8mb4 -N "$@"; }
run=("$@")

newest_log() { client -e "SHOW BINARY LOGS" | tail -1 | cut -f1; }
capture() { # NAME: runs NAME.sql in a log of its own
    local log
    client -e "FLUSH BINARY LOGS"
    log=$(newest_log)
    client <"$here/$2"
    client -e "FLUSH BINARY LOGS"
    cp "$datadir/$log" "$here/$flavour/$1.binlog"
    chmod 644 "$here/$flavour/$1.binlog"
}

rows_of() { # TABLE: its columns and what is left in it
    local table="table_schema = 'golden' AND table_name = '$1'" columns
    client -e "SELECT column_name, column_type, is_nullable, IFNULL(character_set_name, ''), extra
        FROM information_schema.columns WHERE $table ORDER BY ordinal_position" >"$here/$flavour/$1.columns.tsv"
    # Values in hexadecimal; of FLOAT and DOUBLE the text itself, which string functions would cut.
    columns=$(client --init-command="SET group_concat_max_len = 100000" -e "SELECT GROUP_CONCAT(
        CASE WHEN data_type IN ('float', 'double') THEN CONCAT('\`', column_name, '\` + 0E0')
             WHEN data_type LIKE '%blob' OR data_type LIKE '%binary' OR data_type LIKE '%string' OR data_type LIKE '%polygon'
                 OR data_type LIKE '%point' OR data_type LIKE 'geom%' OR data_type = 'vector'
                 THEN CONCAT('HEX(\`', column_name, '\`)')
             WHEN data_type = 'bit' THEN CONCAT('HEX(CONVERT(\`', column_name, '\` + 0 USING utf8mb4))')
             ELSE CONCAT('HEX(CONVERT(\`', column_name, '\` USING utf8mb4))') END
        ORDER BY ordinal_position SEPARATOR ', ')
        FROM information_schema.columns WHERE $table AND column_name <> 'shape'")
    client --init-command="SET time_zone = '+00:00', sql_mode = ''" \
        -e "SELECT $columns FROM golden.$1 ORDER BY id" >"$here/$flavour/$1.rows.tsv"
}

mkdir -p "$here/$flavour"
client -e "DROP DATABASE IF EXISTS golden"
if [ "$flavour" = mysql ]; then client -e "RESET BINARY LOGS AND GTIDS"; else client -e "RESET MASTER"; fi
capture types types.sql
rows_of types
capture newer "newer_$flavour.sql"
rows_of newer
capture events "events_${flavour%11}.sql"
