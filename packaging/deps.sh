#!/bin/bash
# Installs the Debian packages that building and testing Berth need, or (with `build`) building alone, or (with `deb`) making
# Berth's own Debian packages. Quick when all is there. Starts no daemon: sshd is unpacked into build/openssh-server, not
# installed, where the machine has none. The JavaScript SDK, which Debian doesn't have, comes from npm into build/javascript.
#
#   deps.sh [build|deb]
set -euo pipefail
cd "$(dirname "$0")/.."

build_packages=(gcc make pkg-config libc6-dev libpam0g-dev libssh-dev libcjson-dev libcurl4-openssl-dev libsqlite3-dev libevent-dev
    libssl-dev libmicrohttpd-dev libgnutls28-dev)
deb_packages=(build-essential debhelper dpkg-dev)
test_packages=(awscli libcmocka-dev openssh-client openssl python3 python3-pytest python3-pytest-timeout python3-paramiko
    python3-boto3 curl sqlite3 lftp rclone sshfs fuse3 jq strace logrotate iproute2 procps util-linux mount
    systemd lintian debootstrap mandoc bash-completion)
sshd_packages=(openssh-server openssh-sftp-server libwrap0)
javascript_packages=(nodejs npm)
unpacked=build/openssh-server
javascript=build/javascript

say() {
	if [ -t 1 ]; then
		echo "deps: $*"
	fi
}

fail() {
	echo "deps: $*" >&2
	exit 1
}

as_root() {
	[ "$(id -u)" -eq 0 ] || fail "$1, which needs root"
}

# The lists may be missing (a fresh image) or older than the mirror: then fetch them once.
lists_updated=no
apt() {
	if apt-get -qq -o Dpkg::Use-Pty=0 "$@"; then
		return 0
	fi
	if [ "$lists_updated" = yes ]; then
		return 1
	fi
	lists_updated=yes
	say "updating the package lists"
	apt-get -qq update
	apt-get -qq -o Dpkg::Use-Pty=0 "$@"
}

missing_packages() {
	local package status
	for package in "$@"; do
		status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) || status=none
		if [ "$status" != installed ]; then
			echo "$package"
		fi
	done
}

# invoke-rc.d asks this file whether it may start a daemon: 101 is no. One that is there already is the operator's.
policy=/usr/sbin/policy-rc.d
guard_daemons() {
	if [ ! -e "$policy" ]; then
		trap 'rm -f "$policy"' EXIT
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod 0755 "$policy"
	fi
}

install_packages() {
	local missing
	mapfile -t missing < <(missing_packages "$@")
	if [ ${#missing[@]} -eq 0 ]; then
		return
	fi
	as_root "these packages are missing: ${missing[*]}"
	say "installing ${missing[*]}"
	guard_daemons
	# Output is shown only when it failed: apt is chatty even when quiet.
	local log
	log=$(mktemp)
	if ! DEBIAN_FRONTEND=noninteractive apt install -y --no-install-recommends "${missing[@]}" >"$log" 2>&1; then
		cat "$log" >&2
		rm -f "$log"
		fail "could not install ${missing[*]}"
	fi
	rm -f "$log"
}

# The marker is made last, so that an unpacking which was broken off is done again.
unpack_sshd() {
	if [ -x /usr/sbin/sshd ] || [ -e "$unpacked/.complete" ]; then
		return
	fi
	as_root "sshd has to be downloaded"
	say "unpacking ${sshd_packages[*]}"
	rm -rf "$unpacked"
	mkdir -p "$unpacked/debs" "$unpacked/root"
	# apt's own unprivileged user may not reach this directory; it then says so and goes on as root.
	(cd "$unpacked/debs" && apt -o APT::Sandbox::User=root download "${sshd_packages[@]}") ||
		fail "could not download sshd"
	local package
	for package in "$unpacked"/debs/*.deb; do
		dpkg-deb -x "$package" "$unpacked/root"
	done
	check_libraries
	touch "$unpacked/.complete"
}

check_libraries() {
	local libraries missing
	libraries=$PWD/$unpacked/root/usr/lib/$(gcc -print-multiarch):$PWD/$unpacked/root/lib/$(gcc -print-multiarch)
	missing=$(LD_LIBRARY_PATH=$libraries ldd "$unpacked/root/usr/sbin/sshd" | awk '/not found/ { print $1 }')
	[ -z "$missing" ] || fail "sshd lacks libraries:" $missing
}

# Where the tests find programs (tests/host/enter): not in whatever PATH the caller has.
has_program() {
	PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin type -P "$1" >/dev/null
}

# What it installs is pinned by the lock file, which has a hash of each package. All that npm writes is in build/; no package
# gets to run a script of its own.
install_javascript() {
	local source=tests/api/javascript log
	if ! has_program node || ! has_program npm; then
		install_packages "${javascript_packages[@]}"
	fi
	if cmp -s "$source/package-lock.json" "$javascript/.complete"; then
		return
	fi
	say "installing the JavaScript SDK"
	rm -rf "$javascript"
	mkdir -p "$javascript"
	cp "$source/package.json" "$source/package-lock.json" "$javascript"
	log=$(mktemp)
	if ! (cd "$javascript" && npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --cache cache) >"$log" 2>&1
	then
		cat "$log" >&2
		rm -f "$log"
		fail "npm could not install the JavaScript SDK that $source/package-lock.json names"
	fi
	rm -rf "$log" "$javascript/cache"
	cp "$source/package-lock.json" "$javascript/.complete"
}

case ${1-} in
build)
	install_packages "${build_packages[@]}"
	;;
deb)
	install_packages "${build_packages[@]}" "${deb_packages[@]}"
	;;
'')
	install_packages "${build_packages[@]}" "${deb_packages[@]}" "${test_packages[@]}"
	unpack_sshd
	install_javascript
	;;
*)
	echo "usage: $0 [build|deb]" >&2
	exit 2
	;;
esac
