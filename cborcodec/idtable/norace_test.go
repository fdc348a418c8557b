//go:build !race

package idtable

const raceDetector = false
