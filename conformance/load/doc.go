// Package load keeps a real coapgw serve as busy over loopback as the machine can, with
// clients that come, ask for all kinds of things, and die in the middle of it. Every
// answer comes and is the right one, what is refused has a time to come again, and
// neither memory nor goroutines grow. Time decides nothing but the length.
package load
