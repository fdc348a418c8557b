//go:build race

package idtable

const raceDetector = true
