// Package tcpnet is an Internet of two hosts in virtual time: each has the TCP/IP
// stack of gVisor, which keeps to what Linux does (timestamps, window scaling,
// SACK, CUBIC, RACK), and their IP packets cross a link of internal/linkemu.
//
// gVisor parks goroutines by itself, in a manner that testing/synctest takes for
// waiting on the world outside, so that time would stand still in its bubbles.
// Instead Network.Run lets every goroutine of the process run until all of them
// wait, and then moves the clock to the next thing due. It therefore needs the
// process for itself: one processor, and no other test at the same time.
package tcpnet
