package activation_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/coapgw/coapgw/internal/activation"
)

func environment(pid, fds, names string) func(string) string {
	return func(name string) string {
		return map[string]string{"LISTEN_PID": pid, "LISTEN_FDS": fds, "LISTEN_FDNAMES": names}[name]
	}
}

func TestPassed(t *testing.T) {
	for _, tt := range []struct {
		name, pid, fds, names string
		want                  []activation.Socket
		wrong                 string // variable
	}{
		{name: "no manager"},
		{name: "no count", pid: "7"},
		{name: "nobody", fds: "1"},
		{name: "another process", pid: "8", fds: "1"},
		{name: "one", pid: "7", fds: "1", want: []activation.Socket{{FD: 3}}},
		{name: "by another ID", pid: "6", fds: "1", want: []activation.Socket{{FD: 3}}},
		{name: "names", pid: "7", fds: "2", names: "coap:", want: []activation.Socket{{FD: 3, Name: "coap"}, {FD: 4}}},
		{name: "none", pid: "7", fds: "0", want: []activation.Socket{}},
		{name: "too few names", pid: "7", fds: "2", names: "coap", wrong: "LISTEN_FDNAMES"},
		{name: "no number", pid: "7", fds: "x", wrong: "LISTEN_FDS"},
		{name: "negative", pid: "7", fds: "-1", wrong: "LISTEN_FDS"},
		{name: "too many", pid: "7", fds: "1025", wrong: "LISTEN_FDS"},
		{name: "no process", pid: "x", fds: "1", wrong: "LISTEN_PID"},
		{name: "process 0", pid: "0", fds: "1", wrong: "LISTEN_PID"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := activation.Passed(environment(tt.pid, tt.fds, tt.names), 7, 6)
			var wrong *activation.Error
			if tt.wrong != "" {
				assert.ErrorAs(t, err, &wrong)
				assert.Equal(t, tt.wrong, wrong.Variable)
				return
			}
			assert.NoError(t, err)
			assert.Equal(t, tt.want, got)
		})
	}
}

func FuzzPassed(f *testing.F) {
	f.Add("7", "2", "a:b")
	f.Add("7", "99999999999999999999", "")
	f.Fuzz(func(t *testing.T, pid, fds, names string) {
		got, err := activation.Passed(environment(pid, fds, names), 7)
		if err != nil || len(got) == 0 {
			return
		}
		want, _ := strconv.Atoi(fds)
		assert.Len(t, got, want)
		assert.LessOrEqual(t, len(got), 1024)
	})
}
