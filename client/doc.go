// Package client has a program speak to a Matrix homeserver over a terrible link, by way of
// a coapgw serve next to the homeserver, and without a coapgw connect:
//
//	c, err := client.Open(line, client.Options{}) // the line that coapgw keygen psk printed
//	defer c.Close()
//	matrix := http.Client{Transport: c}
//
// Requests go to the homeserver of the pairing, whatever the host in their URL. GET /sync is
// answered out of what the server pushes (docs/push.md). docs/embedding.md tells what that
// takes of a small machine.
package client
