//go:build !unix

package upgrade

import (
	"context"
	"errors"
	"os"
)

// notify returns what never comes: there is no signal for it here.
func notify() chan os.Signal { return nil }

func forget(chan os.Signal) {}

func closeOnExec(int) {}

func (p *Process) handOver(context.Context) (pid int, err error) {
	return 0, errors.New("a socket cannot be handed over on this system")
}
