#!/bin/bash
# Shows Berth at work: four users on a stock sshd, on a private copy of this host that is gone afterwards.
#
#   tests/demo/demo.sh           the show, then everything is as before
#   tests/demo/demo.sh --keep    the show, then sshd stays on 127.0.0.1; says how to connect and how to stop it
#   tests/demo/demo.sh --stop    stops what --keep left running
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

state=build/demo # what --keep leaves for --stop, and the users' private keys; inside the copy it is the same directory

heading() {
	local bold='' plain=''
	if [ -n "${DEMO_COLOUR-}" ]; then
		bold=$'\e[1m' plain=$'\e[0m'
	fi
	printf '\n%s== %s%s\n' "$bold" "$*" "$plain"
}

fail() {
	echo "demo: $*" >&2
	exit 1
}

# show COMMAND…: prints it as one would type it, and runs it without its output.
show() {
	local word
	printf '$'
	for word in "$@"; do
		case $word in
		--*) printf ' \\\n      %s' "$word" ;;
		*[!A-Za-z0-9_./:=,@-]*) printf " '%s'" "$word" ;;
		*) printf ' %s' "$word" ;;
		esac
	done
	echo
	"$@" >/dev/null
}

## On the host

free_port() {
	/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

stop_kept() {
	local pid
	if [ -e "$state/pid" ]; then
		pid=$(<"$state/pid")
		# The number may be another process's by now.
		if [[ $pid =~ ^[0-9]+$ ]] && grep -qzF -- --inside-demo "/proc/$pid/cmdline" 2>/dev/null; then
			kill -KILL "$pid"
			while [ -e "/proc/$pid" ]; do sleep 0.05; done
		fi
	fi
	rm -rf "$state"
}

keep() {
	local port=$1 line pid output
	# setsid: it outlives this terminal. Its output comes through a pipe until it says that it is ready.
	exec {output}< <(exec setsid tests/host/enter --host-network tests/demo/demo.sh --inside-demo "$port" keep 2>&1)
	pid=$!
	echo "$pid" >"$state/pid"
	while IFS= read -r line <&"$output"; do
		if [ "$line" = READY ]; then
			how_to_connect "$port"
			return
		fi
		echo "$line"
	done
	stop_kept
	fail "the demo ended early"
}

how_to_connect() {
	local user known=$PWD/$state/known_hosts
	# The option takes several files, between white space.
	if [[ $known == *[[:space:]]* ]]; then
		known=\"$known\"
	fi
	if [ -n "${SUDO_UID-}" ]; then
		chown -R "$SUDO_UID:${SUDO_GID-}" "$state"
	fi
	heading "sshd keeps running on 127.0.0.1 port $1"
	for user in alice bob carol dave; do
		printf 'sftp -P %s -i %q -o IdentitiesOnly=yes -o UserKnownHostsFile=%q %s@127.0.0.1\n' \
		    "$1" "$PWD/$state/$user" "$known" "$user"
	done
	echo
	printf 'To stop it and remove the keys: sudo %q --stop\n' "$PWD/tests/demo/demo.sh"
}

start() {
	local port status=0
	tests/host/enter --host-network true || exit $?
	stop_kept
	mkdir -p "$state"
	port=$(free_port)
	if [ -t 1 ]; then
		export DEMO_COLOUR=yes
	fi
	if [ "$1" = keep ]; then
		keep "$port"
		return
	fi
	tests/host/enter --host-network tests/demo/demo.sh --inside-demo "$port" once || status=$?
	rm -rf "$state"
	return $status
}

## On the private copy

wait_for() {
	for _ in {1..200}; do
		if "$@" 2>/dev/null; then
			return
		fi
		sleep 0.05
	done
	fail "waited in vain: $*"
}

listens() {
	(exec 3<>"/dev/tcp/127.0.0.1/$1")
}

start_host() {
	local port=$1
	tests/host/prepare "$port"
	# Berth's users only: this port can be reached by everybody on the real host.
	echo "AllowGroups berth-users" >/etc/ssh/sshd_config.d/01-demo.conf
	# As a container does: there is no systemd here.
	/usr/libexec/berth/entrypoint 2>/run/messages &
	host=$!
	wait_for listens "$port"
	server=$(sed -n 's/^ServerId *//p' /etc/berth/berth.conf)
	echo "[127.0.0.1]:$port $(cut -d ' ' -f 1-2 /etc/ssh/ssh_host_ed25519_key.pub)" >"$state/known_hosts"
}

all_closed() {
	[ "$(grep -c 'pam_berth.*session closed' /run/messages)" -eq 6 ]
}

make_data() {
	local bucket=/srv/berth/bucket user
	mkdir -p $bucket/home $bucket/reports $bucket/team /srv/berth/other-bucket
	echo "figures of the quarter" >$bucket/reports/q1.txt
	echo "welcome" >$bucket/welcome.txt
	install -d -o 5001 -g 5001 $bucket/home/alice
	install -d -o 5002 -g 5002 $bucket/home/bob
	install -d -o 5003 -g 5003 $bucket/home/carol
	install -d -o 5004 -g 5004 $bucket/home/dave
	chgrp 7001 $bucket/team
	chmod 2770 $bucket/team
	for user in alice bob carol dave; do
		ssh-keygen -q -t ed25519 -N '' -C "$user" -f "$state/$user"
	done
	echo "uploaded by the demo" >/tmp/upload.txt
}

# login USER: sftp with the commands from standard input. A command that starts with "-" may fail.
login() {
	echo "$ sftp $1@127.0.0.1"
	sftp -q -F /dev/null -P "$port" -i "$state/$1" -o IdentitiesOnly=yes -o BatchMode=yes \
	    -o "UserKnownHostsFile=$state/known_hosts" -b - "$1@127.0.0.1" 2>&1 || fail "the sftp session of $1 failed"
}

closed_in_transfer_log() {
	[ "$(berth tail -n all --operation session-close --output json | wc -l)" -eq 6 ]
}

owner_on_host() {
	echo "on the host: $(stat -c '%u:%g  %n' "$1")"
	[ "$(stat -c %u:%g "$1")" = "$2" ] || fail "$1 is not owned by $2"
	[ ! -e /tmp/stolen ] || fail "a session left its view"
}

demo_alice() {
	heading "alice: her own directory is /"
	show berth admin create-user --user-name alice --role "$role" --posix-profile Uid=5001,Gid=5001 \
	    --home-directory-type LOGICAL --home-directory-mappings '[{"Entry":"/","Target":"/bucket/home/alice"}]' \
	    --ssh-public-key-body "file://$state/alice.pub"
	login alice <<-'END'
		pwd
		put /tmp/upload.txt
		ls -1
		symlink /etc/passwd way-out
		-get way-out /tmp/stolen
		-get ../../../../etc/passwd /tmp/stolen
	END
	owner_on_host /srv/berth/bucket/home/alice/upload.txt 5001:5001
}

demo_bob() {
	local mappings='[{"Entry":"/in","Target":"/bucket/home/bob"},{"Entry":"/docs/reports","Target":"/bucket/reports"},
  {"Entry":"/docs/welcome.txt","Target":"/bucket/welcome.txt","Type":"FILE"}]'

	heading "bob: three entries, one of them a file, in a sealed root"
	show berth admin create-user --user-name bob --role "$role" --posix-profile Uid=5002,Gid=5002 \
	    --home-directory-type LOGICAL --home-directory-mappings "$mappings" \
	    --ssh-public-key-body "file://$state/bob.pub"
	login bob <<-'END'
		ls -1 /
		ls -1 /docs
		put /tmp/upload.txt /in/upload.txt
		-put /tmp/upload.txt /upload.txt
		-mkdir /new
		-ls /docs/../../bucket
		-get /in/../../home/alice/upload.txt /tmp/stolen
	END
	owner_on_host /srv/berth/bucket/home/bob/upload.txt 5002:5002
}

demo_carol() {
	heading "carol: paths as they are on storage, with a team's directory through a secondary gid"
	show berth admin create-user --user-name carol --role "$role" --posix-profile Uid=5003,Gid=5003,SecondaryGids=7001 \
	    --home-directory /bucket/home/carol --ssh-public-key-body "file://$state/carol.pub"
	login carol <<-'END'
		pwd
		ls -1 /bucket
		put /tmp/upload.txt
		put /tmp/upload.txt /bucket/team/upload.txt
		-put /tmp/upload.txt /bucket/reports/upload.txt
		-ls /other-bucket
		-get /etc/passwd /tmp/stolen
	END
	owner_on_host /srv/berth/bucket/home/carol/upload.txt 5003:5003
	owner_on_host /srv/berth/bucket/team/upload.txt 5003:7001
}

# Debian's, without what this host has configured for it.
aws() {
	env -i PATH="$PATH" no_proxy=127.0.0.1 AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/tmp/credentials \
	    AWS_EC2_METADATA_DISABLED=true /usr/bin/aws "$@"
}

demo_dave() {
	local api url
	heading "dave: made by the AWS command line, through berth-api"
	url=127.0.0.1:$(free_port)
	echo "ApiListen $url" >>/etc/berth/berth.conf
	berth-api &
	api=$!
	wait_for listens "${url#*:}"
	echo '$ berth api-key create >> ~/.aws/credentials'
	berth api-key create >/tmp/credentials
	show aws --profile berth --endpoint-url "http://$url" transfer create-user --server-id "$server" \
	    --user-name dave --role "$role" --posix-profile Uid=5004,Gid=5004 --home-directory-type LOGICAL \
	    --home-directory-mappings '[{"Entry":"/","Target":"/bucket/home/dave"}]' \
	    --ssh-public-key-body "file://$state/dave.pub"
	login dave <<-'END'
		pwd
		put /tmp/upload.txt
	END
	owner_on_host /srv/berth/bucket/home/dave/upload.txt 5004:5004
	kill "$api"
	wait "$api" || fail "berth-api did not stop well"
}

agent() {
	local pid
	while read -r -d ' ' pid; do
		if [ "$(cat "/proc/$pid/comm")" = berthd ]; then
			echo "$pid"
		fi
	done <"/proc/$host/task/$host/children"
}

# reload CONFIGURATION WORDS: the agent takes it, and says so.
reload() {
	local seen
	cp "$1" /etc/berth/berth.conf
	seen=$(said "$2")
	kill -HUP "$(agent)"
	wait_for eval "[ \$(said '$2') -gt $seen ]"
}

said() {
	grep -cF "$1" /run/messages || true
}

is_stale() {
	berth cache show "$1" --output text | grep -q "^$1.stale"
}

# This host's own berth-api stands for another host's.
demo_elsewhere() {
	local api url
	heading "users kept elsewhere: asked for over HTTP, and remembered when nobody answers"
	url=$(sed -n 's/^ApiListen //p' /etc/berth/berth.conf)
	cp /etc/berth/berth.conf /etc/berth/users.conf
	berth-api -f /etc/berth/users.conf &
	api=$!
	wait_for listens "${url#*:}"
	echo '$ berth api-key create --allow DescribeUser,DescribeServer > /var/lib/berth/credentials'
	berth api-key create --allow DescribeUser,DescribeServer >/tmp/key
	install -o berth -g berth -m 0600 /tmp/key /var/lib/berth/credentials
	cat >/etc/berth/elsewhere.conf <<-END
		ServerId         $server
		Store            transfer:http://$url
		StoreCredentials /var/lib/berth/credentials
		StoreProfile     berth
		CacheSeconds     1
		DataRoot         /srv/berth
	END
	reload /etc/berth/elsewhere.conf 'store answers: '
	echo '$ cat /etc/berth/berth.conf'
	cat /etc/berth/berth.conf
	show berthd -t
	login alice <<<"ls -1"
	echo "berth-api is stopped:"
	kill "$api"
	wait "$api" || fail "berth-api did not stop well"
	wait_for is_stale alice
	echo '$ berth cache show alice'
	berth cache show alice
	login alice <<<"ls -1"
	grep -oE 'record served stale: user=alice age=[0-9]+' /run/messages || fail "the record was not an old one"
	reload /etc/berth/users.conf 'store opened: '
}

# With somebody else's key.
demo_refused() {
	heading "a login fails: what stands in alice's way, what stood in it, and how the agent is doing"
	echo '$ sftp -i bob alice@127.0.0.1'
	sftp -q -F /dev/null -P "$port" -i "$state/bob" -o IdentitiesOnly=yes -o BatchMode=yes \
	    -o "UserKnownHostsFile=$state/known_hosts" -b - alice@127.0.0.1 2>&1 <<<pwd && fail "bob's key let him in as alice"
	echo '$ berth doctor alice'
	berth doctor alice
	echo '$ berth why alice'
	wait_for said_why
	berth why alice --log /run/messages
	echo '$ berth status'
	berth status
}

said_why() {
	berth why alice --log /run/messages >/dev/null
}

inside() {
	port=$1
	role=arn:aws:iam::000000000000:role/transfer
	heading "a private copy of this host, with a stock sshd and Berth"
	start_host "$port"
	make_data
	echo "server $server; sshd on 127.0.0.1 port $port; no useradd, no authorized_keys, no chroot"
	demo_alice
	demo_bob
	demo_carol
	demo_dave
	demo_elsewhere
	demo_refused
	heading "what the log says"
	wait_for all_closed
	grep -o 'pam_berth.*session \(opened\|closed\).*' /run/messages | cut -d ' ' -f 2-
	heading "who did what: the transfer log"
	wait_for closed_in_transfer_log
	echo '$ berth tail -n all --operation put,get,mkdir,symlink'
	berth tail -n all --operation put,get,mkdir,symlink
	if [ "$2" = keep ]; then
		echo READY
		exec >/dev/null 2>&1
		wait "$host"
	else
		kill "$host"
		wait "$host" || fail "the agent and sshd did not stop well"
	fi
}

case ${1-} in
'') start once ;;
--keep) start keep ;;
--stop) stop_kept ;;
--inside-demo) inside "$2" "$3" ;;
*)
	echo "usage: $0 [--keep|--stop]" >&2
	exit 2
	;;
esac
