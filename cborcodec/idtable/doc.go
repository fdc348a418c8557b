// Package idtable holds the tables of identifiers that both ends of a session of
// wire version 2 know: names instead of strings of 20 to 60 bytes, on links that lose,
// repeat and reorder messages, under requests that overlap, across restarts of either
// end. It knows no encoding, no link and no clock; package wire2 writes what it says.
//
// # Names
//
// There is a table for each direction, filled by the end that sends. An entry is a
// string at an absolute index. What a message inserts is a batch with an absolute
// number. Neither is ever used for anything else, whatever becomes of the message. A
// message names a batch of each table, its bases, and everything else by its distance
// from their ends; so it reads the same whenever it arrives.
//
// # Who may refer to what
//
// A request names as bases the newest batch of the client's that the server is known to
// hold (C), and the newest of the server's up to which the client holds everything that
// it has not declared dead (A): that is its acknowledgement. Its response has the same
// bases, and the request's own batch. So a response can always be read, however late or
// often it comes, and only a request can fail to be, before it has an effect: when the
// server has lost its tables. It then says so, and the client begins an epoch of new
// tables, in the next message.
//
// Requests name bases by a few bits. They suffice because each end keeps its batches
// close to what the oldest request names that may still arrive; see Client and Server.
package idtable
