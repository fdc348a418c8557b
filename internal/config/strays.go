package config

import (
	"slices"
	"strings"
)

// EnvPrefix begins the names of variables of the environment that set options.
const EnvPrefix = "COAPGW_"

// fromOrchestrators are beginnings of names that Kubernetes and Docker give to variables
// when a service, or a linked container, is called coapgw.
var fromOrchestrators = []string{EnvPrefix + "SERVICE_", EnvPrefix + "PORT_", EnvPrefix + "ENV_"}

// Strays says of each variable of an environment, a list of NAME=VALUE, that it looks like
// an option and is none of known; and which one may be meant. It shows no values.
func Strays(environment, known []string) []string {
	var found []string
	for _, entry := range environment {
		name, _, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, EnvPrefix) || slices.Contains(known, name) || name == EnvPrefix+"PORT" || name == EnvPrefix+"NAME" ||
			slices.ContainsFunc(fromOrchestrators, func(begin string) bool { return strings.HasPrefix(name, begin) }) {
			continue
		}
		found = append(found, name+" is no option"+meant(name, known))
	}
	slices.Sort(found)
	return found
}

// meant proposes a name for one that is none: one that is a slip away.
func meant(name string, known []string) string {
	best, least := "", 3
	for _, k := range known {
		if d := distance(name, k); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return "; " + best + " is one"
}

// distance is how many bytes have to be added, taken out or changed to make b of a
// (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			next := corner
			if a[i] != b[j] {
				next++
			}
			corner = row[j+1]
			row[j+1] = min(next, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
