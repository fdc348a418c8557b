//go:build race

package dtls

const raceDetector = true
