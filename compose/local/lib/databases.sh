# shellcheck shell=bash
# databases.sh: MariaDB and MySQL 8, each with the database shop and the user weir. Sourced, not run.
# SPDX-License-Identifier: Apache-2.0

mariadb_installed() { have mariadbd && have mariadb-install-db && have mariadb; }
mysql_installed() {
    cache_has mysql8 "$mysql8_version" bin/mysqld && have mariadb &&
        mysql8_complete "$(cache_path mysql8 "$mysql8_version")"
}

database_user=$(id -un)

mariadb_init() {
    mariadb-install-db --no-defaults --user="$database_user" --datadir="$data/mariadb/data" \
        --auth-root-authentication-method=normal --skip-test-db --skip-name-resolve --force
}

mysql_init() {
    local base
    base=$(cache_path mysql8 "$mysql8_version")
    "$base/bin/mysqld" --no-defaults --initialize-insecure --user="$database_user" \
        --basedir="$base" --datadir="$data/mysql/data"
}

# A killed server leaves these, and MySQL would not start beside them.
database_clear() { # NAME
    rm -f "$(database_socket "$1")" "$(database_socket "$1").lock" "$data/run/$1.server.pid"
}

# What both servers are told. Every start runs setup.sql before the first connection is taken.
database_options() { # NAME
    database_clear "$1"
    options=(--no-defaults --user="$database_user" --datadir="$data/$1/data" --port="$(port_of "$1")"
        --bind-address=127.0.0.1 --socket="$(database_socket "$1")" --pid-file="$data/run/$1.server.pid"
        --init-file="$data/$1/setup.sql" --skip-name-resolve --character-set-server=utf8mb4
        --server-id=1 --log-bin=binlog --binlog-format=ROW --binlog-row-image=FULL
        --innodb-buffer-pool-size="${WEIR_DATABASE_BUFFER:-64M}")
}

mariadb_start() {
    local options
    database_setup >"$data/mariadb/setup.sql"
    database_options mariadb
    if [[ $stack_tls == yes ]]; then
        options+=(--ssl-ca="$data/tls/ca.crt" --ssl-cert="$data/tls/server.crt" --ssl-key="$data/tls/server.key")
    fi
    process_start mariadb mariadbd "${options[@]}"
}

mysql_start() {
    local options base
    base=$(cache_path mysql8 "$mysql8_version")
    database_setup >"$data/mysql/setup.sql"
    database_options mysql
    process_start mysql "$base/bin/mysqld" "${options[@]}" --basedir="$base" --mysqlx=OFF \
        --gtid-mode=ON --enforce-gtid-consistency=ON --performance-schema=OFF
}

# A socket's path has room for about 100 bytes only; a deep folder gets one elsewhere.
database_socket() {
    local path=$data/run/$1.sock
    ((${#path} < 100)) || path=$ports_folder/$stack_base_port.$1.sock
    printf '%s\n' "$path"
}

# Rights that weir needs in its database, and no others.
database_setup() {
    local user rights='SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, LOCK TABLES, CREATE TEMPORARY TABLES, CREATE VIEW, TRIGGER'
    cat <<SQL
SET SESSION sql_log_bin = 0;
CREATE DATABASE IF NOT EXISTS shop CHARACTER SET utf8mb4;
SQL
    for user in "'root'@'localhost'" "'root'@'127.0.0.1'"; do
        database_user_sql "$user" "$stack_admin_password"
        echo "GRANT ALL PRIVILEGES ON *.* TO $user WITH GRANT OPTION;"
    done
    for user in "'weir'@'localhost'" "'weir'@'127.0.0.1'"; do
        database_user_sql "$user" "$stack_password"
        echo "GRANT $rights ON shop.* TO $user;"
    done
}

database_user_sql() { # USER PASSWORD
    echo "CREATE USER IF NOT EXISTS $1 IDENTIFIED BY '$2';"
    echo "ALTER USER $1 IDENTIFIED BY '$2';"
}

mariadb_ready() { database_query mariadb 'SELECT 1'; }
mysql_ready() { database_query mysql 'SELECT 1'; }

database_query() { # NAME SQL
    MYSQL_PWD=$stack_password timeout 60 mariadb --no-defaults --protocol=tcp -h 127.0.0.1 \
        -P "$(port_of "$1")" -u weir shop -N -B -e "$2"
}

database_env() { # NAME PREFIX
    local place
    place=127.0.0.1:$(port_of "$1")
    stack_export "$2_URL" "mysql://weir:$stack_password@$place/shop"
    stack_export "$2_ADMIN_URL" "mysql://root:$stack_admin_password@$place/shop"
    stack_export "$2_SOCKET" "$(database_socket "$1")"
}

mariadb_env() {
    database_env mariadb MARIADB
    database_env mariadb MYSQL
    if [[ $stack_tls == yes ]]; then stack_export MARIADB_TLS_CA "$data/tls/ca.crt"; fi
}

mysql_env() {
    database_env mysql MYSQL8
    stack_export MYSQL8_TLS_CA "$data/mysql/data/ca.pem"
    # With no MariaDB beside it, this is the one that jobs use.
    if ! stack_has mariadb; then database_env mysql MYSQL; fi
}
