package config

// Tracing is who is told how long requests take and where (package tracing).
type Tracing struct {
	// Endpoint is the URL to which spans are posted, http or https; empty for none.
	Endpoint string `name:"otlp-endpoint" help:"URL of an OpenTelemetry collector, such as http://localhost:4318/v1/traces, to which spans of requests are posted: methods, patterns of paths, statuses and times. Empty: none." placeholder:"URL"`
	// Sample is which part of the traces is told, from 0 to 1.
	Sample float64 `name:"otlp-sample" help:"Part of the traces that is told, from 0 to 1." placeholder:"PART"`
}

// Check reports the first thing wrong with t as an *Error.
func (t Tracing) Check() error {
	if err := httpURL("otlp-endpoint", t.Endpoint, false); err != nil {
		return err
	}
	if t.Sample < 0 || t.Sample > 1 || t.Sample != t.Sample {
		return fail("otlp-sample", "must be from 0 to 1, not %v", t.Sample)
	}
	return nil
}
