package main

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is measured with must be new to who was trained: other servers, people, rooms
// and texts.
func TestHeldOutServersHaveNothingOfTheOthers(t *testing.T) {
	var servers []server
	require.NoError(t, readJSON("servers.json", &servers))
	list, err := os.ReadFile("../../testdata/corpus/heldout.txt")
	require.NoError(t, err)
	held := strings.Fields(string(list))

	quoted := regexp.MustCompile(`: *"([^"]*)"`)
	seen := map[bool]map[string]bool{false: {}, true: {}}
	texts := map[bool]map[string][]string{}
	for side, file := range map[bool]string{false: "texts/training.json", true: "texts/heldout.json"} {
		var byLanguage map[string][]string
		require.NoError(t, readJSON(file, &byLanguage))
		texts[side] = byLanguage
		for language, all := range byLanguage {
			require.GreaterOrEqual(t, len(all), 60, language)
			for _, text := range all {
				seen[side][text] = true
			}
		}
	}
	count := map[bool]int{}
	for _, s := range servers {
		require.Equal(t, slices.Contains(held, s.Name), s.HeldOut, s.Name)
		count[s.HeldOut]++
		seen[s.HeldOut][s.Name] = true
		for _, m := range quoted.FindAllStringSubmatch(string(s.Rooms), -1) {
			seen[s.HeldOut][m[1]] = true
		}
		for _, u := range s.Users {
			seen[s.HeldOut][u.Name], seen[s.HeldOut][u.Display], seen[s.HeldOut][u.Device] = true, true, true
		}
		for _, language := range s.Languages {
			require.Contains(t, texts[s.HeldOut], language, s.Name)
		}
	}
	require.Len(t, held, count[true])
	require.GreaterOrEqual(t, count[false], 5)
	require.GreaterOrEqual(t, count[true], 3)
	for text := range maps.Keys(seen[true]) {
		require.NotContains(t, seen[false], text)
	}
}
