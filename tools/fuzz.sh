#!/bin/sh
# fuzz.sh TIME [PACKAGE]: runs each fuzz target of the module, or of one package, for TIME, one after the other,
# since one target of one package fuzzes at a time. The test program of a package is built once.
set -eu
time=$1
packages=${2:-./...}
go=${GO:-go}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# go test -list prints the targets of a package, then "ok" and its name.
"$go" test -list '^Fuzz' "$packages" >"$dir/list"
awk '/^Fuzz/ {target[++n] = $1} /^ok/ {for (i = 1; i <= n; i++) print $2, target[i]; n = 0}' "$dir/list" >"$dir/targets"
[ -s "$dir/targets" ] || { echo "no fuzz target found" >&2; exit 1; }
# Inputs that reached something new lie where go test -fuzz has them too.
cache=$("$go" env GOCACHE)/fuzz

# A target reports "context deadline exceeded" when TIME ends while a worker is
# still at an input (golang/go#75804). Nothing else stands in the report then, and
# no failing input is written; a target that hangs or fails says so.
only_deadline() {
	! grep -q 'Failing input written' "$1" &&
		[ "$(sed -n '/^--- FAIL/,/^FAIL/p' "$1" | sed '1d;$d')" = '    context deadline exceeded' ]
}

# fuzz PACKAGE TARGET CACHE runs the built program in its directory.
fuzz() {
	if ! (cd "$home" && "$dir/fuzz.test" -test.run '^$' -test.fuzz "^$2\$" -test.fuzztime "$time" -test.fuzzminimizetime 1s \
		-test.fuzzcachedir "$3/$1" >"$dir/log" 2>&1 </dev/null); then
		if ! only_deadline "$dir/log"; then
			cat "$dir/log"
			exit 1
		fi
	fi
	last=$(grep '^fuzz: elapsed' "$dir/log" | tail -n 1)
	echo "$last"
}

# looked: more was tried than the inputs that were there.
looked() {
	echo "$last" | sed -n 's/.*execs: \([0-9]*\) .*total: \([0-9]*\).*/\1 \2/p' | {
		read -r tried there && [ "$tried" -gt "$there" ]
	}
}

built=
while read -r package target; do
	if [ "$package" != "$built" ]; then
		"$go" test -c -fuzz . -o "$dir/fuzz.test" "$package"
		home=$("$go" list -f '{{.Dir}}' "$package")
		built=$package
	fi
	echo "fuzz $package $target"
	fuzz "$package" "$target" "$cache"
	# Inputs of earlier runs may take all the time, and leave none to look for new ones.
	looked || fuzz "$package" "$target" "$dir/cache"
done <"$dir/targets"
