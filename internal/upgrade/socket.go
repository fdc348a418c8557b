package upgrade

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
)

// ErrSockets is returned where other than one UDP socket was passed.
var ErrSockets = errors.New("upgrade: pass one UDP socket: the socket unit needs a single ListenDatagram= with a port")

// Socket returns the UDP socket that was passed to this process, or a new one at
// address, host:port, when none was. It is called once, after Inherit: two processes that
// read from a socket would take each other's datagrams.
func (p *Process) Socket(ctx context.Context, address string) (net.PacketConn, error) {
	if len(p.passed) == 0 {
		pc, err := (&net.ListenConfig{}).ListenPacket(ctx, "udp", address)
		if err != nil {
			return nil, err
		}
		p.socket, _ = pc.(*net.UDPConn)
		return pc, nil
	}
	for _, s := range p.passed {
		f := os.NewFile(uintptr(s.FD), s.Name)
		pc, err := net.FilePacketConn(f)
		_ = f.Close() // pc is another descriptor of the same socket
		udp, ok := pc.(*net.UDPConn)
		switch {
		case err != nil:
			p.log.Warn("upgrade: a passed socket is of no use", "fd", s.FD, "name", s.Name, "error", err)
		case !ok || p.socket != nil:
			return nil, errors.Join(ErrSockets, pc.Close(), p.closeSocket())
		default:
			p.socket = udp
		}
	}
	if p.socket == nil {
		return nil, ErrSockets
	}
	p.log.Info("upgrade: socket taken over", "addr", p.socket.LocalAddr(), "instead of", address)
	return p.socket, nil
}

func (p *Process) closeSocket() error {
	if p.socket == nil {
		return nil
	}
	if err := p.socket.Close(); err != nil {
		return fmt.Errorf("upgrade: %w", err)
	}
	return nil
}
