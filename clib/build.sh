#!/bin/sh
# Builds libcoapgw for this machine, static and shared, and installs it under DESTDIR:
#
#	DESTDIR=$HOME/staging PREFIX=/usr clib/build.sh
#
# VERSION, vX.Y.Z, is what the library calls itself; LIBDIR is where it lies. Needs Go,
# gcc and binutils. The same sources, Go and gcc give the same bytes.
#
# For another machine, with its compiler and binutils:
#
#	GOARCH=arm GOARM=7 CROSS=arm-linux-gnueabihf- DESTDIR=... clib/build.sh
set -eu
cd "$(dirname "$0")"

PREFIX=${PREFIX:-/usr/local}
LIBDIR=${LIBDIR:-$PREFIX/lib}
VERSION=${VERSION:-v0.0.0}
TAGS=${TAGS:-} # further build tags
CROSS=${CROSS:-}
root=${DESTDIR:-}

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
if [ -n "$CROSS" ]; then
	export CC="${CROSS}gcc"
fi

# Names are looked up by Go, as in the program: glibc's way cannot be linked statically.
# No paths, times or debugging information get in.
build() { # build MODE OUTPUT LINKER-FLAGS
	CGO_ENABLED=1 CGO_CFLAGS="-O2 -g0 -DCOAPGW_VERSION=$VERSION" go build -buildmode="$1" -o "$2" \
		-trimpath -buildvcs=false -tags "netgo,osusergo${TAGS:+,$TAGS}" -ldflags "-s -w -buildid= $3" .
}

soname=libcoapgw.so.$(sed -n 's/^#define COAPGW_ABI_VERSION \([0-9]*\)$/\1/p' coapgw.h)
cp coapgw.map "$stage/" # flags are words, and the sources may lie where a space is in the name
build c-shared "$stage/$soname" \
	"-extldflags '-Wl,-soname,$soname -Wl,--version-script=$stage/coapgw.map -Wl,-z,defs -Wl,-z,now -Wl,--build-id=none'"

# One object, in which no names but ours are global: Go's would meet those of the
# program, "main" among them.
build c-archive "$stage/whole.a" ""
mkdir "$stage/objects"
(cd "$stage/objects" && "${CROSS}ar" x ../whole.a)
"${CROSS}ld" -r -d -o "$stage/coapgw.o" "$stage"/objects/*.o
sed -n 's/^\t\t\(coapgw_[a-z_]*\);$/\1/p' coapgw.map >"$stage/names"
"${CROSS}objcopy" --keep-global-symbols="$stage/names" "$stage/coapgw.o"
(cd "$stage" && "${CROSS}ar" rcsD libcoapgw.a coapgw.o)

install -d "$root$PREFIX/include" "$root$LIBDIR/pkgconfig"
install -m 0644 coapgw.h "$root$PREFIX/include/"
install -m 0644 "$stage/$soname" "$stage/libcoapgw.a" "$root$LIBDIR/"
ln -sf "$soname" "$root$LIBDIR/libcoapgw.so"
sed -e "s|@PREFIX@|$PREFIX|" -e "s|@LIBDIR@|$LIBDIR|" -e "s|@VERSION@|${VERSION#v}|" coapgw.pc.in >"$root$LIBDIR/pkgconfig/coapgw.pc"
chmod 0644 "$root$LIBDIR/pkgconfig/coapgw.pc"
