// Command plots draws the figures of docs/links.md from the tables in testdata:
// what a person waits for on each link and what each operation costs, over coapgw
// and over HTTPS. The same tables give the same files.
//
//	go -C conformance/plots run . -testdata ../../testdata -out ../../docs/img
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	testdata := flag.String("testdata", "../../testdata", "the directory of the tables")
	out := flag.String("out", "../../docs/img", "the directory for the figures")
	flag.Parse()
	if err := run(*testdata, *out); err != nil {
		fmt.Fprintln(os.Stderr, "plots:", err)
		os.Exit(1)
	}
}

// run draws all figures.
func run(testdata, out string) error {
	charts, err := charts(testdata)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	for name, c := range charts {
		image, err := c.svg()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(out, name), image, 0o644); err != nil {
			return err
		}
	}
	return nil
}
