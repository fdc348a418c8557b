// Package mobile is coapgw for apps on Android and iOS: package client behind types that
// gobind (golang.org/x/mobile) can carry to Java, Kotlin, Objective-C and Swift.
//
// An app opens a Gateway with a pairing line. With an unmodified Matrix SDK it calls Start and
// gives the SDK the URL that it returns in place of the homeserver's; without one it calls
// Request. When the system puts the app to sleep it calls Suspend, when it comes back Resume,
// and when the network has changed NetworkChanged: the session with the server lasts through
// all of that, and through the death of the process, if Config names a directory.
//
// Every method may be called from any thread. Those that may wait say so: call them from a
// thread that is not the app's main one. Errors reach Java and Swift as text alone, which
// begins with one of the Error constants and a colon.
//
// docs/embedding-mobile.md says which callbacks of the systems should call what, and what a
// wake-up costs.
package mobile
