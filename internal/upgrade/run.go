package upgrade

import (
	"context"
	"sync"
)

// Run tells the service manager that the process is ready, and runs serve until it
// returns. When an upgrade is asked for, and a successor could serve, the context of serve
// ends, as it does when ctx does; whatever has to be stored is stored by then or before
// Close. When no successor could, serve goes on.
func (p *Process) Run(ctx context.Context, serve func(context.Context) error) error {
	serving, end := context.WithCancel(ctx)
	var work sync.WaitGroup
	defer work.Wait()
	defer end()
	work.Go(func() { p.attend(serving, end) })
	p.told(p.manager.Ready())
	return serve(serving)
}

// attend carries out upgrades until one succeeds or the process is to stop.
func (p *Process) attend(ctx context.Context, end context.CancelFunc) {
	for {
		select {
		case <-ctx.Done():
			p.told(p.manager.Stopping())
			return
		case <-p.signals:
		}
		p.log.Info("upgrade: starting the next process", "program", p.program)
		p.told(p.manager.Reloading())
		pid, err := p.handOver(ctx)
		if err == nil {
			p.log.Info("upgrade: the next process takes over", "pid", pid)
			p.told(p.manager.MainPID(pid))
			end()
			return
		}
		p.log.Error("upgrade failed: this process goes on", "error", err)
		p.told(p.manager.Status("upgrade failed: " + err.Error()))
		p.told(p.manager.Ready())
	}
}
