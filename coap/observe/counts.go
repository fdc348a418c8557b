package observe

// countKeys are the members of an answer to /sync that every one repeats (CS API,
// "Extensions to /sync" of end-to-end encryption): without them a client takes its keys for
// used up, or its homeserver for one that knows none.
func countKeys() []string {
	return []string{
		"device_one_time_keys_count", "device_unused_fallback_key_types",
		"org.matrix.msc2732.device_unused_fallback_key_types",
	}
}
