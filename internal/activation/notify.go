package activation

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Notifier tells the service manager how the process does. The zero value tells nobody,
// and so does each method where there is no manager.
type Notifier struct {
	address string
}

// patience is how long a message waits for a manager that does not read.
const patience = time.Second

// NewNotifier returns one for the manager that the environment names. A socket that is
// neither a path nor, with "@", abstract is none of a manager that this package knows.
func NewNotifier(getenv func(string) string) Notifier {
	address := getenv(NotifyVariable)
	if !strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "@") {
		return Notifier{}
	}
	return Notifier{address}
}

// Ready says that the process serves, after its start or after Reloading.
func (n Notifier) Ready() error { return n.send("READY=1") }

// Stopping says that the process is about to end.
func (n Notifier) Stopping() error { return n.send("STOPPING=1") }

// Reloading says that the process reads its configuration anew, or makes place for
// another one, until somebody is Ready.
func (n Notifier) Reloading() error {
	if now, ok := monotonic(); ok { // Type=notify-reload wants to know
		return n.send("RELOADING=1", "MONOTONIC_USEC="+strconv.FormatInt(now.Microseconds(), 10))
	}
	return n.send("RELOADING=1")
}

// MainPID says which process is the service from now on.
func (n Notifier) MainPID(pid int) error { return n.send("MAINPID=" + strconv.Itoa(pid)) }

// Status says in one line for people what the process does.
func (n Notifier) Status(text string) error {
	return n.send("STATUS=" + strings.ReplaceAll(text, "\n", "; "))
}

// Alive keeps the manager's watchdog from barking.
func (n Notifier) Alive() error { return n.send("WATCHDOG=1") }

func (n Notifier) send(lines ...string) error {
	if n.address == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Net: "unixgram", Name: n.address})
	if err != nil {
		return fmt.Errorf("service manager not told: %w", err)
	}
	defer conn.Close()
	if err := conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return fmt.Errorf("service manager not told: %w", err)
	}
	if _, err := conn.Write([]byte(strings.Join(lines, "\n"))); err != nil {
		return fmt.Errorf("service manager not told: %w", err)
	}
	return nil
}

// WatchdogInterval returns how often Alive is to be called, half of what the manager
// waits; 0 when it does not wait for a process with one of the IDs.
func WatchdogInterval(getenv func(string) string, pids ...int) time.Duration {
	limit, err := strconv.ParseInt(getenv(WatchdogVariable), 10, 64)
	if err != nil || limit <= 0 || limit > int64(time.Duration(1<<63-1)/time.Microsecond) {
		return 0
	}
	watched := getenv(WatchedVariable)
	mine := func(pid int) bool { return strconv.Itoa(pid) == watched }
	if watched != "" && !slices.ContainsFunc(pids, mine) {
		return 0
	}
	return time.Duration(limit) * time.Microsecond / 2
}
