module github.com/coapgw/coapgw/conformance/homeserver

go 1.26

require github.com/element-hq/dendrite v0.15.2
