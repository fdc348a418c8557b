//go:build !race

package dtls

const raceDetector = false
