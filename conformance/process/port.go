package process

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
)

const (
	// firstGiven is the first port that Linux gives to who asks for any, unless it is told otherwise
	// (ip_local_port_range). Other systems begin later.
	firstGiven = 32768
	// reach is how many ports below those are chosen from.
	reach = 12_000
	// tries is how many of them may be taken.
	tries = 1000
)

// FreeAddr returns an address of this machine, for "tcp" or "udp", on which nobody listens: for a
// program that has to be told its port, or has to find it again when it is restarted. The port
// is none of those that the kernel gives to sockets which ask for any, so that no other test
// gets it by chance before the program does, or while the program is away.
func FreeAddr(network string) (string, error) {
	first := firstGiven
	if text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		if _, err := fmt.Sscan(string(text), &first); err != nil {
			return "", fmt.Errorf("ports of the kernel: %w", err)
		}
	}
	lowest := max(1024, first-reach)
	if lowest >= first {
		return "", fmt.Errorf("a free port: the kernel gives all from %d on", first)
	}
	var last error
	for range tries {
		addr := fmt.Sprintf("127.0.0.1:%d", lowest+rand.IntN(first-lowest))
		if last = probe(network, addr); last == nil {
			return addr, nil
		}
	}
	return "", fmt.Errorf("a free port: %w", last)
}

// probe listens on an address for a moment.
func probe(network, addr string) error {
	if network == "udp" {
		pc, err := net.ListenPacket(network, addr)
		if err != nil {
			return err
		}
		return pc.Close()
	}
	l, err := net.Listen(network, addr)
	if err != nil {
		return err
	}
	return l.Close()
}
