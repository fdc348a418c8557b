// Command trainv2 makes the model that package coder ships, out of recorded traffic,
// and measures it on recordings that were held out. It is run in the root of the
// repository:
//
//	go run ./internal/trainv2            makes cborcodec/coder/shipped.model
//	go run ./internal/trainv2 -measure   measures it
//
// The model is a pure function of the recordings and of this program.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"

	"github.com/coapgw/coapgw/cborcodec/coder"
	"github.com/coapgw/coapgw/cborcodec/coder/train"
)

func main() {
	log.SetFlags(0)
	file := flag.String("model", "cborcodec/coder/shipped.model", "model to make or to measure")
	measureOnly := flag.Bool("measure", false, "measure the model")
	flag.Parse()
	run := makeModel
	if *measureOnly {
		run = measureModel
	}
	if err := run(*file); err != nil {
		log.Fatal(err)
	}
}

func makeModel(file string) error {
	messages, err := trainingMessages(".")
	if err != nil {
		return err
	}
	model, err := train.Train(messages)
	if err != nil {
		return err
	}
	return os.WriteFile(file, model, 0o644)
}

func measureModel(file string) error {
	packed, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	model, err := coder.Load(packed)
	if err != nil {
		return err
	}
	all, err := heldMessages(".", false)
	if err != nil {
		return err
	}
	fmt.Printf("model %s: %d bytes\n", model.ID(), len(packed))
	return printTable(os.Stdout, measureTable(coder.New(model, 1), all))
}
