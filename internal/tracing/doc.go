// Package tracing tells a collector, in the OpenTelemetry protocol, how long requests take and
// where: at the HTTP side, over the link, and at the homeserver. Spans name the pattern of a
// path, the method and the status, and nothing of whose request it is.
//
// No context of a trace crosses the link, where it would cost 26 bytes a request: the two ends
// have traces of their own. A client that sends a traceparent (W3C Trace Context) finds the
// spans of its own end in its trace, and a homeserver that reads one finds that of coapgw serve.
package tracing
