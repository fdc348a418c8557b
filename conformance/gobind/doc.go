// Package gobind runs gobind over package mobile, for Java and for Objective-C, as the build of
// an app does. gobind leaves out in silence what it cannot carry; here that is an error. What
// it writes has to compile, and in Java to run: an app on an ordinary JVM, in place of
// Android's, speaks to a real serve.
package gobind

import (
	_ "github.com/coapgw/coapgw/mobile" // what is bound
	_ "golang.org/x/mobile/bind"        // of which gobind copies files
	_ "golang.org/x/mobile/bind/java"   // likewise
	_ "golang.org/x/mobile/bind/objc"   // likewise
)
