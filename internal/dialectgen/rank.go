package main

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

const (
	// minWord is the shortest string that a number of two bytes shortens.
	minWord = 2
	// wordCost is what most words cost, in bytes.
	wordCost = 2
)

// tables are the rows in the order of their numbers.
type tables struct{ keys, words, arguments, routes []string }

func (c *census) tables() tables {
	return tables{
		keys:      c.rankedKeys(),
		words:     c.rankedWords(),
		arguments: byCount(c.arguments, c.argumentCounts),
		routes:    byCount(recentFirst(c.routes), c.routeCounts),
	}
}

// byCount sorts by falling count; entries of equal count keep their order.
func byCount(entries []string, counts map[string]int) []string {
	sorted := slices.Clone(entries)
	slices.SortStableFunc(sorted, func(a, b string) int { return counts[b] - counts[a] })
	return sorted
}

// recentFirst moves the routes that clients of this link hardly use to the end.
func recentFirst(routes []string) []string {
	sorted := slices.Clone(routes)
	slices.SortStableFunc(sorted, func(a, b string) int { return cmp.Compare(age(a), age(b)) })
	return sorted
}

func age(route string) int {
	switch {
	case strings.Contains(route, "/federation/"), strings.Contains(route, "/_matrix/key/"):
		return 2
	case strings.Contains(route, "/r0/"), strings.Contains(route, "/_matrix/media/v1/"):
		return 1
	default:
		return 0
	}
}

func (c *census) rankedKeys() []string {
	keys := slices.DeleteFunc(slices.Clone(c.keys), isVersion1Key)
	return byCount(keys, c.keyCounts)
}

// rankedWords sorts strings and containers by what they save.
func (c *census) rankedWords() []string {
	var words []chosen
	for _, w := range c.words {
		if len(w) > minWord {
			words = append(words, chosen{strconv.Quote(w), c.wordCounts[w] * (len(w) + 1 - wordCost)})
		}
	}
	words = append(words, c.chooseContainers()...)
	slices.SortStableFunc(words, func(a, b chosen) int { return cmp.Compare(b.saved, a.saved) })
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = w.text
	}
	return texts
}

// minSaved is what a container has to save in all the traffic to become a word, in
// bytes; the containers of the vocabulary always do.
const minSaved = 60

// minSessions is in how many sessions it has to occur, so that it is not a habit of
// one of them.
const minSessions = 4

// chosen is a text that becomes a word.
type chosen struct {
	text  string
	saved int
}

// chooseContainers picks the container that saves most, again and again, each time
// with what the earlier ones left to save.
func (c *census) chooseContainers() []chosen {
	// The outer before the inner ones, so that one pass counts.
	order := make([]*container, 0, len(c.containers))
	for _, f := range c.containers {
		order = append(order, f)
	}
	slices.SortFunc(order, func(a, b *container) int {
		return cmp.Or(len(b.text)-len(a.text), cmp.Compare(a.text, b.text))
	})
	listed := map[string]bool{}
	for _, text := range c.vocabulary.containers {
		listed[text] = true
	}
	taken := map[*container]bool{}
	var result []chosen
	for {
		best, saved := best(order, taken)
		if best == nil || saved < minSaved {
			break
		}
		taken[best] = true
		result = append(result, chosen{best.text, saved})
	}
	for _, f := range order {
		if listed[f.text] && !taken[f] {
			result = append(result, chosen{f.text, 0})
		}
	}
	return result
}

// best returns the container that would save most now, and how much, in bytes.
func best(order []*container, taken map[*container]bool) (best *container, saved int) {
	occurs := map[*container]int{}
	for _, f := range order {
		occurs[f] += f.outside
		if taken[f] {
			continue
		}
		for inner, n := range f.inner {
			occurs[inner] += n * occurs[f]
		}
	}
	size := map[*container]int{}
	for _, f := range slices.Backward(order) {
		if taken[f] {
			size[f] = wordCost
			continue
		}
		n := f.own
		for inner, times := range f.inner {
			n += times * size[inner]
		}
		size[f] = n
		if s := occurs[f] * (n - wordCost); f.sessions >= minSessions && (s > saved || s == saved && best != nil && f.text < best.text) {
			best, saved = f, s
		}
	}
	return best, saved
}
