// Package race says whether the race detector looks on, under which tests take several
// times as long: those that play many histories play fewer, and run whole without it
// (Makefile, unit). cborcodec/idtable, coap/observe, coap/outbox, dtls and mobile
// use it.
package race
