//go:build !race

package mobile

const underRace = false
