#!/bin/bash
# Runs every test and ends with one line: "N passed, N failed, N skipped".
#
#   tests/run.sh                 the unit tests, then the pytest suites
#   tests/run.sh -k EXPRESSION   only tests of the pytest suites that fit (any of pytest's options)
#
# Most suites run on a private copy of this host (tests/host/enter), some outside. Whatever can't run here counts as skipped.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

# On a private copy, and two at a time, one of each lane: most of their time they wait. What a suite writes comes when it has
# ended.
first_lane="tests/login tests/fleet tests/remote tests/container"
second_lane="tests/agent tests/admin tests/store tests/api tests/setup tests/doctor"
# Outside: what tests/demo shows is that the host stays as it is; tests/packages has a Debian of its own.
outer_suites="tests/packages tests/demo"
python=/usr/bin/python3
passed=0 failed=0 skipped=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Inherited by all that the tests start on this host: how leftover processes are known.
export BERTH_TEST_RUN=${work##*/}

count() {
	passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
}

# sum FILE PATTERN: the numbers before "test(s)" in cmocka's closing lines of that kind, added up.
sum() {
	grep -F "$2" "$1" | grep -oE '[0-9]+ test\(s\)' | awk '{ total += $1 } END { print total + 0 }'
}

# A program that ends badly without a word about a failed test (a crash, a failing set-up) counts as one failure.
unit_program() {
	local output=$work/unit status=0 bad
	echo "== ${1#build/}"
	timeout 300 "$1" >"$output" 2>&1 || status=$?
	bad=$(sum "$output" '[  FAILED  ]')
	if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
		bad=1
	fi
	if [ "$bad" -eq 0 ]; then
		grep -E '^\[ +(PASSED|SKIPPED) +\].*test\(s\)' "$output"
	else
		cat "$output"
		echo "${1#build/}: exit status $status"
	fi
	count "$(sum "$output" '[  PASSED  ]')" "$bad" "$(sum "$output" '[  SKIPPED ]')"
}

# number FILE WORD: the number before the word in pytest's closing line.
number() {
	grep -E '^[0-9].* in [0-9.]+s' "$1" | tail -n 1 | grep -oE "[0-9]+ $2" | grep -oE '[0-9]+' || echo 0
}

# suite DIRECTORY [ENTER]: pytest there, through ENTER when given, into $work/DIRECTORY.{output,counts}. Status 5 is pytest's
# "no test fits".
suite() {
	local results=$work/${1//\//-} status=0 bad
	if [ -t 1 ]; then
		echo "-- $1 runs"
	fi
	# Who runs this in the background, or by nohup, ignores signals, and so would all that the tests start.
	${2-} env --default-signal PYTHONDONTWRITEBYTECODE=1 \
	    "$python" -m pytest -p no:cacheprovider -q -rfEs --timeout=300 "$1" "${options[@]}" >"$results.output" 2>&1 || status=$?
	bad=$(($(number "$results.output" failed) + $(number "$results.output" error)))
	if [ "$status" -ne 0 ] && [ "$status" -ne 5 ] && [ "$bad" -eq 0 ]; then
		echo "$1: pytest ended with status $status" >>"$results.output"
		bad=1
	fi
	echo "$(number "$results.output" passed) $bad $(number "$results.output" skipped)" >"$results.counts"
	flock "$work/lock" sh -c 'echo "== $1"; cat "$2"' - "$1" "$results.output"
}

# lane ENTER DIRECTORY…: one after the other.
lane() {
	local enter=$1 directory
	shift
	for directory in "$@"; do
		if [ -d "$directory" ]; then
			suite "$directory" "$enter"
		fi
	done
}

# add_up DIRECTORY…: a suite without a result was broken off.
add_up() {
	local directory counts
	for directory in "$@"; do
		if [ ! -d "$directory" ]; then
			continue
		fi
		counts=$work/${directory//\//-}.counts
		if [ -s "$counts" ]; then
			# shellcheck disable=SC2046 # three numbers
			count $(<"$counts")
		else
			echo "$directory: no result"
			count 0 1 0
		fi
	done
}

host_unchanged() {
	local after=$work/after
	echo "== the host"
	if [ "$(id -u)" -ne 0 ]; then
		echo "only root can see whether the host is unchanged: skipped"
		count 0 0 1
		return
	fi
	tests/host/snapshot >"$after"
	if diff "$work/before" "$after"; then
		echo "files, mounts and processes are what they were"
		count 1 0 0
	else
		echo "the host is not what it was before the tests (<)"
		count 0 1 0
	fi
}

options=("$@")
enter=tests/host/enter
tests/host/snapshot >"$work/before"
# The Debian of tests/packages takes a minute, mostly of waiting; whoever comes first makes it.
if [ ${#options[@]} -eq 0 ]; then
	tests/packages/debian_root >/dev/null 2>&1 &
fi
if [ ${#options[@]} -eq 0 ]; then
	for program in build/tests/test_*; do
		if [ -x "$program" ]; then
			unit_program "$program"
		fi
	done
fi
# Where there can be no private copy, the suites run all the same, to say test by test that they are skipped.
$enter true || enter=
# As jobs with process groups of their own, or an interrupt would leave the one in the background running.
set -m
lane "$enter" $first_lane &
first=$!
lane "$enter" $second_lane &
second=$!
set +m
trap 'kill -KILL -- -$first -$second 2>/dev/null; exit 130' INT TERM
wait
trap - INT TERM
lane '' $outer_suites
add_up $first_lane $second_lane $outer_suites
host_unchanged

echo
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
