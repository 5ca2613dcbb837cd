#!/bin/sh
# Puts what build/ holds where it belongs, or takes exactly that out again. Touches nothing in /etc: the examples under
# PREFIX/share/berth are for the operator (or a package) to put there.
#
#   install.sh install|uninstall DESTDIR PREFIX LIBDIR SECURITYDIR LIBEXECDIR MANDIR UNITDIR
set -eu

if [ $# -ne 8 ]; then
	echo "usage: $0 install|uninstall DESTDIR PREFIX LIBDIR SECURITYDIR LIBEXECDIR MANDIR UNITDIR" >&2
	exit 2
fi
action=$1 destdir=$2 prefix=$3 libdir=$4 securitydir=$5 libexecdir=$6 mandir=$7 unitdir=$8
cd "$(dirname "$0")/.."

# Every installed file, once: "MODE SOURCE DESTINATION".
files() {
	echo "0755 build/berthd $prefix/sbin/berthd"
	echo "0755 build/berth-api $prefix/sbin/berth-api"
	echo "0755 build/berth $prefix/bin/berth"
	echo "0755 build/berth-keys $libexecdir/berth-keys"
	echo "0755 build/berth-session $libexecdir/berth-session"
	echo "0755 build/berth-syslog $libexecdir/berth-syslog"
	echo "0755 packaging/container/entrypoint $libexecdir/entrypoint"
	echo "0644 build/libnss_berth.so.2 $libdir/libnss_berth.so.2"
	echo "0644 build/pam_berth.so $securitydir/pam_berth.so"
	for page in packaging/man/*.[0-9]; do
		echo "0644 $page $mandir/man${page##*.}/${page##*/}"
	done
	for unit in packaging/systemd/*.service packaging/systemd/*.socket; do
		echo "0644 $unit $unitdir/${unit##*/}"
	done
	echo "0644 packaging/sshd/berth.conf $prefix/share/berth/sshd/berth.conf"
	for part in packaging/logrotate/*; do
		echo "0644 $part $prefix/share/berth/logrotate/${part##*/}"
	done
	echo "0644 packaging/completion/berth $prefix/share/bash-completion/completions/berth"
	echo "0644 packaging/systemd/berthd-remote.conf $prefix/share/berth/systemd/berthd-remote.conf"
	echo "0644 packaging/systemd/berth.sysusers.conf $prefix/lib/sysusers.d/berth.conf"
	echo "0644 packaging/systemd/berth.tmpfiles.conf $prefix/lib/tmpfiles.d/berth.conf"
}

install_files() {
	# Several words of one line each; none of our paths holds white space, but DESTDIR may.
	files | while read -r mode source destination; do
		[ -f "$source" ] || { echo "$0: $source is missing" >&2; exit 1; }
		install -D -m "$mode" "$source" "$destdir$destination"
	done
}

# Directories that are Berth's alone go too, when they are empty.
uninstall_files() {
	files | while read -r _ _ destination; do
		rm -f "$destdir$destination"
	done
	for directory in "$prefix/share/berth/sshd" "$prefix/share/berth/logrotate" "$prefix/share/berth/systemd" \
	    "$prefix/share/berth" "$libexecdir"; do
		if [ -d "$destdir$directory" ]; then
			rmdir --ignore-fail-on-non-empty "$destdir$directory"
		fi
	done
}

case $action in
install) install_files ;;
uninstall)
	uninstall_files
	echo "left as they are: /etc/berth, the store and the access keys in /var/lib/berth, the logs in /var/log/berth," \
	    "and Berth's users"
	;;
*)
	echo "$0: unknown action $action" >&2
	exit 2
	;;
esac
