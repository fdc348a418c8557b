// Module https measures what HTTPS costs where coapgw is measured. It is a module
// of its own so that nobody who links coapgw sees the TCP stack that it requires.
module github.com/coapgw/coapgw/conformance/https

go 1.26.0

require (
	github.com/coapgw/coapgw v0.0.0-00010101000000-000000000000
	github.com/stretchr/testify v1.12.1
	gvisor.dev/gvisor v0.0.0-20260224225140-573d5e7127a8
)

require (
	github.com/google/btree v1.1.2 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/exp v0.0.0-20240904232852-e7e105dedf7e // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/time v0.16.0 // indirect
)

replace github.com/coapgw/coapgw => ../..
