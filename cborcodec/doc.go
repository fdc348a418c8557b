// Package cborcodec converts JSON to CBOR (RFC 8949) and back without loss, in one
// walk over the tokens: no tree of values, the order of keys kept, output appended
// to the caller's buffer. Version 1 replaces frequent keys of Matrix objects by small
// integers (MSC3079, appendix A). It is bytes only: no network, clock or log.
//
// # What survives
//
// Of every JSON text (RFC 8259) within the Limits, V1 gives back the same bytes, but
// for white space and the choice of escapes; AppendJSON writes neither more than it
// must.
//
//   - Numbers keep their text. Integers become CBOR integers, beyond 64 bits bignums
//     (tags 2 and 3, up to 1024 characters). Other numbers become a half, single or
//     double, the shortest that is exact, if the decoder prints it the same way: 0.1,
//     1.5, 1e-7. Otherwise they become a decimal fraction (tag 4), like 1.0, 0.10 and
//     1e400; and what that would print otherwise, like 1E400, -0.0 or 1.5e10, travels
//     as embedded JSON (tag 262). -0 is the negative zero of floats.
//   - Strings become text in UTF-8. One with a lone surrogate, such as "\ud800", for
//     which UTF-8 has no form, travels as WTF-8 (tag 273). This goes for keys too.
//   - Keys of the table become integers, however they were escaped. Others stay text:
//     "8" is never the integer 8. The empty key is a key like others.
//   - Duplicate keys stay, in their order.
//
// Untagged and Plain address peers that may not know tags. They keep the value of a
// number and give up its text where a plain item can hold it: 1.0 becomes 1.
//
// # What is accepted
//
// The decoder reads what any MSC3079 peer writes, also without being V1:
//
//   - heads of any length, and indefinite-length maps, arrays and strings;
//   - floats for integers: one with an integral value below 10^21 is written as an
//     integer, since Matrix knows no other numbers; others as ECMAScript writes them
//     (RFC 8785 §3.2.2.3);
//   - any integer as a key: those without a row in the table, negative ones included,
//     become their decimal digits;
//   - an integer key together with its string twin: the string wins, and the integer's
//     member is left out. Integers without a row have no twin.
//
// Refused with a *SyntaxError are byte strings, undefined and other simple values, NaN
// and infinities, other tags, and keys that are neither text nor integers, besides
// everything that is not well-formed or not UTF-8. Refused with a *LimitError is what
// the Limits exclude, and bignums beyond 426 bytes.
//
// # Cost
//
// Time and memory are linear in the input, whatever lengths it claims; only the content
// of maps and arrays with 24 members or more is moved once more per such level, up to
// MaxDepth. With a buffer that is large enough nothing is allocated but for bignums and
// errors.
package cborcodec
