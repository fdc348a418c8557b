//go:build !race

package race

// Detector reports that this is built with -race.
const Detector = false
