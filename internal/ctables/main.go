// Command ctables writes the static tables of wire version 1 (MSC3079) as a C header, for
// clients on small machines, from the tables that the Go code goes by. It is run in the
// root of the repository.
package main

import (
	"flag"
	"log"
	"os"

	"github.com/coapgw/coapgw/cborcodec"
	"github.com/coapgw/coapgw/coap/paths"
)

func main() {
	log.SetFlags(0)
	out := flag.String("out", "examples/microcontroller/msc3079.h", "the header to write")
	flag.Parse()
	text, err := header(cborcodec.KeysV1(), paths.V1().Rows())
	if err == nil {
		err = os.WriteFile(*out, text, 0o644)
	}
	if err != nil {
		log.Fatal("ctables: ", err)
	}
}
