package dtls

import (
	"fmt"
	"runtime/debug"
)

// guard runs what takes a datagram of anybody. Where Recover is set and it panics, the
// datagram is lost like one that the network has dropped.
func (c *Config) guard(take func()) {
	if c.Recover {
		defer func() {
			if value := recover(); value != nil {
				c.log().Error("dtls: a panic over a datagram: please report it", "panic", fmt.Sprintf("%T", value), "stack", string(debug.Stack()))
			}
		}()
	}
	take()
}
