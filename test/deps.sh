#!/bin/sh
# Installs what building and testing need on Debian 12, and MySQL under build/servers. Called by `make deps`, also by
# itself from `make test` and `make demo`; quick and silent when nothing is missing. Not root: apt runs through sudo.
#
# MySQL is not in Debian stable: it is unpacked from Debian sid beside the system and runs through its own loader
# (test/lib/server_program.c). It is unpacked under a temporary name and renamed, so one that was interrupted is redone.
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build}
mysql=$build/servers/mysql-9.7

packages="gcc make clang-format clang-tidy pkg-config libevent-dev libssl-dev default-libmysqlclient-dev libmariadb3 check
  libsubunit-dev libsqlite3-dev libinih-dev zlib1g-dev libzstd-dev mariadb-server mariadb-client mmdebstrap sysbench
  haproxy procps iproute2 nftables python3 groff-base debhelper systemd-container python3-pymysql node-mysql
  ${MORE_PACKAGES:-}"

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

# Prints the output of a long step only when it fails.
quietly() {
    if ! "$@" >"$build/deps.log" 2>&1; then
        cat "$build/deps.log" >&2
        echo "deps: failed: $*" >&2
        exit 1
    fi
}

missing_packages() {
    for package in $packages; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || echo "$package"
    done
}

# The tests run servers of their own: the distribution's is not started by being installed.
install_packages() {
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
        as_root chmod 755 $policy
        trap 'as_root rm -f '$policy EXIT INT TERM
    fi
    quietly as_root apt-get -o Acquire::Retries=3 update
    # shellcheck disable=SC2086
    quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=3 install -y --no-install-recommends "$@"
}

unpack_mysql() {
    as_root rm -rf "$mysql.new"
    mkdir -p "$build/servers"
    quietly as_root mmdebstrap --variant=extract --aptopt='Acquire::Check-Valid-Until "false"' \
        --include=mysql-server-core,mysql-client-core,mysql-common sid "$mysql.new"
    as_root chown -R "$(id -u):$(id -g)" "$mysql.new"
    for link in lib lib64 bin sbin; do
        [ -e "$mysql.new/$link" ] || ln -s "usr/$link" "$mysql.new/$link"
    done
    quietly "$mysql.new/lib64/ld-linux-x86-64.so.2" --library-path "$mysql.new/usr/lib/x86_64-linux-gnu" \
        "$mysql.new/usr/sbin/mysqld" --no-defaults --version
    mv "$mysql.new" "$mysql"
}

# MariaDB of another Debian release, for `make test-matrix`: RELEASE SUITE PACKAGES
unpack_mariadb() {
    dir=$build/servers/mariadb-$1
    [ ! -e "$dir" ] || return 0
    echo "deps: unpacking MariaDB $1 into $dir"
    as_root rm -rf "$dir.new"
    mkdir -p "$build/servers"
    quietly as_root mmdebstrap --variant=extract --aptopt='Acquire::Check-Valid-Until "false"' \
        --include="$3" "$2" "$dir.new"
    as_root chown -R "$(id -u):$(id -g)" "$dir.new"
    [ -e "$dir.new/lib" ] || ln -s usr/lib "$dir.new/lib"
    mv "$dir.new" "$dir"
}

# MySQL Router, for `make bench`, beside the server and in the same way
unpack_router() {
    dir=$build/servers/mysql-router-9.7
    [ ! -e "$dir" ] || return 0
    echo "deps: unpacking MySQL Router 9.7 into $dir"
    as_root rm -rf "$dir.new"
    mkdir -p "$build/servers"
    quietly as_root mmdebstrap --variant=extract --aptopt='Acquire::Check-Valid-Until "false"' \
        --include=mysql-router sid "$dir.new"
    as_root chown -R "$(id -u):$(id -g)" "$dir.new"
    quietly "$dir.new/usr/lib64/ld-linux-x86-64.so.2" --library-path "$dir.new/usr/lib/x86_64-linux-gnu" \
        "$dir.new/usr/bin/mysqlrouter" --version
    mv "$dir.new" "$dir"
}

mkdir -p "$build"
exec 9>"$build/.deps.lock"
flock 9

missing=$(missing_packages)
if [ -n "$missing" ]; then
    echo "deps: installing $(echo "$missing" | tr "\n" " ")"
    # shellcheck disable=SC2086
    install_packages $missing
fi
if [ ! -x "$mysql/usr/sbin/mysqld" ]; then
    echo "deps: unpacking MySQL 9.7 into $mysql"
    unpack_mysql
fi
if [ "${1-}" = matrix ]; then
    unpack_mariadb 10.5 bullseye mariadb-server-core-10.5,mariadb-client-core-10.5,mariadb-server-10.5
    unpack_mariadb 11.8 trixie mariadb-server-core,mariadb-client-core,mariadb-server
fi
if [ "${1-}" = bench ]; then
    unpack_router
fi
[ -e "$build/.deps" ] || touch "$build/.deps"
