#!/bin/bash
# mysql-run.sh: makes the data, the database and the user that MYSQL_* name, and runs the server.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
data=/var/lib/mysql/data
if [[ ! -e $data/.made ]]; then
    rm -rf "$data"
    /opt/mysql/bin/mysqld --no-defaults --initialize-insecure --basedir=/opt/mysql --datadir="$data"
    cat >"$data/setup.sql" <<SQL
ALTER USER 'root'@'localhost' IDENTIFIED BY '$MYSQL_ROOT_PASSWORD';
CREATE DATABASE IF NOT EXISTS $MYSQL_DATABASE CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS '$MYSQL_USER'@'%' IDENTIFIED BY '$MYSQL_PASSWORD';
GRANT ALL PRIVILEGES ON $MYSQL_DATABASE.* TO '$MYSQL_USER'@'%';
SQL
    : >"$data/.made"
fi
rm -f /var/run/mysqld/mysqld.sock*
exec /opt/mysql/bin/mysqld --no-defaults --basedir=/opt/mysql --datadir="$data" --init-file="$data/setup.sql" \
    --socket=/var/run/mysqld/mysqld.sock --pid-file=/var/run/mysqld/mysqld.pid --mysqlx=OFF --log-bin=binlog --server-id=1 \
    --character-set-server=utf8mb4 --innodb-buffer-pool-size=64M
