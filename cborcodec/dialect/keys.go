package dialect

// keyNumbers is keyRows read the other way. Row n is the integer -1-n as a map key;
// the keys of version 1 keep their positive integers (package cborcodec).
var keyNumbers = func() map[string]uint64 {
	numbers := make(map[string]uint64, len(keyRows))
	for n, key := range keyRows {
		numbers[key] = uint64(n)
	}
	return numbers
}()
