package program

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// shell starts a shell script that creates the file ready when it is up.
func shell(t *testing.T, script string) (p *Program, ready func(context.Context) error) {
	t.Helper()
	dir := t.TempDir()
	p, err := Start(Config{
		Name: "script", Path: "/bin/sh", Args: []string{"-c", script}, Dir: dir,
		LogPath: filepath.Join(dir, "log"),
	})
	require.NoError(t, err)
	return p, func(context.Context) error {
		_, err := os.Stat(filepath.Join(dir, "ready"))
		return err
	}
}

func TestGracefulStop(t *testing.T) {
	p, ready := shell(t, `trap 'echo bye; exit 0' TERM; echo hello; echo oops >&2; touch ready; while :; do sleep 0.01; done`)
	require.NoError(t, p.Ready(t.Context(), ready))
	require.NoError(t, p.Stop(10*time.Second))
	require.Equal(t, "hello\noops\nbye", p.LogTail())
	require.ErrorIs(t, p.Stop(time.Second), ErrExited, "it has been stopped already")
}

func TestStopReportsABadEnd(t *testing.T) {
	p, ready := shell(t, `trap 'echo failed; exit 3' TERM; touch ready; while :; do sleep 0.01; done`)
	require.NoError(t, p.Ready(t.Context(), ready))
	err := p.Stop(10 * time.Second)
	require.ErrorContains(t, err, "exit status 3")
	require.ErrorContains(t, err, "failed")
}

func TestStopKillsWhatDoesNotListen(t *testing.T) {
	p, ready := shell(t, `trap '' TERM; touch ready; while :; do sleep 0.01; done`)
	require.NoError(t, p.Ready(t.Context(), ready))
	require.ErrorContains(t, p.Stop(100*time.Millisecond), "killed")
}

func TestReadyReportsAnEarlyExit(t *testing.T) {
	p, ready := shell(t, `echo "cannot bind" >&2; exit 1`)
	err := p.Ready(t.Context(), ready)
	require.ErrorIs(t, err, ErrExited)
	require.ErrorContains(t, err, "cannot bind")
	require.ErrorIs(t, p.Stop(time.Second), ErrExited)
}

func TestReadyGivesUp(t *testing.T) {
	p, _ := shell(t, `while :; do sleep 0.01; done`)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	refused := errors.New("connection refused")
	err := p.Ready(ctx, func(context.Context) error { return refused })
	require.ErrorIs(t, err, refused)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, p.Stop(10*time.Second), "signal: terminated")
}

func TestAnnounced(t *testing.T) {
	p, _ := shell(t, `echo starting; printf 'listening on http'; sleep 0.2; echo ://here; while :; do sleep 0.01; done`)
	where, err := p.Announced(t.Context(), "listening on ")
	require.NoError(t, err)
	require.Equal(t, "http://here", where)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = p.Announced(ctx, "ready")
	require.ErrorContains(t, err, `it has not printed "ready" yet`)
	require.Error(t, p.Stop(10*time.Second))
}

func TestLogTailIsBounded(t *testing.T) {
	p, ready := shell(t, `i=0; while [ $i -lt 1000 ]; do echo "line $i"; i=$((i+1)); done; touch ready`)
	_ = p.Ready(t.Context(), ready)
	<-p.done
	tail := p.LogTail()
	require.LessOrEqual(t, len(tail), logTailSize)
	require.True(t, strings.HasSuffix(tail, "line 999"))
}

func TestHTTPReady(t *testing.T) {
	status := http.StatusBadGateway
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	check := HTTPReady(server.URL)
	require.ErrorContains(t, check(t.Context()), "502")
	status = http.StatusOK
	require.NoError(t, check(t.Context()))
	server.Close()
	require.Error(t, check(t.Context()))
}

func TestBuildReportsWhatTheCompilerSaid(t *testing.T) {
	err := Build(t.Context(), t.TempDir(), "./missing", filepath.Join(t.TempDir(), "missing"))
	require.ErrorContains(t, err, "build ./missing")
	require.ErrorContains(t, err, "go.mod")
}
