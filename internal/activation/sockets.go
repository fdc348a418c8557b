package activation

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Variables of the environment that concern one process alone: whoever has read them
// should keep them from the processes that it starts.
const (
	PIDVariable      = "LISTEN_PID"
	CountVariable    = "LISTEN_FDS"
	NamesVariable    = "LISTEN_FDNAMES"
	NotifyVariable   = "NOTIFY_SOCKET"
	WatchdogVariable = "WATCHDOG_USEC"
	WatchedVariable  = "WATCHDOG_PID"
)

// FirstFD is the file descriptor of the first socket that is passed.
const FirstFD = 3

// mostSockets bounds what is passed; systemd's own bound for a process is of that order.
const mostSockets = 1024

// Socket is an open socket that was passed.
type Socket struct {
	// FD is its file descriptor, which Passed leaves as it is.
	FD int
	// Name is FileDescriptorName of the socket unit, "" where none was told.
	Name string
}

// Error is an environment that contradicts itself: whoever wrote it has to put it right.
type Error struct {
	// Variable is the name of what is wrong.
	Variable string
	// Problem says what, and what would be right.
	Problem string
}

func (e *Error) Error() string { return "environment variable " + e.Variable + ": " + e.Problem }

// Passed returns the sockets that the environment passes to a process with one of the
// IDs, none when it passes them to another or not at all. It fails with an *Error.
func Passed(getenv func(string) string, pids ...int) ([]Socket, error) {
	count, addressee := getenv(CountVariable), getenv(PIDVariable)
	if count == "" || addressee == "" {
		return nil, nil
	}
	pid, err := strconv.Atoi(addressee)
	if err != nil || pid <= 0 {
		return nil, &Error{PIDVariable, fmt.Sprintf("%q is no process ID", addressee)}
	}
	if !slices.Contains(pids, pid) {
		return nil, nil
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > mostSockets {
		return nil, &Error{CountVariable, fmt.Sprintf("%q is not a number from 0 to %d", count, mostSockets)}
	}
	var names []string
	if list := getenv(NamesVariable); list != "" {
		if names = strings.Split(list, ":"); len(names) != n {
			return nil, &Error{NamesVariable, fmt.Sprintf("has %d names for %d sockets", len(names), n)}
		}
	}
	sockets := make([]Socket, n)
	for i := range sockets {
		sockets[i].FD = FirstFD + i
		if names != nil {
			sockets[i].Name = names[i]
		}
	}
	return sockets, nil
}
